from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from conveyor import (
    ClaimLost,
    Conveyor,
    ExponentialBackoff,
    GiveUp,
    InvalidValue,
    Job,
    JobCall,
    JobMetadata,
    JobPayload,
    JobStatus,
    LeasedPayload,
    NoRetry,
    PayloadError,
    Priority,
    Queue,
    Reason,
    RetrySchedule,
    Snooze,
)
from conveyor.records import NewJob
from tests.contract.stores import START, FakeClock


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


# ── pop ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_popped_job_is_leased_with_its_arguments_decoded(queue: Queue, work: Job[..., Any]) -> None:
    handle = queue.push(JobPayload.create(work.call(7), timeout=5, metadata={"a": 1}, retry=NoRetry(), priority="low"))

    payload = pop(queue)

    assert payload.job == JobCall("work", (7,))
    assert (payload.id, payload.attempt, payload.queue) == (handle.id, 1, "billing")
    assert (payload.priority, payload.timeout, payload.retry) == (Priority.LOW, 5.0, NoRetry())
    assert payload.metadata == JobMetadata(fields={"a": 1})
    assert (payload.claim.id, payload.claim.attempt) == (handle.id, 1)
    assert handle.status is JobStatus.PROCESSING
    assert queue.pop() is None


def test_a_popped_class_job_is_its_instance(queue: Queue) -> None:
    queue.push(SendInvoice(7))

    payload = pop(queue)

    assert payload.job == SendInvoice(7)
    assert payload.job.handle() == {"sent": 7}


def test_jobs_are_popped_by_priority_and_then_first_in_first_out(queue: Queue, work: Job[..., Any]) -> None:
    for number, priority in enumerate(["low", "normal", "critical", "normal"]):
        queue.push(JobPayload(work.call(number), priority=priority))

    assert [pop(queue).job for _ in range(4)] == [work.call(number) for number in (2, 1, 3, 0)]


def test_a_delayed_job_is_popped_when_it_is_due(queue: Queue, work: Job[..., Any], clock: FakeClock) -> None:
    queue.push(JobPayload.delayed(work.call(7), 60))

    assert queue.pop() is None
    clock.step(60)
    assert pop(queue).job == work.call(7)


def test_a_job_of_an_unregistered_type_is_held_and_shown_never_dropped(app: Conveyor, queue: Queue) -> None:
    stranger = NewJob(id=queue.push(SendInvoice(7)).id, queue="billing", type="stranger", payload='{"a":1}')
    queue.clear()
    app.driver.push([stranger])
    known = queue.push(SendInvoice(8))

    popped = pop(queue)

    assert popped.id == known.id
    info = app.handle(stranger.id).info
    assert (info.status, info.held, info.payload) == (JobStatus.PENDING, True, '{"a":1}')
    assert info.note == "no job of type 'stranger' is registered with the application that popped it"
    assert (queue.size(), queue.stats().held) == (1, 1)


def test_a_held_job_is_popped_once_its_type_is_registered(app: Conveyor, clock: FakeClock) -> None:
    queue = app.queue("billing")
    app.driver.push(
        [NewJob(id=app.handle("01890000-0000-7000-8000-000000000001").id, queue="billing", type="late", payload="{}")]
    )
    assert queue.pop() is None

    @app.job("late")
    def late() -> None: ...

    clock.step(1)
    popped = queue.pop()
    assert popped is not None
    assert popped.job == late.call()


