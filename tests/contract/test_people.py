from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from conveyor.drivers.base import STEP, Driver
from conveyor.lifecycle import after_crash, after_failure, after_success, cancelled, handed_back, held
from conveyor.records import ClaimKey, Counts, Edits, Filter, JobId, JobStatus, Progress, Reason
from conveyor.retry import NoRetry, RetrySchedule
from conveyor.times import SECOND
from tests.contract.recount import check_counters
from tests.contract.stores import (
    START,
    FakeClock,
    Store,
    a_failure,
    a_job,
    every,
    is_kept,
    jobs,
    one,
    push_one,
    take,
    take_one,
    taken_ids,
)


def bury(driver: Driver, queue: str = "a", message: str = "it broke", **fields: Any) -> JobId:
    job_id = push_one(driver, queue, **fields)
    claim = take_one(driver, queue)
    assert claim.id == job_id
    driver.settle([after_failure(claim, a_failure(claim, message), NoRetry())])
    return job_id


def test_a_redriven_job_is_pending_and_ready_at_once(driver: Driver, clock: FakeClock) -> None:
    job_id = bury(driver)
    clock.step(5)

    assert driver.redrive(Filter()) == 1

    job = one(driver, job_id)
    assert (job.status, job.due_at, job.pushed_at) == (JobStatus.PENDING, START + 5 * SECOND, START)
    assert (job.reason, job.note, job.result, job.finished_at, job.started_at) == (None,) * 5
    assert (job.lease_until, job.worker, job.cancel_requested, job.held) == (None, "w", False, False)
    assert taken_ids(driver) == [job_id]


def test_failures_and_crashes_start_from_0_and_errors_and_attempts_go_on(driver: Driver) -> None:
    job_id = push_one(driver, max_crashes=2)
    claim = take_one(driver)
    driver.settle([after_crash(claim, a_failure(claim, "crash", reason=Reason.CRASHED))])
    claim = take_one(driver)
    driver.settle([after_failure(claim, a_failure(claim, "broken"), NoRetry())])

    driver.redrive(Filter())

    job = one(driver, job_id)
    assert (job.failures, job.crashes, job.attempt, job.max_crashes) == (0, 0, 2, 2)
    assert [failure.message for failure in job.errors] == ["crash", "broken"]
    claim = take_one(driver)
    assert (claim.attempt, claim.failures, claim.crashes) == (3, 0, 0)


def test_a_job_that_expired_waiting_comes_back_without_its_expiry(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver, expires=10.0)
    clock.step(10)
    driver.tend()

    assert driver.redrive(Filter(reasons=(Reason.EXPIRED,))) == 1

    assert one(driver, job_id).expires_at is None
    clock.step(1000)
    assert taken_ids(driver) == [job_id]


def test_edits_are_applied_on_the_way(driver: Driver) -> None:
    job_id = bury(driver, options='{"timeout":5}', type="mail")

    driver.redrive(Filter(), edits=Edits(payload='{"to":8}', queue="b", priority=1000, delay=7.5))

    job = one(driver, job_id)
    assert (job.payload, job.queue, job.priority, job.due_at) == ('{"to":8}', "b", 1000, START + 7_500_000)
    assert (job.options, job.type) == ('{"timeout":5}', "mail")


@pytest.mark.in_order
def test_each_job_may_have_a_payload_of_its_own(driver: Driver) -> None:
    first, second, third = (bury(driver, payload='{"to":7}') for _ in range(3))

    edits = Edits(payload='{"to":0}', payloads={third: '{"to":3}', first: '{"to":1}'}, queue="b")
    assert driver.redrive(Filter(), edits=edits) == 3

    assert [claim.id for claim in take(driver, "b")] == [first, second, third]
    assert [one(driver, id).payload for id in (first, second, third)] == ['{"to":1}', '{"to":0}', '{"to":3}']


def test_without_edits_a_job_comes_back_as_it_was(driver: Driver) -> None:
    job_id = bury(driver, payload='{"to":7}', priority=250)

    driver.redrive(Filter(), edits=Edits())

    job = one(driver, job_id)
    assert (job.payload, job.queue, job.priority) == ('{"to":7}', "a", 250)


