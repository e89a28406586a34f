from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from conveyor import (
    Conveyor,
    InvalidValue,
    Job,
    JobMetadata,
    JobStatus,
    Middleware,
    NewJob,
    Priority,
    ResultTimeout,
    UnknownJobType,
    current_job,
)
from conveyor.testing import Kit, PushedJob

Send = Job[..., str]


@pytest.fixture
def send(app: Conveyor) -> Send:
    @app.job("email.send", queue="emails")
    def send(to: int, kind: str = "short") -> str:
        return f"{kind} to {to}"

    return send


# ── the store ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_application_is_on_a_store_in_memory_for_the_time_of_the_block(tmp_path: Path) -> None:
    app = Conveyor(f"sqlite:///{tmp_path}/own.db")

    @app.job("work")
    def work() -> None: ...

    before = work.push()
    with Kit(app) as kit:
        inside = work.push()
        assert [each.handle for each in kit.pushed()] == [inside]

    assert before.status is JobStatus.PENDING
    assert app.driver.get([inside.id]) == [None]
    app.close()


def test_a_store_that_was_not_open_is_not_opened(app: Conveyor, send: Send) -> None:
    with Kit(app):
        send.push(7)

    assert app.url == "sqlite:////nowhere/at/all.db"
    assert not app.is_rehearsed


def test_an_application_that_closes_its_store_still_has_the_one_of_the_test(
    app: Conveyor, kit: Kit, send: Send
) -> None:
    send.push(7)

    app.close()
    send.push(8)

    kit.assert_pushed(send, times=2)


def test_kits_in_one_another_each_have_their_own_store(app: Conveyor, kit: Kit, send: Send) -> None:
    send.push(7)

    with Kit(app) as inner:
        inner.assert_nothing_pushed()

    kit.assert_pushed(send, times=1)


def test_a_kit_is_used_once(app: Conveyor) -> None:
    kit = Kit(app)
    with pytest.raises(InvalidValue, match=r"with kit:"):
        kit.drain()
    with kit:
        pass

    with pytest.raises(InvalidValue, match=r"another one for each test"), kit:
        pass


def test_a_push_inside_of_a_transaction_is_kept_at_once(kit: Kit, send: Send) -> None:
    with closing(sqlite3.connect(":memory:")) as connection, connection:
        send.options(connection=connection).push(7)

        kit.assert_pushed(send)


def test_a_job_that_ends_in_its_own_transaction_has_ended_with_its_follow_ups(
    app: Conveyor, kit: Kit, send: Send
) -> None:
    @app.job("sync")
    def sync() -> None:
        with closing(sqlite3.connect(":memory:")) as connection, current_job().transaction(connection):
            current_job().push(send.call(1))

    @app.job("async")
    async def awaited() -> None:
        with closing(sqlite3.connect(":memory:")) as connection:
            async with current_job().transaction(connection):
                current_job().push(send.call(2))
            await send.options(connection=connection).apush(3)

    handles = [sync.push(), awaited.push()]
    kit.drain()

    assert {handle.status for handle in handles} == {JobStatus.COMPLETED}
    assert sorted(pushed.arguments["to"] for pushed in kit.pushed(send)) == [1, 2, 3]


def test_middleware_is_called_as_ever(app: Conveyor) -> None:
    class Numbered(Middleware):
        def before_push(self, job: NewJob) -> NewJob:
            return JobMetadata(correlation_id="r-1").put_on(job)

    app.use(Numbered())

    @app.job("work")
    def work() -> None: ...

    with Kit(app) as kit:
        work.push()
        (pushed,) = kit.assert_pushed(work)

    assert pushed.metadata.correlation_id == "r-1"


# ── asserting ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_pushed_is_told_with_its_arguments(kit: Kit, send: Send) -> None:
    handle = send.options(priority="high", delay=60, unique="one", metadata=JobMetadata(tags=("a",))).push(7)

    (pushed,) = kit.pushed()

    assert pushed == PushedJob(
        type="email.send",
        arguments={"to": 7, "kind": "short"},
        job=send.call(to=7),
        queue="emails",
        priority=Priority.HIGH,
        run_at=kit.clock.now + timedelta(seconds=60),
        unique="one",
        metadata=JobMetadata(tags=("a",)),
        status=JobStatus.PENDING,
        handle=handle,
    )


def test_class_jobs_are_told_by_their_fields(app: Conveyor, kit: Kit) -> None:
    @app.job("invoice.send")
    @dataclass(frozen=True)
    class SendInvoice:
        number: int

        def handle(self) -> None: ...

    app.push(SendInvoice(3))

    (pushed,) = kit.assert_pushed(SendInvoice, where={"number": 3})
    assert pushed.job == SendInvoice(3)


