"""status, jobs, show, failed: what they tell, and that telling changes nothing."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from conveyor.records import ClaimKey, Progress, WorkerRecord
from conveyor.times import SECOND, system_clock
from tests.cli.conftest import Cli, Store


def worker(name: str = "w", queues: tuple[str, ...] = ("emails",)) -> WorkerRecord:
    return WorkerRecord(
        name=name,
        host="h1",
        pid=42,
        started_at=system_clock(),
        queues=queues,
        state="running",
        children=(f"{name}/0",),
    )


def test_status_counts_each_queue_by_state(cli: Cli, store: Store) -> None:
    for _ in range(4):
        store.push()
    store.push(delay=60)
    store.push(queue="reports")
    store.complete()
    store.bury()
    store.claim()

    answer = cli("status")

    assert answer.code == 0
    header = answer.out.splitlines()[0].split()
    emails, reports = (dict(zip(header, row, strict=True)) for row in answer.rows)
    assert emails["QUEUE"] == "emails"
    assert [emails[name] for name in ("READY", "DELAYED", "PROCESSING", "DEAD")] == ["1", "1", "1", "1"]
    assert [emails[name] for name in ("PUSHED", "COMPLETED", "FAILED", "STATE")] == ["5", "1", "1", "open"]
    assert reports["READY"] == "1"
    assert "No worker is running" in answer.err
    assert '1 dead letter: see "conveyor failed"' in answer.err


def test_status_of_one_queue_leaves_the_others_out(cli: Cli, store: Store) -> None:
    store.push()
    store.push(queue="reports")
    store.driver.beat(worker("w1"))
    store.driver.beat(worker("w2", queues=("reports",)))

    answer = cli("status", "--queue", "reports", "--json")

    assert [queue["queue"] for queue in answer.json["queues"]] == ["reports"]
    assert [each["name"] for each in answer.json["workers"]] == ["w2"]


def test_status_marks_a_worker_that_does_not_beat(cli: Cli, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.driver.beat(worker())

    assert [each["stale"] for each in cli("status", "--json").json["workers"]] == [False]

    monkeypatch.setattr("conveyor.cli.status.system_clock", lambda: system_clock() + 31 * SECOND)
    assert [each["stale"] for each in cli("status", "--json").json["workers"]] == [True]
    answer = cli("status")
    assert answer.rows[-1][3] == "stale"
    assert "1 worker did not beat for 30s" in answer.err


def test_status_as_json_has_sums_and_priorities(cli: Cli, store: Store) -> None:
    store.push(priority=1000)
    store.push(priority=250)
    store.driver.pause("emails")

    (queue,) = cli("status", "--json").json["queues"]

    assert queue["ready"] == 2
    assert queue["paused"] is True
    assert queue["by_priority"]["1000"]["ready"] == queue["by_priority"]["250"]["ready"] == 1
    assert queue["oldest_ready"].endswith("Z")


def test_an_empty_store_is_said_to_be_empty(cli: Cli) -> None:
    assert (cli("status").out, cli("jobs").out, cli("failed").out) == ("", "", "")
    assert "Nothing has been pushed" in cli("status").err
    assert cli("jobs").err == "No jobs yet.\n"
    assert cli("failed").err == "No dead letters.\n"
    assert cli("jobs", "--json").json == []
    assert cli("failed", "--json").json == []


def test_jobs_lists_the_newest_first_and_says_when_there_are_more(cli: Cli, store: Store) -> None:
    ids = [str(store.push()) for _ in range(3)]

    answer = cli("jobs", "--limit", 2)

    assert [row[0] for row in answer.rows] == ids[:0:-1]
    assert "Only the newest 2 are shown" in answer.err
    assert cli("jobs", "--limit", 3).err == ""


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--queue", "reports"), ["report"]),
        (("--queue", "reports,none"), ["report"]),
        (("--type", "late"), ["late"]),
        (("--status", "completed"), ["done"]),
        (("--status", "completed", "--status", "failed"), ["dead", "done"]),
        (("--since", "1h"), ["report", "late", "dead", "done"]),
        (("--tag", "x"), ["late"]),
    ],
)
def test_jobs_can_be_chosen(cli: Cli, store: Store, options: tuple[str, ...], expected: list[str]) -> None:
    store.push("done")
    store.complete()
    store.push("dead")
    store.bury()
    store.push("late", delay=60, options='{"metadata":{"tags":["x"]}}')
    store.push("report", queue="reports")

    assert [job["type"] for job in cli("jobs", *options, "--json").json] == expected


def test_jobs_says_what_matters_in_each_state(cli: Cli, store: Store) -> None:
    store.push("done")
    store.complete()
    store.push("dead")
    store.bury(message="no such address")
    store.push("running")
    store.claim()
    store.push("late", delay=3600)

    remarks = {row[2]: " ".join(row[7:]) for row in cli("jobs").rows}

    assert remarks["done"].startswith("took ")
    assert remarks["dead"] == "failed: no such address"
    assert remarks["running"].endswith("held by w/0")
    assert remarks["late"] in ("due in 1h", "due in 59m59s")


def test_show_tells_everything_about_a_job(cli: Cli, store: Store) -> None:
    id = store.push(payload='{"user_id":7,"email":"ada@example.org"}', unique="user-7", options='{"timeout":5.0}')
    key = ClaimKey(id, store.claim().attempt)
    store.driver.write_progress(key, Progress(current=3, total=10, message="on its way", rate=2))

    answer = cli("show", id)

    assert answer.code == 0
    lines = dict(line.split(":", 1) for line in answer.out.splitlines() if ":" in line)
    assert answer.out.splitlines()[0] == "email.welcome  processing"
    assert lines["id"].strip() == str(id)
    assert lines["attempts"].strip() == "1 (0 failed, 0 of at most 3 crashed)"
    assert lines["unique"].strip() == "user-7"
    assert lines["worker"].strip() == "w/0"
    assert lines["progress"].strip().startswith("3/10  30%  2/s  eta 3.5s  on its way  (")
    assert "waited" in lines
    assert "leased" in lines
    assert '"email": "ada@example.org"' in answer.out
    assert '"timeout": 5.0' in answer.out


def test_show_as_json_keeps_arguments_and_errors_as_values(cli: Cli, store: Store) -> None:
    id = store.push(payload='{"user_id":7}')
    store.bury(message="no such user", traceback="Traceback …")

    job = cli("show", id, "--json").json

    assert job["arguments"] == {"user_id": 7}
    assert job["status"] == "failed"
    assert job["errors"][0]["message"] == "no such user"
    assert job["errors"][0]["traceback"] == "Traceback …"


def test_show_as_json_has_the_metrics_of_the_job(cli: Cli, store: Store) -> None:
    waiting = cli("show", store.push(), "--json").json
    done = cli("show", store.complete(), "--json").json

    assert (waiting["wait_time"], waiting["execution_time"], waiting["memory"]) == (None, None, None)
    assert 0 <= done["wait_time"] < 60
    assert 0 <= done["execution_time"] < 60
    assert done["attempt"] == 1


def test_show_shows_an_envelope_as_it_is_stored(cli: Cli, store: Store) -> None:
    id = store.push(payload="e1:gAAAAABk")

    assert "e1:gAAAAABk" in cli("show", id).out
    assert cli("show", id, "--json").json["arguments"] == "e1:gAAAAABk"


def test_show_keeps_tracebacks_back_until_they_are_asked_for(cli: Cli, store: Store) -> None:
    id = store.push()
    store.bury(message="no such user", traceback="Traceback (most recent call last):\n  deep inside")

    brief, full = cli("show", id), cli("show", id, "--traceback")

    assert "ValueError: no such user" in brief.out
    assert "deep inside" not in brief.out
    assert "--traceback" in brief.err
    assert f"conveyor retry {id}" in brief.err
    assert "deep inside" in full.out


def test_show_of_an_unknown_job_is_an_error_of_one_line(cli: Cli) -> None:
    id = uuid4()

    answer = cli("show", id)

    assert answer.code == 1
    assert answer.err == f"conveyor: no job {id} is kept; it never existed, or its record was pruned (see Retention)\n"


def test_failed_groups_all_that_match_by_error(cli: Cli, store: Store) -> None:
    for error in ("builtins.ValueError", "builtins.ValueError", "smtplib.SMTPException"):
        store.push()
        store.bury(error)

    answer = cli("failed", "--limit", 1)

    assert len(answer.rows) == 1
    assert answer.rows[0][5] == "smtplib.SMTPException:"
    assert answer.err == "1 shown; 3 dead letters: 2 ValueError, 1 smtplib.SMTPException\n"


@pytest.mark.parametrize(
    ("options", "number"),
    [
        ((), 3),
        (("emails",), 2),
        (("emails.dlq",), 2),
        (("emails", "reports"), 3),
        (("--queue", "reports"), 1),
        (("--error", "valueerror"), 1),
        (("--error", "mailbox"), 1),
        (("--type", "email.bye"), 1),
        (("--reason", "crashed"), 0),
        (("--reason", "failed"), 3),
        (("--tag", "vip"), 1),
    ],
)
def test_dead_letters_can_be_chosen(cli: Cli, store: Store, options: tuple[str, ...], number: int) -> None:
    store.push(options='{"metadata":{"tags":["vip"]}}')
    store.bury("builtins.ValueError")
    store.push("email.bye")
    store.bury("builtins.OSError", "mailbox full")
    store.push(queue="reports")
    store.bury("builtins.KeyError", queue="reports")

    assert len(cli("failed", *options, "--json").json) == number


def test_what_jobs_say_cannot_take_over_the_terminal(cli: Cli, store: Store) -> None:
    id = store.push(payload=json.dumps({"name": "\x1b]0;owned\x07"}))
    store.bury(message="first\x1b[2J\nsecond")

    for answer in (cli("failed"), cli("jobs"), cli("show", id)):
        assert "\x1b" not in answer.out
        assert "\\x1b[2J" in answer.out
    # In a table, an error takes one line.
    assert len(cli("failed").out.splitlines()) == 2


def test_looking_changes_nothing(cli: Cli, store: Store) -> None:
    id = store.push()
    store.push(delay=60)
    store.push()
    store.bury()
    before = (store.driver.counts(), store.driver.get([id]))

    for command in (
        ("status",),
        ("jobs",),
        ("failed",),
        ("show", id),
        ("check",),
        ("cleanup", "--older-than", 0, "--dry-run"),
    ):
        cli(*command)

    assert (store.driver.counts(), store.driver.get([id])) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["failed", ""],
        ["failed", "emails", ","],
        ["failed", "--queue", ""],
        ["failed", "--type", ""],
        ["metrics", "--type", ""],
        ["metrics", "--queue", " "],
        ["jobs", "--tag", ""],
        ["jobs", "--type", ""],
        ["pause", ""],
        ["resume", ""],
        ["work", "", "--app", "shop:app"],
        ["retry", "--error", ""],
    ],
    ids=" ".join,
)
def test_an_empty_choice_is_refused(cli: Cli, store: Store, arguments: list[str]) -> None:
    store.push()

    answer = cli(*arguments)

    assert answer.code == 2
    assert "it is empty" in answer.err