def test_the_counters_follow_a_job_to_its_new_queue_and_priority(driver: Driver) -> None:
    bury(driver)

    driver.redrive(Filter(), edits=Edits(queue="b", priority=750))

    a, b = driver.counts()
    assert a.by_priority[500] == Counts(pushed=1, popped=1, failed=1)
    assert b.by_priority[750] == Counts(ready=1)
    assert b.last_activity is None


def test_the_oldest_ids_come_back_first_up_to_the_limit(driver: Driver) -> None:
    ids = [bury(driver) for _ in range(5)]

    assert driver.redrive(Filter(), limit=0) == 0
    assert driver.redrive(Filter(), limit=2) == 2

    assert [one(driver, job_id).status for job_id in ids] == [JobStatus.PENDING] * 2 + [JobStatus.FAILED] * 3
    assert taken_ids(driver) == ids[:2]


def test_more_than_a_step_comes_back(driver: Driver) -> None:
    driver.push(jobs(STEP + 5))
    for limit in (STEP, 5):
        driver.settle([after_failure(claim, a_failure(claim), NoRetry()) for claim in take(driver, limit=limit)])

    assert driver.redrive(Filter(), limit=STEP + 3) == STEP + 3
    assert driver.redrive(Filter()) == 2
    assert driver.redrive(Filter()) == 0


def test_only_dead_letters_that_meet_the_filter_come_back(driver: Driver) -> None:
    match = bury(driver, "a", "timeout while sending", type="mail")
    others = [bury(driver, "a", "refused", type="mail"), bury(driver, "b", "timeout"), bury(driver, "a", "timeout")]

    assert driver.redrive(Filter(queues=("a",), types=("mail",), error="TimeOut")) == 1

    assert one(driver, match).status is JobStatus.PENDING
    assert {one(driver, job_id).status for job_id in others} == {JobStatus.FAILED}


def test_jobs_that_are_no_dead_letters_stay_where_they_are(driver: Driver) -> None:
    driver.push(jobs(5))
    claims = take(driver, limit=4)
    driver.settle(
        [
            after_success(claims[0], "1"),
            cancelled(claims[1], ""),
            after_failure(claims[2], a_failure(claims[2]), RetrySchedule([60])),
        ]
    )
    before = every(driver)

    assert driver.redrive(Filter()) == 0
    assert every(driver) == before


@pytest.mark.in_order
def test_a_redriven_job_takes_the_place_of_one_pushed_now(driver: Driver, clock: FakeClock) -> None:
    dead = bury(driver)
    first = push_one(driver)
    driver.redrive(Filter())
    second = push_one(driver)

    assert taken_ids(driver) == [first, dead, second]


def test_a_dead_letter_whose_unique_key_is_taken_loses_the_key(driver: Driver) -> None:
    dead = bury(driver, unique="u")
    active = push_one(driver, unique="u")

    assert driver.redrive(Filter()) == 1

    assert one(driver, dead).unique is None
    assert driver.push([a_job(unique="u")]) == [active]
    assert sorted(taken_ids(driver)) == [dead, active]


def test_of_dead_letters_with_one_key_the_first_keeps_it(driver: Driver) -> None:
    first, second = bury(driver, unique="u"), bury(driver, unique="u")

    driver.redrive(Filter())

    assert (one(driver, first).unique, one(driver, second).unique) == ("u", None)
    assert driver.push([a_job(unique="u")]) == [first]


def test_the_key_that_counts_is_that_of_the_new_queue(driver: Driver) -> None:
    there = push_one(driver, "b", unique="u")
    dead = bury(driver, "a", unique="u")
    here = push_one(driver, "a", unique="v")

    driver.redrive(Filter(), edits=Edits(queue="b"))

    assert one(driver, dead).unique is None
    assert (one(driver, there).unique, one(driver, here).unique) == ("u", "v")


def test_a_request_to_cancel_a_run_is_gone_after_a_redrive(driver: Driver) -> None:
    job_id = push_one(driver)
    claim = take_one(driver)
    driver.cancel([job_id])
    driver.settle([after_failure(claim, a_failure(claim), NoRetry())])
    driver.redrive(Filter())

    driver.settle([handed_back(take_one(driver))])

    assert one(driver, job_id).status is JobStatus.PENDING