def test_a_job_is_meant_by_function_name_arguments_or_whatever_a_function_asks(kit: Kit, send: Send) -> None:
    send.push(7)
    send.options(delay=60).push(8, kind="long")

    assert len(kit.assert_pushed(send)) == 2
    assert len(kit.assert_pushed("email.send", times=2)) == 2
    assert len(kit.assert_pushed(send, times=1, where={"to": 8, "kind": "long"})) == 1
    assert len(kit.assert_pushed(send, times=1, where=lambda job: job.run_at > kit.clock.now)) == 1
    kit.assert_not_pushed(send, where={"to": 9})


def test_what_is_missing_is_said_with_all_that_was_pushed(kit: Kit, send: Send) -> None:
    send.options(priority="low", delay=60).push(7)

    with pytest.raises(AssertionError) as missing:
        kit.assert_pushed(send, where={"to": 8})
    with pytest.raises(AssertionError) as miscounted:
        kit.assert_pushed(send, times=2)
    with pytest.raises(AssertionError) as unwanted:
        kit.assert_nothing_pushed()

    shown = "What was pushed:\n  email.send(to=7, kind='short')  pending, queue emails, low priority, due in 60 s"
    assert str(missing.value) == f"'email.send' was not pushed with to=8. {shown}"
    assert str(miscounted.value) == f"'email.send' was pushed 1 time, not 2 times. {shown}"
    assert str(unwanted.value) == f"a job was pushed, not none. {shown}"


def test_a_job_of_a_type_that_only_others_know_is_told_and_held(app: Conveyor, kit: Kit, send: Send) -> None:
    new = app.prepare(send.call(7))
    app.driver.push([msgspec.structs.replace(new, type="email.elsewhere")])
    kit.drain()

    (pushed,) = kit.pushed()

    assert str(pushed) == "email.elsewhere(to=7)"
    assert pushed.status is JobStatus.PENDING


def test_when_nothing_was_pushed_that_is_said(kit: Kit, send: Send) -> None:
    kit.assert_nothing_pushed()

    with pytest.raises(AssertionError, match=r"'email.send' was not pushed; nothing was pushed at all"):
        kit.assert_pushed(send)


def test_pushes_that_made_no_job_do_not_count(kit: Kit, send: Send) -> None:
    for number in (7, 8):
        send.options(unique="one").push(number)
    for number in (1, 2):
        send.options(unique="late", debounce=60).push(number, "late")

    kit.assert_pushed(send, times=1, where={"kind": "short"})
    kit.assert_pushed(send, times=1, where={"kind": "late", "to": 2})


def test_a_slip_in_an_assertion_is_no_job_that_was_not_pushed(app: Conveyor, kit: Kit, send: Send) -> None:
    send.push(7)

    with pytest.raises(InvalidValue, match=r"where names 'too', and the arguments of 'email.send' are 'to', 'kind'"):
        kit.assert_not_pushed(send, where={"too": 7})
    with pytest.raises(UnknownJobType):
        kit.assert_not_pushed("email.sent")
    with pytest.raises(InvalidValue, match=r"is no registered job"):
        kit.assert_not_pushed(int)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the slip


def test_a_result_that_nobody_will_make_is_not_waited_for(kit: Kit, send: Send) -> None:
    handle = send.push(7)

    with pytest.raises(ResultTimeout, match=r"is pending, and in a test nothing runs jobs by itself"):
        handle.result()


# ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_clock_begins_where_it_is_told_and_only_goes_forward(app: Conveyor, send: Send) -> None:
    start = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)

    with Kit(app, now=start) as kit:
        send.options(run_at=start + timedelta(hours=1)).push(7)
        kit.clock.advance(600)
        assert kit.clock.now == start + timedelta(minutes=10)
        kit.clock.move_to(start + timedelta(hours=2))
        assert app.queue("emails").pop() is not None
        with pytest.raises(InvalidValue, match=r"it only goes forward"):
            kit.clock.move_to(start)

    with pytest.raises(InvalidValue, match=r"start is"):
        Kit(app, now=datetime(2026, 3, 29))  # noqa: DTZ001 - the slip


def test_throttles_go_by_the_clock_of_the_test(kit: Kit, send: Send) -> None:
    for _ in range(2):
        send.options(throttle=60).push(7)
    kit.clock.advance(60)
    send.options(throttle=60).push(7)

    kit.assert_pushed(send, times=2)