def test_a_payload_that_no_longer_fits_its_job_goes_to_the_dead_letters_with_its_bytes(
    app: Conveyor, queue: Queue, work: Job[..., Any]
) -> None:
    unfit = NewJob(id=queue.push(SendInvoice(1)).id, queue="billing", type="work", payload='{"name":"seven"}')
    queue.clear()
    app.driver.push([unfit])
    fit = queue.push(work.call(8))

    assert pop(queue).id == fit.id

    info = app.handle(unfit.id).info
    assert (info.status, info.reason, info.payload) == (JobStatus.FAILED, Reason.UNREADABLE, '{"name":"seven"}')
    assert (info.failures, info.errors[0].reason, info.errors[0].error_type) == (
        0,
        Reason.UNREADABLE,
        "conveyor.errors.PayloadError",
    )
    assert "name" in info.errors[0].message
    assert queue.stats().dead == 1


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ('{"retry":{"strategy":"fibonacci"}}', "fibonacci"),
        ('{"retry":{"strategy":"exponential","base":-1}}', "base is -1"),
        ('{"timeout":0}', "> 0.0"),
        ('{"timeout":-5}', "> 0.0"),
        ('{"timeout":1e300}', "<= 3162240000.0"),
        ('{"metadata":{"tags":[""]}}', "tags holds ''"),
        ('{"metadata":{"fields":' + '{"a":' * 5000 + "1" + "}" * 5000 + "}}", "cannot be read"),
        ("{", "truncated"),
    ],
)
def test_stored_options_that_cannot_be_read_go_to_the_dead_letters_too(
    app: Conveyor, queue: Queue, options: str, named: str
) -> None:
    handle = queue.push(SendInvoice(1))
    stored = handle.info
    queue.clear()
    app.driver.push([NewJob(id=stored.id, queue="billing", type=stored.type, payload=stored.payload, options=options)])

    assert queue.pop() is None

    assert handle.refresh().reason is Reason.UNREADABLE
    assert named in handle.info.errors[0].message


def test_pop_waits_for_a_job_when_asked_to(app: Conveyor, queue: Queue, work: Job[..., Any]) -> None:
    wait, has_waited = app.driver.wait, threading.Event()

    def watched(queues: Any, timeout: float) -> bool:
        has_waited.set()
        return wait(queues, timeout)

    app.driver.wait = watched  # type: ignore[method-assign]
    pusher = threading.Thread(target=lambda: has_waited.wait(10) and queue.push(work.call(7)))
    pusher.start()
    try:
        popped = queue.pop(timeout=timedelta(seconds=10))
    finally:
        pusher.join()

    assert popped is not None
    assert popped.job == work.call(7)


def test_pop_waits_no_longer_than_asked(queue: Queue) -> None:
    assert queue.pop(timeout=0.01) is None
    assert asyncio.run(queue.apop(timeout=0.01)) is None


def test_nothing_is_popped_from_a_paused_queue(queue: Queue) -> None:
    queue.push(SendInvoice(7))

    queue.pause()
    queue.pause()

    assert queue.stats().is_paused
    assert queue.pop() is None
    queue.resume()
    queue.resume()
    assert pop(queue).job == SendInvoice(7)


