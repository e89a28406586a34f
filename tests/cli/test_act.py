"""retry, cancel, pause, resume, clear, cleanup: what they change, what they leave, and when they ask."""

from __future__ import annotations

from uuid import uuid4

import pytest

from conveyor.records import Filter, JobId, JobStatus
from tests.cli.conftest import Cli, Store


def status_of(store: Store, id: JobId) -> JobStatus | None:
    (job,) = store.driver.get([id])
    return job.status if job else None


@pytest.fixture
def dead(store: Store) -> list[JobId]:
    """Dead letters: a ValueError and a KeyError of emails, and a ValueError of reports."""
    ids: list[JobId] = []
    for queue, error in (
        ("emails", "builtins.ValueError"),
        ("emails", "builtins.KeyError"),
        ("reports", "builtins.ValueError"),
    ):
        store.push(f"{queue}.job", queue)
        ids.append(store.bury(error, queue=queue))
    return ids


# ── retry ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "back"),
    [
        (("--all",), {0, 1, 2}),
        (("--queue", "emails"), {0, 1}),
        (("--queue", "emails.dlq"), {0, 1}),
        (("--queue", "emails", "--limit", "1"), {0}),
        (("--queue", "emails,reports"), {0, 1, 2}),
        (("--error", "ValueError"), {0, 2}),
        (("--error", "ValueError", "--queue", "reports"), {2}),
        (("--type", "reports.job"), {2}),
    ],
)
def test_retry_brings_back_what_was_chosen(
    cli: Cli, store: Store, dead: list[JobId], options: tuple[str, ...], back: set[int]
) -> None:
    answer = cli("retry", *options)

    assert answer.code == 0
    assert answer.out == ""
    assert answer.err.endswith(f"{len(back)} job{'s' if len(back) > 1 else ''} brought back.\n")
    for index, id in enumerate(dead):
        assert status_of(store, id) is (JobStatus.PENDING if index in back else JobStatus.FAILED)


def test_retry_by_id_exits_with_1_when_one_is_no_dead_letter(cli: Cli, store: Store, dead: list[JobId]) -> None:
    first, second = cli("retry", dead[0]), cli("retry", dead[0], dead[1], uuid4())

    assert first.code == 0
    assert second.code == 1
    assert second.err == "1 job brought back.\n2 named jobs not among the dead letters (see: conveyor show ID).\n"
    assert status_of(store, dead[1]) is JobStatus.PENDING


def test_retry_without_a_choice_is_refused_and_changes_nothing(cli: Cli, store: Store, dead: list[JobId]) -> None:
    answer = cli("retry")

    assert answer.code == 2
    assert "Say which" in answer.err
    assert cli("retry", "--all", dead[0]).code == 2
    assert all(status_of(store, id) is JobStatus.FAILED for id in dead)


def test_retry_that_finds_nothing_says_so(cli: Cli) -> None:
    answer = cli("retry", "--queue", "emails")

    assert answer.code == 0
    assert answer.err == "No dead letter matches; nothing was changed.\n"
    assert cli("retry", "--all", "--json").json == {"retried": 0}


# ── cancel ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cancel_says_for_each_job_what_became_of_it(cli: Cli, store: Store) -> None:
    running = store.push()
    store.claim()
    waiting = store.push()

    answer = cli("cancel", running, waiting)

    assert answer.code == 0
    assert [row[:2] for row in answer.rows] == [[str(running), "requested"], [str(waiting), "cancelled"]]
    assert status_of(store, waiting) is JobStatus.CANCELLED


def test_cancel_exits_with_1_when_a_job_has_ended_or_is_unknown(cli: Cli, store: Store) -> None:
    store.push()
    done, unknown = store.complete(), uuid4()

    answer = cli("cancel", done, unknown, "--json")

    assert answer.code == 1
    assert answer.json == [
        {"id": str(done), "answer": "too_late"},
        {"id": str(unknown), "answer": "unknown"},
    ]
    assert "2 of 2 could not be cancelled" in answer.err


# ── pause and resume ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_paused_queue_offers_nothing_until_it_is_resumed(cli: Cli, store: Store) -> None:
    store.push()

    paused = cli("pause", "emails")
    offered = store.driver.claim(["emails"], limit=1, lease=30, worker="w/0")
    resumed = cli("resume", "emails")

    assert (paused.code, resumed.code) == (0, 0)
    assert paused.err == "Queue 'emails' is paused: 1 job waiting, 0 processing.\n"
    assert offered == []
    assert resumed.err == "Queue 'emails' is open: 1 job waiting, 0 processing.\n"
    assert store.claim().type == "email.welcome"


def test_several_queues_can_be_paused_at_once(cli: Cli, store: Store) -> None:
    answer = cli("pause", "emails,reports", "other", "--json")

    assert answer.json == [{"queue": name, "paused": True} for name in ("emails", "reports", "other")]


def test_resuming_a_queue_that_was_never_used_says_so(cli: Cli) -> None:
    assert cli("resume", "emials").err == "Queue 'emials' has never been used.\n"


