"""run: one job in the foreground, as a worker would run it, and nothing is stored."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from conveyor.records import Filter
from tests.cli.conftest import Cli, Store
from tests.cli.program import PROGRAM, run

APP = """
import asyncio, sys, time
from dataclasses import dataclass
from conveyor import Cancel, Conveyor, Middleware, Retry, Snooze, current_job

class Notes(Middleware):
    def before_run(self, job):
        print("before", job.type, file=sys.stderr)
    def after_run(self, job, result, error, seconds):
        print("after", result, type(error).__name__, file=sys.stderr)
    async def abefore_run(self, job):
        self.before_run(job)
    async def aafter_run(self, job, result, error, seconds):
        self.after_run(job, result, error, seconds)

app = Conveyor(middleware=[Notes()])

@app.job("add", queue="sums")
def add(a: int, b: int = 1) -> int:
    print("adding")
    return a + b

@app.job("add.async")
async def add_async(a: int) -> dict[str, object]:
    await asyncio.sleep(0)
    job = current_job()
    await job.aprogress(1, 2, "half")
    return {"sum": a + 1, "attempt": job.attempt, "type": job.type}

@app.job("add.class")
@dataclass
class Add:
    a: int
    def handle(self) -> int:
        return self.a + current_job().attempt

@app.job("fail")
def fail(how: str) -> None:
    current_job().push(add.call(1))
    if how == "snooze":
        raise Snooze(60)
    if how == "cancel":
        raise Cancel("not wanted")
    if how == "retry":
        raise Retry(after=30)
    if how == "exit":
        sys.exit(3)
    raise ValueError(how)

@app.job("sleep")
def sleep() -> None:
    print("begun", file=sys.stderr, flush=True)
    time.sleep(60)

@app.job("sleep.async")
async def sleep_async() -> None:
    await asyncio.sleep(60)

@app.job("parent")
def parent() -> str:
    job = current_job()
    job.progress(3, 4, "nearly")
    job.push(add.call(1, 2))
    return "done"

@app.job("unstorable")
def unstorable() -> object:
    return object()
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    (tmp_path / "ran.py").write_text(APP)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "--app", "ran:app"
    sys.modules.pop("ran", None)


@pytest.mark.parametrize(
    ("words", "result"),
    [
        (("add", '{"a": 1, "b": 2}'), 3),
        (("add", '{"a": 1}'), 2),
        (("add.class", '{"a": 1}'), 2),
        (("add.async", '{"a": 1}'), {"sum": 2, "attempt": 1, "type": "add.async"}),
        (("parent",), "done"),
    ],
)
def test_a_job_of_each_kind_is_run_and_its_result_printed(
    cli: Cli, app: tuple[str, str], words: tuple[str, ...], result: object
) -> None:
    answer = cli("run", *words, *app)

    assert answer.code == 0, answer.err
    assert answer.json == result
    assert f"before {words[0]}\n" in answer.err
    assert "Completed in 0." in answer.err


def test_it_needs_no_store_and_makes_none_and_what_the_job_prints_is_no_data(
    app: tuple[str, str], tmp_path: Path
) -> None:
    answer = run("run", "add.async", '{"a": 1}', *app)
    other = run("run", "add", '{"a": 1}', *app)

    assert (answer.returncode, other.returncode, other.stdout) == (0, 0, "2\n")
    assert "adding\n" in other.stderr
    assert "INFO    conveyor.job: add.async" in answer.stderr
    assert ": progress 1 of 2: half\n" in answer.stderr
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".py" and path.name != "__pycache__"] == []


