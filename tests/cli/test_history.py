"""history: jobs of a history found, shown and counted, and a store rebuilt from it."""

from __future__ import annotations

import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path

import pytest

from conveyor import Conveyor, History
from conveyor.records import JobStatus
from tests.cli import program
from tests.cli.conftest import Cli

APP = """
from conveyor import Conveyor, History, NoRetry, PersistentQueue

app = Conveyor("sqlite:///kept.db")
PersistentQueue(app.queue("emails"), History("sqlite:///history.db"))

@app.job("email.welcome", queue="emails", retry=NoRetry())
def welcome(address: str) -> str:
    if "@" not in address:
        raise ValueError("no address")
    return address
"""


@pytest.fixture(autouse=True)
def _app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "history_app.py").write_text(APP, encoding="utf-8")
    monkeypatch.delitem(sys.modules, "history_app", raising=False)
    monkeypatch.setenv("CONVEYOR_APP", "history_app:app")
    monkeypatch.setattr("conveyor.history.rebuild.PATIENCE", 0.02)


@pytest.fixture(name="cli")
def _cli(cli: Cli) -> Cli:
    """On the application's own store."""
    return partial(cli, url=False)


@pytest.fixture
def kept(tmp_path: Path) -> Generator[History]:
    """What the commands wrote, read by somebody else."""
    made = History(f"sqlite:///{tmp_path}/history.db")
    yield made
    made.close()


def pushed(cli: Cli, address: str = "ada@example.org") -> str:
    answer = cli("push", "email.welcome", f'{{"address": "{address}"}}')
    assert answer.code == 0, answer.err
    return answer.out.strip()


def test_jobs_are_listed_shown_and_counted(cli: Cli) -> None:
    id = pushed(cli)
    other = pushed(cli, "nobody")
    assert program.run("work", "--burst").returncode == 0

    rows = cli("history").rows
    (document,) = cli("history", "show", other, "--json").json
    shown = cli("history", "show", id).out

    assert [(row[0], row[3]) for row in rows] == [(other, "failed"), (id, "completed")]
    assert [row[0] for row in cli("history", "--status", "failed").rows] == [other]
    assert [step["status"] for step in document["timeline"]] == ["pending", "processing", "failed"]
    assert document["timeline"][-1]["error"]["message"] == "no address"
    assert document["arguments"] == {"address": "nobody"}
    assert 'result:     "ada@example.org"' in shown
    assert "completed, attempt 1" in shown
    counts = cli("history", "statistics", "--json").json
    assert (counts["total"], counts["completed"], counts["failed"]) == (2, 1, 1)
    assert cli("history", "prune", "--json").json == {"pruned": 0}


def test_a_lost_store_is_rebuilt(cli: Cli, tmp_path: Path) -> None:
    ids = {pushed(cli) for _ in range(3)}
    for file in tmp_path.glob("kept.db*"):
        file.unlink()

    first = cli("history", "rebuild")
    again = cli("history", "rebuild", "--queue", "emails", "--json")

    assert first.err == "3 jobs put back, 0 of them had begun.\n0 jobs the store still had.\n"
    assert (again.json["put_back"], again.json["kept"]) == (0, 3)
    assert {row[0] for row in cli("jobs").rows} == ids


def test_a_job_that_the_store_has_lost_is_shown_from_the_history(cli: Cli, tmp_path: Path) -> None:
    id = pushed(cli)
    for file in tmp_path.glob("kept.db*"):
        file.unlink()
    Conveyor(f"sqlite:///{tmp_path}/kept.db").open().close()

    assert "pending (pushed)" in cli("show", id).out
    assert cli("show", "01890a5d-ac96-774b-bcce-b302099a8057").code == 1


def test_what_other_commands_do_to_recorded_jobs_is_in_the_history(cli: Cli, kept: History) -> None:
    cancelled, cleared = pushed(cli), pushed(cli)

    assert cli("cancel", cancelled).code == 0
    assert cli("clear", "emails", "--yes").code == 0

    assert kept.get(cancelled).status is JobStatus.CANCELLED
    assert kept.timeline(cleared)[-1].note == "its queue was cleared"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("show",), "Give the ids of the jobs to show"),
        (("list", "01890a5d-ac96-774b-bcce-b302099a8057"), "list takes no ids"),
        (("show", "01890a5d-ac96-774b-bcce-b302099a8057"), "no job 01890a5d-ac96-774b-bcce-b302099a8057 is kept"),
        (("--history", "redis://localhost"), "a history lives in SQL"),
    ],
)
def test_what_cannot_be_done_is_said(cli: Cli, arguments: tuple[str, ...], says: str) -> None:
    answer = cli("history", *arguments)

    assert answer.code in {1, 2}
    assert says in answer.err


def test_an_application_without_a_history_is_told_how_to_have_one(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "plain_app.py").write_text("from conveyor import Conveyor\napp = Conveyor()\n", encoding="utf-8")

    answer = cli("history", "--app", "plain_app:app")

    assert answer.code == 1
    assert "plain_app:app has no history; make one with PersistentQueue" in answer.err
