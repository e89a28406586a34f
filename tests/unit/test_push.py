from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import attrs
import msgspec
import pydantic
import pytest

from conveyor import (
    Conveyor,
    ExponentialBackoff,
    InvalidValue,
    Job,
    JobCall,
    JobMetadata,
    JobPayload,
    PayloadError,
    PayloadTooLarge,
    RetrySchedule,
    StoredJob,
)
from conveyor.ids import new_id
from conveyor.options import JobOptions
from tests.contract.stores import START

NOON = datetime(2027, 7, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Address:
    city: str


@dataclass(frozen=True)
class SendInvoice:
    invoice_id: UUID
    amount: Decimal

    def handle(self) -> dict[str, str]:
        return {"sent": str(self.amount)}


class StructJob(msgspec.Struct):
    when: datetime

    def handle(self) -> str:
        return self.when.isoformat()


@attrs.frozen
class AttrsJob:
    address: Address

    async def handle(self) -> str:
        return self.address.city


class ModelJob(pydantic.BaseModel):
    names: set[str]

    def handle(self) -> list[str]:
        return sorted(self.names)


def waiting(app: Conveyor, queue: str = "default") -> list[StoredJob]:
    """The ready jobs of a queue, next first."""
    return app.driver.peek(queue, 1000)


# ── push ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_pushed_job_waits_as_its_type_says(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    handle = send_welcome.push(7, "ada@example.org")

    (stored,) = waiting(app, "emails")
    assert stored.id == handle.id
    assert (stored.type, stored.queue, stored.priority) == ("email.welcome", "emails", 750)
    assert stored.payload == '{"user_id":7,"email":"ada@example.org"}'
    assert (stored.options, stored.max_crashes, stored.due_at, stored.expires_at) == ("", 3, START, None)


def test_options_say_how_one_push_is_delivered(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    id = new_id()

    handle = send_welcome.options(
        queue="slow",
        delay=300,
        priority="critical",
        expires=timedelta(hours=1),
        timeout=5,
        retry=RetrySchedule([1]),
        metadata={"tenant": 7},
        unique="7",
        id=id,
    ).push(7)

    stored = handle.info
    assert (stored.id, stored.queue, stored.priority, stored.unique) == (id, "slow", 1000, "7")
    assert (stored.due_at, stored.expires_at) == (START + 300_000_000, START + 3_600_000_000)
    options = JobOptions.decode(stored.options)
    assert (options.timeout, options.metadata) == (5.0, JobMetadata(fields={"tenant": 7}))
    assert send_welcome.job_type.retry_of(options) == RetrySchedule([1])


def test_options_left_out_are_as_the_job_type_says(send_welcome: Job[..., Any]) -> None:
    stored = send_welcome.options(run_at=NOON, expires=NOON + timedelta(hours=1)).push(7).info

    assert (stored.queue, stored.priority, stored.options) == ("emails", 750, "")
    assert stored.due_at == int(NOON.timestamp()) * 1_000_000
    assert stored.expires_at == stored.due_at + 3_600_000_000
    options = JobOptions.decode(stored.options)
    assert send_welcome.job_type.retry_of(options) == ExponentialBackoff(max_attempts=5)
    assert options.timeout is None


def test_options_are_checked_before_anything_is_pushed(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    with pytest.raises(InvalidValue, match=r"^delay is -5; "):
        send_welcome.options(delay=-5)


def test_the_expiry_of_a_job_type_counts_from_when_the_job_is_due(app: Conveyor) -> None:
    @app.job(expires=60)
    def work() -> None: ...

    now, later, then = work.push(), work.options(delay=300).push(), work.options(run_at=NOON).push()

    assert now.info.expires_at == START + 60_000_000
    assert later.info.expires_at == START + 360_000_000
    assert then.info.expires_at == int(NOON.timestamp() + 60) * 1_000_000


def test_a_push_with_the_unique_key_of_an_active_job_answers_that_job(send_welcome: Job[..., Any]) -> None:
    first = send_welcome.options(unique="7").push(7)
    second = send_welcome.options(unique="7").push(8)

    assert second == first
    assert send_welcome.options(unique="8").push(8) != first


def test_a_push_repeated_with_the_same_id_changes_nothing(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    id = new_id()

    handles = [send_welcome.options(id=id).push(number) for number in (7, 8)]

    assert [handle.id for handle in handles] == [id, id]
    assert [job.payload for job in waiting(app, "emails")] == ['{"user_id":7}']


@pytest.mark.parametrize(
    ("args", "kwargs", "message"),
    [
        ((), {}, "user_id"),
        ((7, "a", 8), {}, "too many positional arguments"),
        ((7,), {"mail": "a"}, "mail"),
        (("7",), {}, "user_id"),
        ((object(),), {}, "user_id"),
        ((7, float("nan")), {}, "email"),
    ],
)
def test_arguments_that_do_not_fit_are_refused_at_the_push(
    app: Conveyor, send_welcome: Job[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(PayloadError, match=message):
        send_welcome.push(*args, **kwargs)
    with pytest.raises(PayloadError, match=message):
        asyncio.run(send_welcome.apush(*args, **kwargs))

    assert waiting(app, "emails") == []


def test_arguments_above_the_payload_limit_are_refused() -> None:
    app = Conveyor("memory://", payload_limit=100)

    @app.job("work")
    def work(text: str) -> None: ...

    work.push("x" * 89)
    with pytest.raises(
        PayloadTooLarge, match=r"^the arguments of 'work' take 101 bytes, the limit is 100; store the"
    ) as refused:
        work.push("x" * 90)
    with pytest.raises(PayloadTooLarge, match="take 101 bytes"):
        work.push("é" * 45)
    assert (refused.value.payload_bytes, refused.value.limit_bytes) == (101, 100)


def test_a_result_above_the_payload_limit_is_called_a_result() -> None:
    app = Conveyor("memory://", payload_limit=100)

    @app.job("work")
    def work() -> str:
        return ""

    queue = app.queue("default")
    work.push()
    payload = queue.pop()
    assert payload is not None

    with pytest.raises(
        PayloadTooLarge,
        match=r"^the result of 'work' takes 101 bytes, the limit is 100; store the data elsewhere and return a",
    ):
        queue.complete(payload, "x" * 99)
    queue.complete(payload, "x" * 98)


# ── push_many ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_push_many_takes_tuples_calls_and_payloads(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    call = send_welcome.call(8, email="bob@example.org")

    handles = send_welcome.push_many([(7, "ada@example.org"), call, JobPayload.delayed(send_welcome.call(9), 5)])

    assert [handle.info.payload for handle in handles] == [
        '{"user_id":7,"email":"ada@example.org"}',
        '{"user_id":8,"email":"bob@example.org"}',
        '{"user_id":9}',
    ]
    assert [handle.info.due_at - START for handle in handles] == [0, 0, 5_000_000]


def test_push_many_takes_an_iterator_and_keeps_its_order(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    handles = send_welcome.options(priority="low").push_many((number,) for number in range(10))

    assert [job.id for job in waiting(app, "emails")] == [handle.id for handle in handles]
    assert {job.priority for job in waiting(app, "emails")} == {250}


def test_push_many_of_nothing_is_nothing(send_welcome: Job[..., Any]) -> None:
    assert send_welcome.push_many([]) == []
    assert asyncio.run(send_welcome.apush_many([])) == []


def test_push_many_checks_all_before_it_stores_any(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    with pytest.raises(PayloadError):
        send_welcome.push_many([(7, "a"), (8, 9)])

    assert waiting(app, "emails") == []


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ([7], r"^push_many was given 7; give tuples of arguments, such as \[\(7,\), \(8,\)\], or send_welcome\.call"),
        (["ab"], "^push_many was given 'ab'; give tuples of arguments"),
        (
            [JobCall[Any]("other", (7,))],
            r"^push_many of 'email\.welcome' was given a job of type 'other'; push mixed jobs with app",
        ),
        ([JobPayload(SendInvoice(UUID(int=7), Decimal(1)))], r"^push_many was given SendInvoice\("),
    ],
)
def test_push_many_refuses_what_is_no_call_of_its_job(send_welcome: Job[..., Any], calls: Any, message: str) -> None:
    with pytest.raises(InvalidValue, match=message):
        send_welcome.push_many(calls)


def test_one_id_cannot_name_many_jobs(send_welcome: Job[..., Any]) -> None:
    with pytest.raises(InvalidValue, match=r"^id is .*, but 2 jobs are pushed; an id names one job$"):
        send_welcome.options(id=new_id()).push_many([(7,), (8,)])


def test_a_payload_says_itself_how_to_deliver_it(send_welcome: Job[..., Any]) -> None:
    with pytest.raises(InvalidValue, match=r"says itself how to deliver it; push it without options"):
        send_welcome.options(delay=5).push_many([JobPayload(send_welcome.call(7))])


def test_an_async_push_stores_what_the_sync_one_does(app: Conveyor, send_welcome: Job[..., Any]) -> None:
    async def push() -> list[UUID]:
        one = await send_welcome.apush(7)
        other = await send_welcome.options(priority="low").apush(8)
        return [one.id, other.id, *[handle.id for handle in await send_welcome.apush_many([(9,)])]]

    ids = asyncio.run(push())

    assert {job.id: job.payload for job in waiting(app, "emails")} == {
        ids[0]: '{"user_id":7}',
        ids[1]: '{"user_id":8}',
        ids[2]: '{"user_id":9}',
    }
