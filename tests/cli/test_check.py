"""check: each problem it is there to find."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from conveyor.lifecycle import held
from conveyor.records import ScheduleRecord, WorkerRecord
from conveyor.times import SECOND, system_clock
from tests.cli.conftest import Cli, Store

APP = """
from conveyor import Conveyor

app = Conveyor()
empty = Conveyor()

@app.job("email.welcome", queue="emails")
def send_welcome() -> None: ...
"""


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "checked.py").write_text(APP)
    monkeypatch.setattr(sys, "path", [*sys.path])
    yield "checked:app"
    sys.modules.pop("checked", None)


def beat(store: Store, *queues: str) -> None:
    store.driver.beat(
        WorkerRecord(name="w1", host="h", pid=1, started_at=system_clock(), queues=queues, state="running")
    )


def test_all_is_well(cli: Cli, store: Store, app: str) -> None:
    store.push()
    beat(store, "emails")

    answer = cli("check", "--app", app)

    assert answer.code == 0
    assert "ok: queue 'emails' of app checked:app: email.welcome" in answer.out
    assert "ok: queue 'emails' is served, 1 job waiting" in answer.out
    assert "problem" not in answer.out
    assert answer.err == "All is well.\n"


def test_a_worker_that_beats_and_cannot_work_is_a_problem(cli: Cli, store: Store) -> None:
    beat(store, "emails")
    (record,) = store.driver.workers()
    store.driver.beat(replace(record, trouble="w1.1 has had no answer to its claims for 91 s"))

    assert cli("check").code == 1
    assert "problem: worker w1 is not ready: w1.1 has had no answer" in cli("check").out
    assert "Worker w1 is not ready: w1.1 has had no answer to its claims for 91 s." in cli("status").err
    (seen,) = cli("status", "--json").json["workers"]
    assert (seen["ready"], seen["trouble"]) == (False, "w1.1 has had no answer to its claims for 91 s")
    store.driver.beat(replace(record, trouble="draining: it takes no more jobs", state="draining"))
    assert cli("check").code == 0


def test_schedules_that_cannot_work_are_problems_each(cli: Cli, store: Store, app: str, tmp_path: Path) -> None:
    beat(store, "emails")
    later = "\napp.cron('@daily', 'no.such', name='lost')\napp.every(send_welcome, hours=1, name='hourly')\n"
    (tmp_path / "checked.py").write_text(APP + later)
    store.driver.add_schedule(ScheduleRecord(name="hourly", spec="{}", handled_at=0))

    answer = cli("check", "--app", app)

    problems = [line for line in answer.out.splitlines() if line.startswith("problem: ")]
    assert answer.code == 1
    assert len(problems) == 2
    assert "the schedule 'lost' cannot work: no job of type 'no.such' is registered" in problems[0]
    assert "two schedules are called 'hourly': one in the code and one in the store" in problems[1]


def test_schedules_that_work_are_named(cli: Cli, store: Store, app: str, tmp_path: Path) -> None:
    (tmp_path / "checked.py").write_text(f"{APP}\napp.every(send_welcome, hours=1, name='hourly')\n")

    assert "ok: schedules of the app: hourly" in cli("check", "--app", app).out


def test_an_app_that_does_not_import_is_a_problem_but_not_the_last_word(cli: Cli, store: Store, tmp_path: Path) -> None:
    (tmp_path / "torn.py").write_text("1 / 0\n")
    store.push()

    answer = cli("check", "--app", "torn:app")

    assert answer.code == 1
    problems = [line for line in answer.out.splitlines() if line.startswith("problem: ")]
    assert len(problems) == 2
    assert "ZeroDivisionError" in problems[0]
    assert "no worker serves queue 'emails'" in problems[1]
    assert answer.err == "2 problems found.\n"


def test_an_app_without_jobs_is_a_problem(cli: Cli, app: str) -> None:
    assert "has no jobs" in cli("check", "--app", "checked:empty").out


def test_a_store_that_cannot_be_used_is_a_problem(cli: Cli) -> None:
    answer = cli("check", "--url", "sqlite:///none.db", "--json", url=False)

    assert answer.code == 1
    assert answer.json["ok"] is False
    assert "there is no store at" in answer.json["problems"][0]


def test_waiting_jobs_that_nobody_serves_are_a_problem(cli: Cli, store: Store) -> None:
    store.push(queue="reports")
    beat(store, "emails")

    assert cli("check", "--json").json["problems"] == [
        "no worker serves queue 'reports', which has 1 job waiting; start one with --queue reports"
    ]


def test_a_worker_that_does_not_beat_is_a_problem(cli: Cli, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.push()
    beat(store, "emails")
    monkeypatch.setattr("conveyor.cli.status.system_clock", lambda: system_clock() + 60 * SECOND)

    problems = cli("check", "--json").json["problems"]

    assert problems[0].startswith("worker w1 last beat 1m ago")
    assert problems[1].startswith("no worker serves queue 'emails'")


def test_a_paused_queue_with_waiting_jobs_is_a_problem(cli: Cli, store: Store) -> None:
    store.push()
    beat(store, "emails")
    store.driver.pause("emails")

    assert cli("check", "--json").json["problems"] == [
        "queue 'emails' is paused with 1 job waiting; conveyor resume emails"
    ]


def test_waiting_jobs_of_unknown_types_are_a_problem(cli: Cli, store: Store, app: str) -> None:
    for _ in range(2):
        store.push("email.bye")
    store.driver.settle([held(store.claim(), "no such type")])
    beat(store, "emails")

    assert cli("check", "--json", "--app", app).json["problems"] == [
        "queue 'emails' holds 1 job of types that no worker knows",
        (
            "2 waiting jobs of type 'email.bye', which the app does not register; "
            "deploy the module that does, or cancel them"
        ),
    ]