@pytest.mark.parametrize("command", ["pause", "resume", "clear"])
def test_an_impossible_queue_name_is_refused(cli: Cli, command: str) -> None:
    answer = cli(command, "no spaces please", *(["--yes"] if command == "clear" else []))

    assert answer.code == 1
    assert answer.err.startswith("conveyor: queue name is 'no spaces please'; give ")


# ── clear ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_clear_deletes_the_waiting_jobs_of_one_queue(cli: Cli, store: Store, dead: list[JobId]) -> None:
    store.push()
    store.claim()
    store.push()
    store.push(delay=60)
    other = store.push(queue="reports")

    answer = cli("clear", "emails", "--yes")

    assert answer.code == 0
    assert answer.err == "2 waiting jobs of queue 'emails' deleted.\n"
    assert len(store.driver.find(Filter(queues=("emails",), statuses=(JobStatus.PENDING,))).jobs) == 0
    assert len(store.driver.find(Filter(queues=("emails",), statuses=(JobStatus.PROCESSING,))).jobs) == 1
    assert status_of(store, other) is JobStatus.PENDING
    assert all(status_of(store, id) is JobStatus.FAILED for id in dead)


@pytest.mark.parametrize("arguments", [("emails", "--failed"), ("emails.dlq",)])
def test_clear_of_dead_letters_leaves_everything_else(
    cli: Cli, store: Store, dead: list[JobId], arguments: tuple[str, ...]
) -> None:
    waiting = store.push()

    answer = cli("clear", *arguments, "--yes", "--json")

    assert answer.json == {"queue": "emails", "deleted": 2}
    assert [status_of(store, id) for id in dead] == [None, None, JobStatus.FAILED]
    assert status_of(store, waiting) is JobStatus.PENDING


@pytest.mark.parametrize(
    "command", [("clear", "emails"), ("clear", "emails", "--failed"), ("cleanup", "--older-than", "0", "--failed")]
)
def test_destructive_commands_refuse_when_nobody_can_be_asked(
    cli: Cli, store: Store, dead: list[JobId], command: tuple[str, ...]
) -> None:
    store.push()

    answer = cli(*command)

    assert answer.code == 1
    assert answer.err.startswith("conveyor: Delete ")
    assert "nothing was changed; add --yes" in answer.err
    assert len(store.driver.find(Filter()).jobs) == 4


@pytest.mark.parametrize(("reply", "left"), [("y\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_destructive_commands_ask_a_person(
    cli: Cli, store: Store, monkeypatch: pytest.MonkeyPatch, reply: str, left: int
) -> None:
    store.push()
    monkeypatch.setattr("conveyor.cli.output.on_terminal_in", lambda: True)

    answer = cli("clear", "emails", input=reply)

    assert answer.code == (1 if left else 0)
    assert answer.err.startswith("Delete 1 waiting job of queue 'emails'? [y/N]: ")
    assert ("Nothing was changed." in answer.err) is bool(left)
    assert len(store.driver.find(Filter()).jobs) == left


def test_clearing_an_empty_queue_asks_nothing(cli: Cli) -> None:
    answer = cli("clear", "emails")

    assert answer.code == 0
    assert answer.err == "Queue 'emails' has no waiting jobs.\n"


# ── cleanup ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cleanup_deletes_history_older_than_asked_for(cli: Cli, store: Store, dead: list[JobId]) -> None:
    store.push()
    done = store.complete()
    waiting = store.push()

    assert cli("cleanup", "--older-than", "1h", "--yes", "--json").json == {"deleted": 0}
    assert status_of(store, done) is JobStatus.COMPLETED

    assert cli("cleanup", "--older-than", "0s", "--yes", "--json").json == {"deleted": 1}
    assert status_of(store, done) is None
    assert status_of(store, waiting) is JobStatus.PENDING
    assert all(status_of(store, id) is JobStatus.FAILED for id in dead)


def test_cleanup_deletes_dead_letters_only_when_asked_to(cli: Cli, store: Store, dead: list[JobId]) -> None:
    answer = cli("cleanup", "--older-than", "0", "--failed", "--queue", "emails", "--yes")

    assert answer.err == "2 records deleted.\n"
    assert [status_of(store, id) for id in dead] == [None, None, JobStatus.FAILED]


def test_a_dry_run_deletes_nothing(cli: Cli, store: Store, dead: list[JobId]) -> None:
    answer = cli("cleanup", "--older-than", "0", "--failed", "--dry-run")

    assert answer.err == "Would delete 3 records, dead letters among them, older than 0ms.\n"
    assert cli("cleanup", "--older-than", "0", "--failed", "--dry-run", "--limit", "2", "--json").json == {
        "would_delete": 2
    }
    assert all(status_of(store, id) is JobStatus.FAILED for id in dead)


def test_cleanup_needs_an_age(cli: Cli) -> None:
    assert cli("cleanup").code == 2
    assert "'7 days' is not a duration" in cli("cleanup", "--older-than", "7 days").err