@pytest.mark.in_order
def test_clear_deletes_waiting_jobs_of_the_queue_and_no_others(driver: Driver, clock: FakeClock) -> None:
    dead, running, held_back, retrying, finished = (bury(driver), *driver.push(jobs(4)))
    claims = take(driver)
    driver.settle(
        [
            held(claims[1], "type unknown"),
            after_failure(claims[2], a_failure(claims[2]), RetrySchedule([60])),
            after_success(claims[3], None),
        ]
    )
    ready, delayed, elsewhere = driver.push([a_job(), a_job(delay=60), a_job("b")])
    driver.pause("a")

    assert driver.clear("a") == 4

    assert [is_kept(driver, job_id) for job_id in (ready, delayed, held_back, retrying)] == [False] * 4
    assert [is_kept(driver, job_id) for job_id in (dead, running, finished, elsewhere)] == [True] * 4
    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.ready, counts.delayed, counts.held, counts.processing, counts.dead) == (0, 0, 0, 1, 1)
    assert (counts.pushed, counts.cancelled, counts.completed) == (7, 0, 1)
    assert driver.clear("a") == 0
    assert driver.clear("never used") == 0


def test_clear_deletes_more_than_a_step(driver: Driver) -> None:
    driver.push(jobs(STEP + 5))

    assert driver.clear("a") == STEP + 5


def test_a_cleared_job_may_be_pushed_again(driver: Driver) -> None:
    new = a_job(unique="u")
    driver.push([new])
    driver.clear("a")

    assert driver.push([new]) == [new.id]
    assert taken_ids(driver) == [new.id]


@pytest.mark.in_order
def test_forget_deletes_ended_jobs_that_meet_the_filter(driver: Driver, clock: FakeClock) -> None:
    dead_a, dead_b = bury(driver, "a"), bury(driver, "b")
    finished, gone, running, retrying = driver.push(jobs(4))
    claims = take(driver)
    driver.settle(
        [
            after_success(claims[0], None),
            cancelled(claims[1], ""),
            after_failure(claims[3], a_failure(claims[3]), RetrySchedule([60])),
        ]
    )
    waiting = push_one(driver)

    assert driver.forget(Filter(queues=("a",))) == 3

    assert [is_kept(driver, job_id) for job_id in (dead_a, finished, gone)] == [False] * 3
    assert [is_kept(driver, job_id) for job_id in (dead_b, running, retrying, waiting)] == [True] * 4
    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.dead, counts.failed, counts.completed, counts.cancelled) == (0, 1, 1, 1)


@pytest.mark.in_order
def test_forget_takes_the_oldest_ids_first_up_to_the_limit(driver: Driver) -> None:
    driver.push(jobs(4))
    first, second, third, fourth = take(driver)
    driver.settle([after_success(fourth, None), after_success(second, None), after_success(third, None)])
    driver.settle([after_failure(first, a_failure(first), NoRetry())])

    assert driver.forget(Filter(), limit=0) == 0
    assert driver.forget(Filter(), limit=3) == 3

    assert [is_kept(driver, claim.id) for claim in (first, second, third, fourth)] == [False, False, False, True]


def test_forget_deletes_more_than_a_step(driver: Driver) -> None:
    driver.push(jobs(STEP + 5))
    for limit in (STEP, 5):
        driver.settle([after_success(claim, None) for claim in take(driver, limit=limit)])

    assert driver.forget(Filter(statuses=(JobStatus.FAILED,))) == 0
    assert driver.forget(Filter()) == STEP + 5


@contextmanager
def meanwhile(action: Callable[[], object]) -> Generator[None]:
    """Do it again and again on another thread, which has begun, until the block ends."""
    begun, done = threading.Event(), threading.Event()

    def go_on() -> None:
        while not done.is_set():
            action()
            begun.set()

    with ThreadPoolExecutor(1) as pool:
        going = pool.submit(go_on)
        begun.wait(10)
        try:
            yield
        finally:
            done.set()
        going.result()


def bury_all(driver: Driver) -> None:
    while claims := take(driver, limit=200):
        driver.settle([after_failure(claim, a_failure(claim), NoRetry()) for claim in claims])


