from __future__ import annotations

import asyncio
import inspect
from datetime import timedelta
from typing import Any

import pytest

from conveyor import (
    Conveyor,
    DeadLetters,
    GiveUp,
    InvalidValue,
    Job,
    JobMetadata,
    JobNotFound,
    NoRetry,
    PayloadError,
    Priority,
)
from conveyor.ids import new_id
from conveyor.records import Filter, JobStatus, Reason, StoredJob
from conveyor.times import SECOND, moment
from tests.contract.stores import FakeClock

Send = Job[[int, str], None]


@pytest.fixture
def send(app: Conveyor) -> Send:
    @app.job("email.send", queue="emails", retry=NoRetry())
    def send(user_id: int, address: str) -> None:
        """Send it."""

    return send


def fail(app: Conveyor, error: BaseException | str, queue: str = "emails") -> StoredJob:
    """Take the next job and let it fail so."""
    payload = app.queue(queue).pop()
    assert payload is not None
    app.queue(queue).fail(payload, error)
    return app.handle(payload.id).refresh()


def raised(error: BaseException) -> BaseException:
    """The error, as if this had raised it."""
    try:
        raise error
    except type(error) as caught:
        return caught


def elsewhere(error: BaseException) -> BaseException:
    """The same, but it is another function that raises it."""
    try:
        raise error
    except type(error) as caught:
        return caught


def bury(app: Conveyor, send: Send, number: int, error: BaseException | str = "it broke") -> list[StoredJob]:
    buried: list[StoredJob] = []
    for user_id in range(number):
        send.push(user_id, "ada@example.org")
        buried.append(fail(app, error))
    return buried


def arguments(app: Conveyor, job: StoredJob) -> Any:
    payload = app.queue(job.queue).pop()
    assert payload is not None
    assert payload.id == job.id
    call: Any = payload.job
    return call.args


# ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dead_letter_keeps_what_happened_at_every_attempt(app: Conveyor, clock: FakeClock) -> None:
    @app.job("two.tries", queue="emails")
    def tries() -> None:
        """Try."""

    tries.push()
    fail(app, raised(KeyError("first")))
    clock.step(3600)
    buried = fail(app, raised(GiveUp("second")))

    found = app.dead_letters.get(buried.id)

    assert found == buried
    assert found.reason is Reason.GIVEN_UP
    first, second = found.errors
    assert (first.error_type, first.reason, first.queue) == ("builtins.KeyError", Reason.FAILED, "emails")
    assert "raise error" in first.traceback
    assert (second.attempt, second.message, second.queue) == (2, "second", "emails")
    assert first.fingerprint != second.fingerprint


def test_they_are_listed_newest_first_page_by_page(app: Conveyor, send: Send) -> None:
    buried = bury(app, send, 5)
    send.push(9, "waits@example.org")

    first = app.dead_letters.list(limit=2)
    second = app.dead_letters.list(limit=2, after=first[-1])
    third = app.dead_letters.list(limit=2, after=second[-1].id)

    ids = [job.id for job in buried][::-1]
    assert [job.id for page in (first, second, third) for job in page] == ids
    assert [job.id for job in app.dead_letters.each()] == ids


@pytest.mark.parametrize(
    ("which", "chosen"),
    [
        ({}, {0, 1, 2, 3}),
        ({"queue": "emails"}, {0, 1, 3}),
        ({"queue": "emails.dlq"}, {0, 1, 3}),
        ({"queue": ["emails", "reports"]}, {0, 1, 2, 3}),
        ({"type": "email.send"}, {0, 1, 3}),
        ({"type": ("report.make", "none")}, {2}),
        ({"reason": "given_up"}, {3}),
        ({"reason": [Reason.GIVEN_UP, "crashed"]}, {3}),
        ({"error": "keyerror"}, {1}),
        ({"error": "BROKE"}, {0, 2}),
        ({"tag": "vip"}, {2}),
        ({"since": 25}, {2, 3}),
        ({"until": timedelta(seconds=25)}, {0, 1}),
        ({"since": 35, "until": 15}, {1, 2}),
        ({"queue": "emails", "error": "broke"}, {0}),
    ],
)
def test_they_can_be_chosen(
    app: Conveyor, send: Send, clock: FakeClock, which: dict[str, Any], chosen: set[int]
) -> None:
    @app.job("report.make", queue="reports", retry=NoRetry())
    def make() -> None:
        """Make it."""

    buried: list[StoredJob] = []
    for error in ("it broke", raised(KeyError("x"))):
        send.push(1, "a")
        buried.append(fail(app, error))
        clock.step(10)
    make.options(metadata=JobMetadata(tags=("vip",))).push()
    buried.append(fail(app, "it broke", "reports"))
    clock.step(10)
    send.push(1, "a")
    buried.append(fail(app, raised(GiveUp("enough"))))
    clock.step(10)

    letters = app.dead_letters

    ids = {buried[index].id for index in chosen}
    assert {job.id for job in letters.each(**which)} == ids
    assert letters.statistics(**which).count == len(ids)
    assert letters.retry_all(dry_run=True, **which) == len(ids)
    assert letters.retry_all(**which) == len(ids)
    assert {job.id for job in buried} - {job.id for job in letters.each()} == ids


