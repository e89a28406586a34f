"""`conveyor alerts`."""

from __future__ import annotations

from pathlib import Path

import pytest

from conveyor import Conveyor, QueueDepth
from tests.cli.conftest import Cli, Store

APP = """
from conveyor import Conveyor, CallSink, QueueDepth

app = Conveyor()

def fail(alert):
    raise OSError("nobody there")

app.alerts.add("deep", QueueDepth(0, queue="emails"), for_=0, severity="critical")
app.alerts.add("typo", QueueDepth(5, queue="emials"), to=fail)
"""


@pytest.fixture
def app(tmp_path: Path, store: Store) -> str:
    (tmp_path / f"alerts_{store.url[9:].lower()}.py").write_text(APP, encoding="utf-8")
    return f"alerts_{store.url[9:].lower()}:app"


def test_a_store_that_no_worker_looks_at_says_where_alerts_are(cli: Cli) -> None:
    answer = cli("alerts")

    assert (answer.code, answer.out) == (0, "")
    assert "--app" in answer.err
    assert cli("alerts", "--json").json == []


def test_rules_are_listed_before_anybody_has_looked(cli: Cli, app: str) -> None:
    answer = cli("alerts", "--app", app)

    assert answer.code == 0
    assert [row[:3] for row in answer.rows] == [
        ["dead-letters", "warning", "new"],
        ["deep", "critical", "new"],
        ["failure-rate", "warning", "new"],
        ["queue-depth", "warning", "new"],
        ["typo", "warning", "new"],
    ]
    assert "'typo' is about queue 'emials'" in answer.err


def test_looking_tells_and_exits_with_1_when_one_fires(cli: Cli, store: Store, app: str) -> None:
    store.push()

    answer = cli("alerts", "--look", "--app", app, "--json")

    assert answer.code == 1
    found = {each["name"]: each for each in answer.json}
    assert [found["deep"][key] for key in ("state", "severity", "sinks", "untold", "condition")] == [
        "firing",
        "critical",
        ["log"],
        0,
        "ready jobs of queue 'emails' above 0",
    ]
    (subject,) = found["deep"]["subjects"]
    assert (subject["subject"], subject["value"]) == ("emails", 1)
    assert subject["fired_at"].endswith("Z")
    # What workers of the application have found is there without it.
    row = next(row for row in cli("alerts").rows if row[0] == "deep")
    assert row[2] == "firing"
    assert row[5:] == ["emails", "ready", "jobs", "of", "queue", "'emails'", "above", "0"]


def test_a_test_says_how_each_sink_took_it(cli: Cli, app: str) -> None:
    answer = cli("alerts", "--test", "deep", "--app", app)
    assert (answer.code, answer.err.splitlines()[-1]) == (0, "log: taken.")
    assert cli("alerts", "--test", "deep", "--app", app, "--json").json == [{"sink": "log", "error": None}]

    answer = cli("alerts", "--test", "typo", "--app", app)
    assert answer.code == 1
    assert "OSError: nobody there" in answer.err
    (document,) = cli("alerts", "--test", "typo", "--app", app, "--json").json
    assert document["error"] == "OSError: nobody there"


def test_what_cannot_be_told_yet_is_said(cli: Cli, store: Store) -> None:
    app = Conveyor(store.url)

    def refuse(alert: object) -> None:
        raise OSError("nobody there")

    app.alerts.add("deep", QueueDepth(0), for_=0, to=refuse)
    store.push()
    app.alerts.look()
    app.close()

    assert "1 alert of 'deep' could not be told yet: OSError: nobody there." in cli("alerts").err
    documents = {each["name"]: each for each in cli("alerts", "--json").json}
    assert documents["deep"]["error"] == "OSError: nobody there"
    assert (documents["dead-letters"]["error"], documents["dead-letters"]["problem"]) == (None, None)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--test", "deep"], "name the application with --app"),
        (["--look"], "name the application with --app"),
        (["--test", "depe", "--app", "APP"], "there is no alert 'depe'"),
        (["--test", "", "--app", "APP"], "there is no alert ''"),
        (["--test", "deep", "--look", "--app", "APP"], "give one of them"),
    ],
)
def test_what_cannot_be_done_is_refused(cli: Cli, app: str, arguments: list[str], problem: str) -> None:
    answer = cli("alerts", *(app if word == "APP" else word for word in arguments))

    assert answer.code
    assert problem in answer.err
