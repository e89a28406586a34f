"""What a worker says: a line for each thing that happens to a job, for people and for machines."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from typing import Any, cast

import pytest

from conveyor import lifecycle
from conveyor.failures import after_error, failure_of
from conveyor.ids import new_id
from conveyor.records import Claim, Outcome, Reason
from conveyor.retry import NoRetry, RetrySchedule
from conveyor.signals import JobTimeout
from conveyor.worker import events
from conveyor.worker.logs import FORMAT, JsonLines, Lines
from conveyor.worker.offspring import Offspring
from conveyor.worker.settings import QueueShare, WorkerSettings
from conveyor.worker.slots import SlotTable
from conveyor.worker.tally import EVERY, Tally
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until

CLAIM = Claim(
    id=new_id(),
    attempt=2,
    type="t",
    queue="q",
    priority=500,
    payload='{"password":"hunter2"}',
    options="",
    failures=0,
    crashes=0,
    max_crashes=3,
    pushed_at=1,
)
TIMES: Any = {"started_at": 1_000_000, "ended_at": 1_012_000}
AGAIN = RetrySchedule([0.5])


def completed(note: str | None = None) -> Outcome:
    return Outcome(claim=CLAIM, status=lifecycle.COMPLETED, failures=0, crashes=0, note=note, **TIMES)


def crashed() -> Outcome:
    return lifecycle.after_crash(CLAIM, failure_of("its process was killed", CLAIM, Reason.CRASHED, **TIMES))


ENDS = [
    (completed(), "DEBUG", "completed after 0.012 s", "completed"),
    (completed("too big"), "WARNING", "completed after 0.012 s, but its result is lost: too big", "completed"),
    (
        after_error(CLAIM, ValueError("bad"), AGAIN, **TIMES),
        "WARNING",
        "failed after 0.012 s, runs again in 0.5 s: ValueError: bad\nValueError: bad",
        "failed",
    ),
    (
        after_error(CLAIM, JobTimeout("too long"), AGAIN, **TIMES),
        "WARNING",
        (
            "timed out after 0.012 s, runs again in 0.5 s: conveyor.signals.JobTimeout: too long\n"
            "conveyor.signals.JobTimeout: too long"
        ),
        "timed_out",
    ),
    (
        after_error(CLAIM, ValueError("bad"), NoRetry(), **TIMES),
        "ERROR",
        "ended after 0.012 s and went to the dead letters (failed): ValueError: bad\nValueError: bad",
        "buried",
    ),
    (crashed(), "ERROR", "crashed after 0.012 s, runs again at once: its process was killed", "crashed"),
    (lifecycle.snoozed(CLAIM, 60.0), "INFO", "runs again in 60.0 s, as it asked", "snoozed"),
    (lifecycle.snoozed(CLAIM, 0.0), "INFO", "runs again in 0.0 s, as it asked", "snoozed"),
    (lifecycle.handed_back(CLAIM), "DEBUG", "was handed back", "handed_back"),
    (lifecycle.held(CLAIM, "nobody knows it"), "WARNING", "is held: nobody knows it", "held"),
    (lifecycle.cancelled(CLAIM, "no", **TIMES), "INFO", "was cancelled after 0.012 s: no", "cancelled"),
]


@pytest.fixture(autouse=True)
def all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


def record(caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    (found,) = caplog.records
    return found


@pytest.mark.parametrize(("outcome", "level", "words", "event"), ENDS)
def test_each_way_to_end_has_its_words(
    caplog: pytest.LogCaptureFixture, outcome: Outcome, level: str, words: str, event: str
) -> None:
    events.settled(outcome)

    assert record(caplog).levelname == level
    assert record(caplog).getMessage() == f"t {CLAIM.id} (queue q, attempt 2) {words}"
    assert vars(record(caplog))["event"] == event


def test_a_line_for_machines_has_everything_in_fields(caplog: pytest.LogCaptureFixture) -> None:
    formatter = JsonLines()
    formatter.worker = "w.1"

    events.settled(after_error(CLAIM, ValueError("bad"), AGAIN, **TIMES))
    line = formatter.format(record(caplog))

    assert "\n" not in line
    fields = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", fields.pop("time"))
    assert fields == {
        "level": "warning",
        "logger": "conveyor.job",
        "message": f"t {CLAIM.id} (queue q, attempt 2) failed after 0.012 s, runs again in 0.5 s: ValueError: bad",
        "worker": "w.1",
        "event": "failed",
        "job_id": str(CLAIM.id),
        "job_type": "t",
        "queue": "q",
        "attempt": 2,
        "duration_s": 0.012,
        "error_type": "builtins.ValueError",
        "error": "bad",
        "traceback": "ValueError: bad\n",
    }


def test_arguments_are_not_logged_unless_asked_for(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    events.settled(crashed())
    assert "hunter2" not in JsonLines().format(record(caplog))
    caplog.clear()
    monkeypatch.setattr(events._Shown, "arguments", True)

    events.settled(crashed())

    assert record(caplog).getMessage().endswith('its process was killed; arguments {"password":"hunter2"}')
    assert json.loads(JsonLines().format(record(caplog)))["arguments"] == '{"password":"hunter2"}'


def made(message: str, **extra: object) -> logging.LogRecord:
    return logging.getLogger("x").makeRecord("x", logging.INFO, "f", 1, message, (), None, extra=extra)


@pytest.mark.parametrize("odd", ["\ud800", 2**100, {("a", 1): 2}])
def test_what_has_no_json_costs_no_line(odd: object) -> None:
    fields = json.loads(JsonLines().format(made("hello", odd=odd)))

    assert fields["message"] == "hello"
    assert fields["odd"]


def test_the_traceback_of_any_line_is_a_field() -> None:
    try:
        raise KeyError("k")  # noqa: TRY301 - what is logged
    except KeyError:
        line = made("hello")
        line.exc_info = sys.exc_info()

    fields = json.loads(JsonLines().format(line))

    assert fields["message"] == "hello"
    assert fields["traceback"].endswith("KeyError: 'k'")
    assert fields["error_type"] == "builtins.KeyError"


def test_what_a_job_says_begins_with_its_name_and_what_others_say_does_not() -> None:
    formatter = Lines(FORMAT)

    assert formatter.format(made("hello", job_id="7", job_type="t")).endswith(" INFO    x: t 7: hello")
    assert formatter.format(made("hello")).endswith(" INFO    x: hello")


@pytest.mark.parametrize(("types", "queues", "words"), [(1, 1, "1 job type, queue q0,"), (2, 2, "queues q0, q1,")])
def test_numbers_and_nouns_agree(caplog: pytest.LogCaptureFixture, types: int, queues: int, words: str) -> None:
    known = cast("Any", dict.fromkeys(range(types)))

    events.starting(WorkerSettings(app="a:b"), "w", [QueueShare(f"q{number}") for number in range(queues)], known)

    assert words in record(caplog).getMessage()


# ── how much was done ────────────────────────────────────────────────────────────────────────────────────────────────


class Child:
    def __init__(self) -> None:
        self.slots = SlotTable.create(1)


def test_what_was_done_is_said_every_ten_seconds_while_jobs_end(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = time.monotonic()
    now = began
    monkeypatch.setattr("conveyor.worker.tally.time.monotonic", lambda: now)
    tally, first, second = Tally(), Child(), Child()
    children = cast("list[Offspring]", [first, second])

    def said(later: float) -> list[str]:
        nonlocal now
        now = began + later
        caplog.clear()
        tally.run_once(children)
        return [each.getMessage() for each in caplog.records]

    first.slots.settled(1000, 2)
    second.slots.settled(234, 0)
    assert said(1) == []
    assert said(EVERY + 0.1) == ["ran 1,234 jobs (2 failed) in 10 s"]
    assert said(EVERY + 5) == said(EVERY + 60) == []
    # After a pause nobody waits for ten seconds to see it work.
    second.slots.settled(235, 0)
    assert said(EVERY + 60.2) == ["ran 1 job in 10 s"]
    tally.bury(cast("Offspring", second))
    tally.lost()
    assert tally.total(children[:1]) == "1,236 jobs (3 failed)"


# ── a real worker ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_line_of_a_worker_is_json_when_asked_for(bench: Bench) -> None:
    spoken, failed = bench.push(jobs.speak.call("hunter2"), jobs.fail.call("badly"))
    bench.burst(log_json=True, name="w")
    # By itself: it might take the lines of what runs beside it along.
    (killed,) = bench.push(jobs.die.call("SIGKILL", bench.path))
    tree = bench.burst(log_json=True, name="w")

    lines = [json.loads(line) for line in tree.said.splitlines()]
    assert "hunter2" not in tree.said
    assert "arguments" not in {name for line in lines for name in line}
    assert {line["worker"].partition("-")[0] for line in lines} == {"w"}
    of = {id: [line for line in lines if line.get("job_id") == str(id)] for id in (spoken, failed, killed)}
    (said,) = of[spoken]
    assert {name: said[name] for name in ("message", "level", "job_type", "queue", "attempt", "tone")} == {
        "message": "spoken aloud",
        "level": "info",
        "job_type": "speak",
        "queue": "default",
        "attempt": 1,
        "tone": "low",
    }
    (ended,) = of[failed]
    assert (ended["event"], ended["error_type"], ended["error"]) == ("buried", "builtins.ValueError", "badly")
    assert ended["traceback"].startswith("Traceback (most recent call last):\n")
    assert "Traceback" not in ended["message"]
    assert [line["event"] for line in of[killed]] == ["crashed", "crashed", "buried"]
    # Said by the supervisor, under the worker's name; jobs speak under their child's.
    assert (of[killed][0]["worker"], "w-" in said["worker"]) == ("w", True)


def test_a_worker_says_that_it_is_ready_and_what_it_has_done(bench: Bench) -> None:
    ids = bench.push(jobs.speak.call("hunter2"), jobs.fail.call("badly"))

    tree = bench.worker(processes=2, log_args=True, name="w")
    wait_until(lambda: "worker w is ready, with 2 processes" in tree.said)
    bench.ended(*ids)
    assert tree.stop() == 0

    assert f"INFO    conveyor.job: speak {ids[0]}: spoken aloud\n" in tree.said
    assert 'arguments {"message":"badly"}' in tree.said
    assert tree.said.endswith("worker w has stopped; it ran 2 jobs (1 failed)\n")


@pytest.mark.parametrize(
    "job",
    [jobs.hang_in_sleep, jobs.hang_in_a_loop, jobs.hang_async, jobs.hang_pushing],
    ids=["sleep", "loop", "async", "pushing"],
)
def test_the_traceback_of_a_timeout_ends_where_the_job_was(bench: Bench, job: Any) -> None:
    (id,) = bench.push(job.call(bench.path))

    tree = bench.worker()
    (ended,) = bench.ended(id)

    (error,) = ended.errors
    assert "JobTimeout: ran past its timeout of 0.4 s" in error.traceback
    assert "guards.py" not in error.traceback
    assert "unbroken.py" not in error.traceback
    assert "tests/worker/jobs.py" in error.traceback
    assert "guards.py" not in tree.said
    assert tree.stop() == 0