def test_arguments_come_from_stdin_too(cli: Cli, app: tuple[str, str]) -> None:
    assert cli("run", "add", "-", *app, input='{"a": 4}').json == 5


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("add", '{"a": "one"}'), "nothing was run, the arguments do not fit 'add'"),
        (("add", "{}"), "nothing was run, the arguments do not fit 'add'"),
        (("add", "[1]"), "are not a JSON object"),
        (("no.such",), "no job of type 'no.such' is registered"),
        (("add", '{"a": 1}', "--timeout", "0"), "timeout is 0"),
    ],
)
def test_what_a_push_would_refuse_is_not_run(
    cli: Cli, app: tuple[str, str], words: tuple[str, ...], problem: str
) -> None:
    answer = cli("run", *words, *app)

    assert answer.code == 1
    assert problem in answer.err
    assert answer.out == ""


def test_without_an_app_nobody_knows_the_job(cli: Cli) -> None:
    answer = cli("run", "add")

    assert answer.code == 1
    assert "no app named" in answer.err


def test_what_a_job_raises_is_shown_from_its_own_first_frame_to_its_last(cli: Cli, app: tuple[str, str]) -> None:
    answer = cli("run", "fail", '{"how": "badly"}', *app)

    assert answer.code == 1
    assert answer.out == ""
    traceback = answer.err[answer.err.index("Traceback") :].splitlines()
    assert "ran.py" in traceback[1]
    assert sum(line.startswith("  File") for line in traceback) == 1
    assert "ValueError: badly" in traceback
    assert "after None ValueError" in answer.err
    assert "1 follow-up that it pushed will not be: it did not complete." in answer.err


@pytest.mark.parametrize(
    ("how", "words", "has_traceback"),
    [
        ("snooze", "Asked to run again in 60 s (Snooze), after 0.", False),
        ("cancel", "s: not wanted.", False),
        ("retry", "and asked to be tried again in 30 s.", True),
        ("exit", "SystemExit: 3", True),
    ],
)
def test_how_a_job_steers_is_said(cli: Cli, app: tuple[str, str], how: str, words: str, has_traceback: bool) -> None:
    answer = cli("run", "fail", json.dumps({"how": how}), *app)

    assert answer.code == 1
    assert words in answer.err
    assert ("Traceback" in answer.err) == has_traceback


@pytest.mark.parametrize("type", ["sleep", "sleep.async"])
def test_a_job_is_stopped_after_its_timeout_and_shows_where_it_was(cli: Cli, app: tuple[str, str], type: str) -> None:
    handler = signal.getsignal(signal.SIGALRM)

    answer = cli("run", type, "--timeout", "100ms", *app)

    assert answer.code == 1
    assert "JobTimeout: ran past its timeout of 0.1 s" in answer.err
    assert "ran.py" in answer.err
    assert "guards.py" not in answer.err
    assert signal.getsignal(signal.SIGALRM) is handler


def test_an_interrupt_ends_it(app: tuple[str, str]) -> None:
    with subprocess.Popen([*PROGRAM, "run", "sleep", *app], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        while process.stderr.readline() != "begun\n":
            pass
        process.send_signal(signal.SIGINT)

        assert process.wait(10) == 130


def test_follow_ups_are_listed_and_pushed_only_when_asked(cli: Cli, store: Store, app: tuple[str, str]) -> None:
    listed = cli("run", "parent", *app)
    before = store.driver.find(Filter()).jobs
    pushed = cli("run", "parent", "--push", *app)
    (job,) = store.driver.find(Filter()).jobs

    assert before == []
    assert "1 follow-up, not pushed (--push does):\n  add " in listed.err
    assert "progress 3 of 4: nearly" not in listed.out
    assert "1 follow-up pushed:\n" in pushed.err
    assert (job.type, job.queue, json.loads(job.payload)) == ("add", "sums", {"a": 1, "b": 2})
    assert f"  add {job.id} to queue sums: " in pushed.err


def test_a_result_that_no_store_could_keep_is_said(cli: Cli, app: tuple[str, str]) -> None:
    answer = cli("run", "unstorable", *app)

    assert answer.code == 0
    assert answer.out == ""
    assert "A worker could not keep its result" in answer.err