def test_failures_of_one_cause_have_one_fingerprint(app: Conveyor, send: Send) -> None:
    errors = [raised(KeyError("one")), raised(KeyError("two")), raised(ValueError("one")), elsewhere(KeyError("one"))]
    buried = [bury(app, send, 1, error)[0] for error in errors]
    prints = [job.errors[-1].fingerprint for job in buried]

    groups = app.dead_letters.groups()

    assert prints[0] == prints[1]
    assert len(set(prints)) == 3
    assert [group.count for group in groups] == [2, 1, 1]
    assert groups[0].fingerprint == prints[0]
    assert [job.id for job in app.dead_letters.each(fingerprint=prints[0])] == [buried[1].id, buried[0].id]


def test_statistics_say_how_many_since_when_and_why(app: Conveyor, send: Send, clock: FakeClock) -> None:
    letters = app.dead_letters
    assert (letters.statistics().count, letters.statistics().oldest) == (0, None)
    began = clock.now
    bury(app, send, 2)
    clock.step(60)
    bury(app, send, 1, raised(GiveUp("enough")))

    statistics = letters.statistics()

    assert (statistics.count, statistics.oldest, statistics.newest) == (3, began, began + 60 * SECOND)
    assert statistics.by_reason == {Reason.FAILED: 2, Reason.GIVEN_UP: 1}
    assert statistics.by_queue == {"emails": 3}
    assert statistics.by_type == {"email.send": 3}


def test_an_unknown_id_and_a_job_that_is_no_dead_letter_are_told_apart(app: Conveyor, send: Send) -> None:
    waiting = send.push(1, "a")

    for act in (app.dead_letters.get, app.dead_letters.retry):
        with pytest.raises(JobNotFound):
            act(new_id())
        with pytest.raises(InvalidValue, match="pending, so it is no dead letter"):
            act(waiting.id)
    assert not app.dead_letters.forget(waiting.id)
    assert waiting.status is JobStatus.PENDING


