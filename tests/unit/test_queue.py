from __future__ import annotations

import asyncio
import inspect
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from conveyor import (
    CancelAnswer,
    Conveyor,
    GiveUp,
    InvalidValue,
    Job,
    JobCall,
    JobPayload,
    JobStatus,
    LeasedPayload,
    PayloadError,
    Priority,
    Queue,
    RetrySchedule,
    UnknownJobType,
)
from conveyor.drivers.base import Driver
from tests.contract.stores import FakeClock


@dataclass(frozen=True)
class SendInvoice:
    number: int

    def handle(self) -> dict[str, int]:
        return {"sent": self.number}


@pytest.fixture
def work(app: Conveyor) -> Job[..., Any]:
    @app.job("work", retry=RetrySchedule([10]))
    def work(number: int) -> None: ...

    app.job("invoice.send")(SendInvoice)
    return work


@pytest.fixture
def queue(app: Conveyor, work: Job[..., Any]) -> Queue:
    return app.queue("billing")


def fail_late(queue: Queue, payload: LeasedPayload) -> None:
    queue.fail(payload, "late")


def pop(queue: Queue) -> LeasedPayload:
    payload = queue.pop()
    assert payload is not None
    return payload


# ── push ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_everything_pushed_to_a_queue_goes_there(queue: Queue, work: Job[..., Any]) -> None:
    handles = [
        queue.push(work.call(7)),
        queue.push(SendInvoice(7)),
        queue.push(JobPayload.immediate(SendInvoice(8))),
        *queue.push_many([work.call(8), SendInvoice(9)]),
        asyncio.run(queue.apush(SendInvoice(10))),
        *asyncio.run(queue.apush_many([work.call(9)])),
    ]

    assert {handle.info.queue for handle in handles} == {"billing"}
    assert [handle.info.priority for handle in handles] == [500, 500, 750, 500, 500, 500, 500]
    assert queue.size() == 7


def test_a_payload_that_names_another_queue_is_refused(queue: Queue) -> None:
    with pytest.raises(InvalidValue, match=r"^queue is 'emails' in a payload that is pushed to 'billing'; push it to"):
        queue.push(JobPayload(SendInvoice(7), queue="emails"))


def test_push_many_stores_all_or_none(queue: Queue, work: Job[..., Any]) -> None:
    with pytest.raises(PayloadError):
        queue.push_many([work.call(7), work.call("eight")])

    assert queue.size() == 0
    assert queue.push_many([]) == []


def test_a_job_that_is_not_registered_is_refused(queue: Queue) -> None:
    @dataclass
    class Stranger:
        def handle(self) -> None: ...

    with pytest.raises(
        UnknownJobType, match=r"Stranger' is registered \(registered: 'invoice\.send', 'work'\); import"
    ):
        queue.push(Stranger())
    with pytest.raises(UnknownJobType, match=r"^no job of type 'wrok' is registered"):
        queue.push(JobCall[Any]("wrok", (7,)))