@pytest.mark.parametrize("lease", [0, -1, "long"])
def test_a_lease_that_is_no_duration_is_refused(queue: Queue, lease: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^lease is "):
        queue.pop(lease)


def test_an_empty_queue_is_tended_once_a_second_at_most(
    app: Conveyor, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tended: list[int] = []
    tend = app.driver.tend

    def watched(types: Any = ()) -> Any:
        tended.append(clock.now)
        return tend(types)

    monkeypatch.setattr(app.driver, "tend", watched)
    for step in (0, 0.5, 0.5, -60, 0.5):
        clock.step(step)
        assert app.queue("billing").pop() is None

    assert [now - START for now in tended] == [0, 1_000_000, -59_000_000]


# ── settle ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_complete_keeps_the_result(queue: Queue) -> None:
    handle = queue.push(SendInvoice(7))

    queue.complete(pop(queue), {"sent": True})

    assert handle.result(0) == {"sent": True}
    assert handle.status is JobStatus.COMPLETED


def test_complete_without_a_result_has_the_result_none(queue: Queue) -> None:
    handle = queue.push(SendInvoice(7))

    queue.complete(pop(queue))

    assert handle.result(0) is None


def test_a_result_that_json_cannot_hold_leaves_the_job_leased(queue: Queue) -> None:
    handle, payload = queue.push(SendInvoice(7)), pop(queue)

    with pytest.raises(PayloadError, match="cannot be stored as JSON"):
        queue.complete(payload, object())

    assert handle.status is JobStatus.PROCESSING
    queue.complete(payload, "better")


def test_fail_retries_as_the_job_type_says_and_then_buries(queue: Queue, work: Job[..., Any], clock: FakeClock) -> None:
    handle = queue.push(work.call(7))

    queue.fail(pop(queue), ValueError("first"))

    assert (handle.refresh().status, handle.info.due_at) == (JobStatus.RETRYING, START + 10_000_000)
    clock.step(10)
    payload = pop(queue)
    assert (payload.attempt, payload.claim.failures) == (2, 1)
    queue.fail(payload, "second")
    info = handle.refresh()
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.FAILED)
    assert [(error.error_type, error.message) for error in info.errors] == [
        ("builtins.ValueError", "first"),
        ("", "second"),
    ]
    assert {error.ended_at for error in info.errors} == {START, START + 10_000_000}


def test_fail_follows_the_payload_where_it_brings_a_strategy(queue: Queue, work: Job[..., Any]) -> None:
    once = queue.push(JobPayload(work.call(7), retry=NoRetry()))
    queue.fail(pop(queue), ValueError())
    picky = queue.push(JobPayload(work.call(7), retry=ExponentialBackoff(give_up_on=LookupError)))
    queue.fail(pop(queue), KeyError(7))

    assert (once.status, picky.status) == (JobStatus.FAILED, JobStatus.FAILED)


def test_fail_understands_signals(queue: Queue, work: Job[..., Any]) -> None:
    snoozed, given_up = queue.push_many([work.call(7), work.call(8)])

    queue.fail(pop(queue), Snooze(60))
    queue.fail(pop(queue), GiveUp("no such user"))

    assert (snoozed.info.status, snoozed.info.failures, snoozed.info.due_at) == (
        JobStatus.PENDING,
        0,
        START + 60_000_000,
    )
    assert (given_up.info.status, given_up.info.reason) == (JobStatus.FAILED, Reason.GIVEN_UP)


def test_release_gives_a_job_back_at_no_cost(queue: Queue) -> None:
    queue.push(SendInvoice(7))

    queue.release(pop(queue))

    again = pop(queue)
    assert (again.attempt, again.claim.failures, again.claim.crashes) == (2, 0, 0)


def test_extend_moves_the_end_of_the_lease(queue: Queue, clock: FakeClock) -> None:
    handle, payload = queue.push(SendInvoice(7)), pop(queue)
    clock.step(20)

    queue.extend(payload, timedelta(minutes=1))

    assert handle.info.lease_until == START + 80_000_000


@pytest.mark.parametrize(
    "settle",
    [Queue.complete, fail_late, Queue.release, Queue.extend],
)
def test_a_lost_lease_settles_nothing(queue: Queue, settle: Callable[[Queue, LeasedPayload], None]) -> None:
    handle, late = queue.push(SendInvoice(7)), pop(queue)
    queue.release(late)
    pop(queue)

    with pytest.raises(ClaimLost, match=r"is no longer held by attempt 1: .*; nothing was changed\.") as lost:
        settle(queue, late)

    assert (lost.value.job_id, lost.value.attempt) == (handle.id, 1)
    assert (handle.info.status, handle.info.attempt) == (JobStatus.PROCESSING, 2)


def test_a_lapsed_lease_counts_a_crash_and_is_popped_again_without_any_worker(
    app: Conveyor, queue: Queue, clock: FakeClock
) -> None:
    handle = queue.push(SendInvoice(7))
    for crashes in range(3):
        payload = app.queue("billing").pop(lease=5)
        assert payload is not None
        assert (payload.attempt, payload.claim.crashes) == (crashes + 1, crashes)
        clock.step(6)

    assert app.queue("billing").pop() is None

    info = handle.info
    assert (info.status, info.reason, info.crashes) == (JobStatus.FAILED, Reason.CRASHED, 3)
    assert {error.message for error in info.errors} == {"the lease lapsed"}


@pytest.mark.parametrize("settle", ["complete", "release", "extend"])
def test_settling_the_none_of_an_empty_queue_says_what_went_wrong(app: Conveyor, settle: str) -> None:
    queue = app.queue("nothing-here")

    with pytest.raises(InvalidValue, match="payload is None; give what pop"):
        getattr(queue, settle)(queue.pop())
