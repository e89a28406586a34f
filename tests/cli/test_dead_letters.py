"""failed by cause, retry with a choice, edits and a rate, forget; what show tells of a life."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from conveyor.lifecycle import after_success
from conveyor.measures import Memory
from conveyor.records import Filter, JobId, JobStatus
from tests.cli.conftest import Cli, Store

APP = """
from conveyor import Conveyor, NoRetry
app = Conveyor()
@app.job("email.welcome", queue="emails", retry=NoRetry())
def send(user_id: int, address: str = "old") -> None: ...
"""


@pytest.fixture
def dead(store: Store) -> list[JobId]:
    """Two KeyErrors and a ValueError of emails, and a ValueError of reports."""
    ids: list[JobId] = []
    for queue, error in (
        ("emails", "KeyError"),
        ("emails", "KeyError"),
        ("emails", "ValueError"),
        ("reports", "ValueError"),
    ):
        store.push("email.welcome", queue, '{"user_id": 7}')
        ids.append(store.bury(f"builtins.{error}", f"{error} of {queue}", queue))
    return ids


def alive(store: Store, dead: list[JobId]) -> set[int]:
    return {place for place, job in enumerate(store.driver.get(dead)) if job and job.status is JobStatus.PENDING}


# ── failed ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_failed_by_group_lists_causes_the_most_frequent_first(cli: Cli, dead: list[JobId]) -> None:
    answer = cli("failed", "--group")

    assert answer.code == 0
    assert [row[0] for row in answer.rows] == ["2", "1", "1"]
    assert answer.rows[0][1:5] == ["rror", "emails", "email.welcome", "failed"]
    assert answer.rows[0][7:] == ["KeyError:", "KeyError", "of", "emails"]
    assert answer.err == "4 dead letters: 2 KeyError, 2 ValueError\n"


def test_failed_by_group_is_a_document_for_programs(cli: Cli, dead: list[JobId]) -> None:
    groups = cli("failed", "--group", "--limit", 1, "--json").json

    (group,) = groups
    assert (group["count"], group["error_type"], group["message"]) == (2, "builtins.KeyError", "KeyError of emails")
    assert group["newest"] == str(dead[1])
    assert cli("failed", "none", "--group", "--json").json == []


@pytest.mark.parametrize(
    ("options", "number"),
    [(("--fingerprint", "rror"), 4), (("--fingerprint", "none"), 0), (("--since", "1h"), 4), (("--since", "0s"), 0)],
)
def test_dead_letters_are_chosen_by_cause_and_time(
    cli: Cli, dead: list[JobId], options: tuple[str, ...], number: int
) -> None:
    assert len(cli("failed", *options, "--json").json) == number


# ── retry ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "back"),
    [
        (("--reason", "failed"), {0, 1, 2, 3}),
        (("--reason", "crashed"), set[int]()),
        (("--fingerprint", "rror", "--queue", "reports"), {3}),
        (("--since", "1h", "--error", "keyerror"), {0, 1}),
        (("--tag", "vip"), set[int]()),
    ],
)
def test_retry_chooses_as_failed_does(
    cli: Cli, store: Store, dead: list[JobId], options: tuple[str, ...], back: set[int]
) -> None:
    trial = cli("retry", *options, "--dry-run")

    assert trial.code == 0
    assert f"{len(back)} job" in trial.err
    assert "would be brought back" in trial.err
    assert alive(store, dead) == set()
    assert cli("retry", *options, "--json").json == {"retried": len(back)}
    assert alive(store, dead) == back


def test_retry_at_a_rate_spreads_the_jobs(cli: Cli, store: Store, dead: list[JobId]) -> None:
    assert cli("retry", "--all", "--rate", 1).code == 0

    dues = [job.due_at for job in store.driver.get(dead) if job is not None]
    assert [round((due - dues[0]) / 1_000_000) for due in dues] == [0, 1, 2, 3]
    refused = cli("retry", "--all", "--rate", 0)
    assert refused.code == 1
    assert "rate is 0" in refused.err


def test_retry_edits_arguments_that_the_app_has_checked(
    cli: Cli, store: Store, dead: list[JobId], tmp_path: Path
) -> None:
    (tmp_path / "editing.py").write_text(APP)
    app = ("--app", "editing:app")

    without = cli("retry", dead[0], "--edit", '{"address": "new"}')
    wrong = cli("retry", dead[0], "--edit", '{"user_id": "seven"}', *app)
    assert (without.code, wrong.code) == (2, 1)
    assert "--app" in without.err
    assert "do not fit" in wrong.err
    assert alive(store, dead) == set()

    assert cli("retry", dead[0], "--edit", '{"address": "new"}', *app).code == 0

    (job,) = store.driver.get([dead[0]])
    assert job is not None
    assert msgspec.json.decode(job.payload) == {"user_id": 7, "address": "new"}
    assert alive(store, dead) == {0}


# ── forget ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_forget_deletes_what_is_named_or_chosen(cli: Cli, store: Store, dead: list[JobId]) -> None:
    assert cli("forget", dead[0], "--yes").err == "1 dead letter forgotten.\n"
    assert cli("forget", "--error", "keyerror", "--yes", "--json").json == {"forgotten": 1}
    assert cli("forget", "--queue", "emails,reports", "--limit", 1, "--yes").code == 0

    assert [job is None for job in store.driver.get(dead)] == [True, True, True, False]


def test_forget_asks_first_and_wants_to_know_which(cli: Cli, store: Store, dead: list[JobId]) -> None:
    unanswered = cli("forget", "--queue", "emails")
    assert unanswered.code == 1
    assert "Delete 3 dead letters?" in unanswered.err
    assert cli("forget").code == 2
    assert cli("forget", dead[0], "--queue", "emails").code == 2
    assert None not in store.driver.get(dead)


def test_forget_leaves_what_is_no_dead_letter(cli: Cli, store: Store) -> None:
    waiting = store.push()

    answer = cli("forget", waiting, "--yes")

    assert answer.code == 1
    assert answer.err == "No dead letter matches; nothing was changed.\n"
    assert store.driver.get([waiting]) != [None]


# ── show ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_show_tells_a_jobs_life_in_order(cli: Cli, store: Store, dead: list[JobId]) -> None:
    id = dead[0]
    store.driver.redrive(Filter(ids=(id,)))
    claim = store.claim()
    took = Memory(1 << 20, 2 << 20, 3 << 20)
    outcome = after_success(claim, None, started_at=claim.pushed_at + 10)
    store.driver.settle([msgspec.structs.replace(outcome, memory=took)])

    told = cli("show", id).out
    document = cli("show", id, "--json").json

    events = [event["event"] for event in document["timeline"]]
    assert events == [
        "pushed to emails",
        "attempt 1 began on w/0",
        "attempt 1 failed: KeyError",
        "attempt 2 began on w/0",
        "completed",
    ]
    assert document["memory"] == {"before": 1 << 20, "after": 2 << 20, "peak": 3 << 20}
    assert document["errors"][0]["queue"] == "emails"
    assert all(event in told for event in events)
    assert "memory:     1.0MiB before, 2.0MiB after, 3.0MiB at its peak" in told


def test_show_says_where_a_dead_letter_lies_and_what_waits_is_due(cli: Cli, store: Store, dead: list[JobId]) -> None:
    waiting = store.push(delay=60)

    assert "to the dead letters of emails" in cli("show", dead[0]).out
    assert [event["event"] for event in cli("show", waiting, "--json").json["timeline"]] == ["pushed to emails"]