@pytest.mark.parametrize("name", ["", "a b", "a.dlq", None])
def test_a_queue_of_a_bad_name_is_refused(app: Conveyor, name: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^queue name is "):
        app.queue(name)


# ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_peek_shows_the_next_job_and_takes_nothing(queue: Queue) -> None:
    assert queue.peek() is None
    queue.push(SendInvoice(7))
    urgent = queue.push(JobPayload.critical(SendInvoice(8)))

    assert queue.peek() == urgent.info
    assert queue.peek() == asyncio.run(queue.apeek())
    assert queue.size() == 2


def test_stats_count_everything_by_priority(queue: Queue, work: Job[..., Any], clock: FakeClock) -> None:
    low, normal = JobPayload(work.call(1), priority="low"), JobPayload(work.call(2))
    queue.push_many([low, low, normal, normal, normal, JobPayload.delayed(work.call(3), 60)])
    clock.step(2)
    queue.complete(pop(queue))
    queue.fail(pop(queue), GiveUp())
    queue.fail(pop(queue), ValueError())
    pop(queue)

    stats = queue.stats()

    now = (stats.total, stats.ready, stats.delayed, stats.held, stats.processing, stats.dead)
    assert now == (5, 1, 2, 0, 1, 1)
    assert (stats.pushed, stats.popped, stats.completed, stats.failed, stats.retried) == (6, 4, 1, 1, 1)
    assert list(stats.by_priority) == [Priority.CRITICAL, Priority.HIGH, Priority.NORMAL, Priority.LOW]
    level = stats.by_priority[Priority.LOW]
    assert (level.pushed, level.popped, level.ready, level.processing) == (2, 1, 1, 1)
    assert stats.by_priority[Priority.NORMAL].retried == 1
    assert stats.last_activity == datetime.fromtimestamp(clock.now / 1_000_000, UTC)
    assert stats.oldest_age == 2.0


def test_a_queue_never_used_has_empty_stats(app: Conveyor) -> None:
    stats = app.queue("never").stats()

    assert (stats.queue, stats.total, stats.pushed, stats.last_activity, stats.oldest_age) == (
        "never",
        0,
        0,
        None,
        None,
    )
    assert not stats.is_paused


def test_nothing_has_waited_less_than_not_at_all(queue: Queue, clock: FakeClock) -> None:
    queue.push(SendInvoice(7))

    clock.step(-5)

    assert queue.stats().oldest_age == 0.0


def test_stats_are_read_from_counters_alone(app: Conveyor, queue: Queue) -> None:
    asked: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            asked.append(name)
            return getattr(driver, name)

    driver: Driver = app.driver
    counting: Any = Counting()
    app._driver = counting

    queue.stats()
    queue.size()

    assert asked == ["counts", "counts"]


# ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_clear_deletes_what_waits_and_nothing_else(queue: Queue, work: Job[..., Any]) -> None:
    queue.push_many([work.call(1), work.call(2), JobPayload.delayed(work.call(3), 60)])
    payload = pop(queue)

    assert queue.clear() == 2

    assert queue.size() == 0
    queue.complete(payload)


def test_cancel_takes_a_handle_a_leased_payload_or_an_id(queue: Queue, work: Job[..., Any]) -> None:
    running, first, second = queue.push_many([work.call(1), work.call(2), work.call(3)])

    assert queue.cancel(pop(queue)) is CancelAnswer.REQUESTED
    assert queue.cancel(first) is CancelAnswer.CANCELLED
    assert queue.cancel(str(second.id)) is CancelAnswer.CANCELLED
    assert queue.cancel(second.id) is CancelAnswer.TOO_LATE
    assert running.info.cancel_requested


# ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_queue_is_worked_from_async_code_as_from_sync_code(queue: Queue, work: Job[..., Any]) -> None:
    async def run() -> list[JobStatus]:
        handles = await queue.apush_many([work.call(number) for number in range(4)])
        completed, failed, released = [await queue.apop() for _ in range(3)]
        assert completed is not None
        assert failed is not None
        assert released is not None
        await queue.acomplete(completed, "done")
        await queue.afail(failed, GiveUp())
        await queue.aextend(released, 60)
        await queue.arelease(released)
        await queue.acancel(handles[2])
        await queue.apause()
        assert (await queue.astats()).is_paused
        await queue.aresume()
        assert (await queue.asize(), await queue.aclear()) == (1, 1)
        return [await handle.astatus() for handle in handles[:3]]

    assert asyncio.run(run()) == [JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.CANCELLED]


def test_a_job_leased_to_a_caller_who_was_cancelled_is_given_back(app: Conveyor, queue: Queue) -> None:
    handle, claim = queue.push(SendInvoice(7)), app.driver.claim
    is_claiming, may_claim, is_settled = threading.Event(), threading.Event(), threading.Event()
    settle = app.driver.settle

    def slow_claim(*args: Any, **kwargs: Any) -> Any:
        is_claiming.set()
        may_claim.wait(10)
        return claim(*args, **kwargs)

    def watched_settle(outcomes: Any) -> Any:
        try:
            return settle(outcomes)
        finally:
            is_settled.set()

    app.driver.claim = slow_claim  # type: ignore[method-assign]
    app.driver.settle = watched_settle  # type: ignore[method-assign]

    async def cancel_while_it_claims() -> None:
        popping = asyncio.create_task(queue.apop())
        await asyncio.to_thread(is_claiming.wait, 10)
        popping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await popping
        may_claim.set()

    asyncio.run(cancel_while_it_claims())

    assert is_settled.wait(10)
    assert (handle.info.status, handle.info.attempt, handle.info.crashes) == (JobStatus.PENDING, 1, 0)


def test_every_sync_method_has_an_async_twin_of_the_same_signature() -> None:
    names = [name for name in dir(Queue) if not name.startswith("_") and callable(getattr(Queue, name))]
    sync = [name for name in names if not inspect.iscoroutinefunction(getattr(Queue, name))]

    assert len(sync) == 14
    assert sorted(names) == sorted([*sync, *[f"a{name}" for name in sync]])
    for name in sync:
        assert inspect.iscoroutinefunction(getattr(Queue, f"a{name}")), name
        assert inspect.signature(getattr(Queue, name)) == inspect.signature(getattr(Queue, f"a{name}")), name
