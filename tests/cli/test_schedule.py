"""`conveyor schedule`."""

from __future__ import annotations

from pathlib import Path

import pytest

from conveyor.drivers.base import Driver
from conveyor.records import Filter, ScheduleRecord
from tests.cli.conftest import Cli, Store
from tests.cli.program import run

APP = """
from conveyor import Conveyor

app = Conveyor()

@app.job("digest", queue="mail")
def digest(user: int) -> None: ...

app.cron("0 8 * * *", digest, 7, name="morning", timezone="Europe/Berlin", overlap="skip")
app.every(digest, 8, minutes=5, name="often")
"""


@pytest.fixture
def app(tmp_path: Path) -> str:
    (tmp_path / "clock_app.py").write_text(APP, encoding="utf-8")
    return "clock_app:app"


@pytest.fixture
def stored(store: Store) -> Driver:
    """A schedule that is kept in the store."""
    from conveyor import Conveyor

    app = Conveyor(store.url)

    @app.job("report")
    def report() -> None: ...

    app.schedules.add("nightly", "0 2 * * *", report, missed="once")
    app.close()
    return store.driver


def test_a_store_without_schedules_says_where_they_may_be(cli: Cli) -> None:
    answer = cli("schedule")

    assert (answer.code, answer.out) == (0, "")
    assert "--app" in answer.err


def test_stored_schedules_are_listed_without_the_app(cli: Cli, stored: Driver) -> None:
    answer = cli("schedule", "list")

    assert stored.schedules().schedules
    (row,) = answer.out.splitlines()[1:]
    assert row.split()[:4] == ["nightly", "report", "default", "open"]
    assert row.endswith("UTC   0 2 * * *")


def test_declared_ones_are_listed_with_the_app(tmp_path: Path, app: str) -> None:
    url = f"sqlite:///{tmp_path}/conveyor.db"
    run("push", "digest", '{"user": 1}', "--app", app, "--url", url)

    shown = run("schedule", "--app", app, "--url", url)
    as_json = run("schedule", "list", "often", "--json", "--app", app, "--url", url)

    assert [line.split()[0] for line in shown.stdout.splitlines()] == ["SCHEDULE", "morning", "often"]
    assert '"timing": "every 5 minutes"' in as_json.stdout
    assert '"declared": true' in as_json.stdout


def test_the_next_moments_are_shown_for_one_or_for_all(cli: Cli, stored: Driver) -> None:
    answer = cli("schedule", "next", "nightly", "--count", 3)

    assert stored.schedules().schedules
    moments = [row[1] for row in answer.rows]
    assert len(moments) == 3
    assert all(moment.endswith("T02:00:00.000Z") for moment in moments)
    assert list(cli("schedule", "next", "--json").json) == ["nightly"]


def test_a_run_by_hand_pushes_the_job_and_prints_its_id(cli: Cli, stored: Driver) -> None:
    answer = cli("schedule", "run", "nightly")

    (job,) = stored.find(Filter()).jobs
    assert answer.out.split() == [str(job.id)]
    assert job.type == "report"


def test_a_schedule_is_paused_resumed_and_removed(cli: Cli, stored: Driver) -> None:
    assert "Schedule 'nightly' is paused." in cli("schedule", "pause", "nightly").err
    assert [record.paused for record in stored.schedules().schedules] == [True]
    assert cli("schedule", "list").rows[0][3] == "paused"
    (shown,) = cli("schedule", "resume", "nightly", "--json").json
    assert (shown["paused"], shown["missed"]) == (False, "once")
    assert "Schedule 'nightly' is removed." in cli("schedule", "remove", "nightly").err
    assert stored.schedules().schedules == []


def test_what_is_not_there_is_said(cli: Cli, stored: Driver) -> None:
    stored.add_schedule(ScheduleRecord(name="left behind", handled_at=0))

    for action in ("next", "run", "pause", "resume", "remove", "list"):
        answer = cli("schedule", action, "daily")
        assert answer.code == 1
        assert "there is no schedule 'daily'" in answer.err


def test_an_action_wants_names(cli: Cli) -> None:
    answer = cli("schedule", "pause")

    assert answer.code == 2
    assert "Name the schedules to pause" in answer.err


def test_a_file_that_is_not_there_is_not_made(cli: Cli, tmp_path: Path) -> None:
    answer = cli("schedule", "list", "--url", f"sqlite:///{tmp_path}/nothing.db", url=False)

    assert answer.code == 1
    assert "there is no store" in answer.err
    assert not (tmp_path / "nothing.db").exists()