def test_a_redrive_takes_each_dead_letter_once_however_fast_jobs_are_buried(store: Store) -> None:
    driver, worker = store.open(), store.open()
    driver.push(jobs(3 * STEP))
    bury_all(driver)

    with meanwhile(lambda: bury_all(worker)):
        assert driver.redrive(Filter()) == 3 * STEP

    bury_all(driver)
    check_counters(driver)


def test_forget_ends_however_fast_jobs_do(store: Store) -> None:
    driver, worker = store.open(), store.open()
    ended = driver.push(jobs(2 * STEP))
    bury_all(driver)

    def complete_more() -> None:
        worker.push(jobs(STEP, "b"))
        worker.settle([after_success(claim, None) for claim in take(worker, "b", limit=STEP)])

    with meanwhile(complete_more):
        forgotten = driver.forget(Filter())

    assert forgotten >= len(ended)
    assert not any(driver.get(ended))
    check_counters(driver)


def test_clear_ends_however_fast_jobs_are_pushed(store: Store, clock: FakeClock) -> None:
    driver, other = store.open(), store.open(clock=FakeClock(clock.now + SECOND))
    waiting = driver.push([*jobs(2 * STEP), *jobs(STEP, delay=60)])

    with meanwhile(lambda: other.push(jobs(STEP))):
        cleared = driver.clear("a")

    assert cleared >= len(waiting)
    assert not any(driver.get(waiting))
    driver.clear("a")
    check_counters(driver)


def test_clear_deletes_what_was_pushed_before_the_clock_stepped_back(driver: Driver, clock: FakeClock) -> None:
    driver.push(jobs(3))
    clock.step(-60)

    assert driver.clear("a") == 3


def test_what_is_forgotten_or_cleared_leaves_no_progress(driver: Driver) -> None:
    ended, cleared = driver.push(jobs(2))
    claims = take(driver)
    for claim in claims:
        driver.write_progress(ClaimKey(claim.id, claim.attempt), Progress(current=1))
    driver.settle([after_success(claims[0], None), handed_back(claims[1])])

    driver.forget(Filter())
    driver.clear("a")

    assert driver.read_progress([ended, cleared]) == [None, None]


def test_a_paused_queue_gives_nothing_until_it_is_resumed(driver: Driver) -> None:
    before = push_one(driver)
    driver.pause("a")
    meanwhile = push_one(driver)

    assert taken_ids(driver) == []
    assert driver.counts(["a"])[0].paused

    driver.resume("a")

    assert taken_ids(driver) == [before, meanwhile]
    assert not driver.counts(["a"])[0].paused


def test_running_jobs_go_on_while_their_queue_is_paused(driver: Driver) -> None:
    driver.push(jobs(2))
    first, second = take(driver)
    driver.pause("a")

    assert driver.extend([ClaimKey(first.id, first.attempt)], 60) == [True]
    assert driver.settle([after_success(first, None), handed_back(second)]) == [True, True]
    assert take(driver) == []


def test_pausing_and_resuming_again_change_nothing(driver: Driver) -> None:
    push_one(driver)
    for _ in range(2):
        driver.pause("a")
    assert take(driver) == []
    for _ in range(2):
        driver.resume("a")
    driver.resume("never used")

    assert len(take(driver)) == 1
    assert [counts.queue for counts in driver.counts()] == ["a"]


def test_a_pause_is_that_of_its_queue_alone(driver: Driver) -> None:
    driver.pause("a")
    job_id = push_one(driver, "b")

    assert taken_ids(driver, "a", "b") == [job_id]


@pytest.mark.parametrize("act", ["redrive", "clear", "forget"])
def test_the_counters_agree_after_people_have_acted(driver: Driver, clock: FakeClock, act: str) -> None:
    for queue in ("a", "b"):
        for priority in (250, 1000):
            driver.push(jobs(6, queue, priority=priority))
            claims = take(driver, queue, limit=4)
            driver.settle([after_failure(claim, a_failure(claim), NoRetry()) for claim in claims[:2]])
            driver.settle([after_success(claims[2], None), handed_back(claims[3])])

    match act:
        case "redrive":
            assert driver.redrive(Filter(queues=("a",)), edits=Edits(queue="c", delay=5)) == 4
        case "clear":
            assert driver.clear("b") == 6
        case _:
            assert driver.forget(Filter(statuses=(JobStatus.FAILED,)), limit=3) == 3

    check_counters(driver)