@pytest.mark.parametrize(
    ("which", "problem"),
    [
        ({"qeue": "emails"}, "no condition 'qeue'; did you mean 'queue'"),
        ({"colour": "red"}, "no condition 'colour'; known are ids, queue"),
        ({"reason": "bad luck"}, "reason is 'bad luck'; give one of failed, crashed"),
        ({"queue": "no queue!"}, "no queue!"),
        ({"type": 7}, "type is 7; give text"),
        ({"since": -1}, "since is -1"),
        ({"until": moment(0).replace(tzinfo=None)}, "no time zone"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(app: Conveyor, send: Send, which: dict[str, Any], problem: str) -> None:
    bury(app, send, 1)

    for act in (app.dead_letters.list, app.dead_letters.retry_all, app.dead_letters.forget_all):
        with pytest.raises(InvalidValue, match=problem):
            act(**which)

    assert app.dead_letters.statistics().count == 1


@pytest.mark.parametrize("limit", [0, -1, 1.5, "all"])
def test_a_page_has_at_least_one(app: Conveyor, limit: Any) -> None:
    with pytest.raises(InvalidValue, match="give a whole number from 1 up"):
        app.dead_letters.list(limit=limit)


# ── bring back ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_brought_back_begins_anew_and_keeps_its_errors(app: Conveyor, send: Send) -> None:
    (buried,) = bury(app, send, 1)

    handle = app.dead_letters.retry(str(buried.id), into="again", priority="high")

    info = handle.refresh()
    assert (info.status, info.failures, info.crashes, info.queue) == (JobStatus.PENDING, 0, 0, "again")
    assert info.priority == Priority.HIGH.value
    assert info.errors == buried.errors
    assert info.errors[0].queue == "emails"


def test_the_oldest_come_back_first(app: Conveyor, send: Send) -> None:
    buried = bury(app, send, 4)

    assert app.dead_letters.retry_all(limit=2) == 2
    assert app.dead_letters.retry_all(limit=1, dry_run=True) == 1
    assert [job.id for job in app.dead_letters.each()] == [buried[3].id, buried[2].id]
    assert app.dead_letters.retry_all(limit=0) == 0


def test_at_a_rate_they_become_ready_a_few_a_second(app: Conveyor, send: Send, clock: FakeClock) -> None:
    bury(app, send, 7)

    assert app.dead_letters.retry_all(rate=2, limit=5, delay=10) == 5

    waiting = app.driver.find(Filter(statuses=(JobStatus.PENDING,))).jobs
    assert sorted(job.due_at - clock.now for job in waiting) == [
        10 * SECOND,
        10 * SECOND,
        11 * SECOND,
        11 * SECOND,
        12 * SECOND,
    ]


def test_what_dies_meanwhile_is_left_for_the_next_time(app: Conveyor, send: Send, clock: FakeClock) -> None:
    bury(app, send, 3)
    redrive, rounds = app.driver.redrive, 0

    def redrive_and_fail(*args: Any, **kwargs: Any) -> int:
        nonlocal rounds
        rounds += 1
        done = redrive(*args, **kwargs)
        clock.step(1)
        while app.queue("emails").size():
            fail(app, "again")
        return done

    app.driver.redrive = redrive_and_fail  # type: ignore[method-assign]

    assert app.dead_letters.retry_all(rate=1000) == 3
    assert app.dead_letters.statistics().count == 3
    assert rounds == 1


def renamed(old: dict[str, Any]) -> dict[str, Any]:
    return {**old, "address": f"new@{old['address'].split('@')[1]}"}


def without_address(old: dict[str, Any]) -> dict[str, Any]:
    return {"user_id": old["user_id"]}


def nothing(old: dict[str, Any]) -> None:
    """Answer no arguments at all."""


@pytest.mark.parametrize("edit", [{"address": "new@example.org"}, renamed])
def test_arguments_are_edited_by_name_or_by_a_function(app: Conveyor, send: Send, edit: Any) -> None:
    buried = bury(app, send, 3)

    assert app.dead_letters.retry_all(edit=edit, dry_run=True) == 3
    assert app.dead_letters.statistics().count == 3
    assert app.dead_letters.retry_all(edit=edit, limit=2) == 2

    assert arguments(app, buried[0]) == (0, "new@example.org")
    assert arguments(app, buried[1]) == (1, "new@example.org")
    app.dead_letters.retry(buried[2].id, edit=edit)
    assert arguments(app, buried[2]) == (2, "new@example.org")


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        ({"user_id": "seven"}, "the edited arguments do not fit job .* of type 'email.send': .*user_id"),
        ({"adress": "x"}, "adress"),
        (without_address, "address"),
        (nothing, "edit is None"),
        (["address"], "edit is"),
    ],
)
def test_an_edit_that_breaks_the_signature_changes_nothing(app: Conveyor, send: Send, edit: Any, problem: str) -> None:
    buried = bury(app, send, 2)

    with pytest.raises((PayloadError, InvalidValue), match=problem):
        app.dead_letters.retry_all(edit=edit)
    with pytest.raises((PayloadError, InvalidValue), match=problem):
        app.dead_letters.retry(buried[0].id, edit=edit)

    assert [*app.dead_letters.each()] == buried[::-1]


@pytest.mark.parametrize(
    "options",
    [{"limit": -1}, {"limit": 1.5}, {"rate": 0}, {"rate": -2}, {"rate": "fast"}, {"priority": "urgent"}, {"delay": -1}],
)
def test_an_option_that_cannot_be_changes_nothing(app: Conveyor, send: Send, options: dict[str, Any]) -> None:
    bury(app, send, 1)

    with pytest.raises(InvalidValue, match=next(iter(options))):
        app.dead_letters.retry_all(**options)

    assert app.dead_letters.statistics().count == 1


# ── forget ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_they_are_forgotten_one_by_one_by_choice_or_by_queue(app: Conveyor, send: Send) -> None:
    buried = bury(app, send, 4)
    bury(app, send, 1, raised(KeyError("x")))
    letters = app.dead_letters

    assert letters.forget(buried[0].id)
    assert not letters.forget(buried[0].id)
    assert letters.forget_all(error="broke", limit=1) == 1
    assert letters.forget_all(error="KeyError") == 1
    assert [job.id for job in letters.each()] == [buried[3].id, buried[2].id]
    assert letters.clear("other") == 0
    assert letters.clear("emails") == 2
    assert letters.statistics().count == 0


# ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_method_but_the_iterator_has_an_async_twin_of_the_same_signature() -> None:
    names = [name for name in vars(DeadLetters) if not name.startswith("_")]
    sync = [name for name in names if not inspect.iscoroutinefunction(getattr(DeadLetters, name))]

    assert sorted(names) == sorted([*sync, *[f"a{name}" for name in sync if name != "each"]])
    for name in set(sync) - {"each"}:
        assert inspect.signature(getattr(DeadLetters, name)) == inspect.signature(getattr(DeadLetters, f"a{name}"))


def test_the_async_twins_do_the_same(app: Conveyor, send: Send) -> None:
    buried = bury(app, send, 4)
    letters = app.dead_letters

    async def work() -> None:
        assert await letters.aget(buried[0].id) == buried[0]
        assert [job.id for job in await letters.alist(limit=1)] == [buried[3].id]
        assert [group.count for group in await letters.agroups(queue="emails")] == [4]
        assert (await letters.astatistics()).count == 4
        assert (await letters.aretry(buried[0].id)).id == buried[0].id
        assert await letters.aretry_all(limit=1) == 1
        assert await letters.aforget(buried[2].id)
        assert await letters.aforget_all(error="nothing") == 0
        assert await letters.aclear("emails") == 1

    asyncio.run(work())
