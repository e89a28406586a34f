from __future__ import annotations

import random
import time
from typing import Any

import pytest

from conveyor.drivers.base import STEP, Driver
from conveyor.lifecycle import after_failure, after_success, cancelled, held
from conveyor.records import Counts, Filter, JobId, JobStatus, QueueCounts, Reason
from conveyor.retry import NoRetry, RetrySchedule
from conveyor.times import SECOND
from tests.contract.stores import (
    START,
    FakeClock,
    a_failure,
    a_job,
    an_id,
    every,
    jobs,
    one,
    push_one,
    take,
    take_one,
    taken_ids,
)


def found(driver: Driver, **conditions: Any) -> list[JobId]:
    return [job.id for job in every(driver, Filter(**conditions))]


def bury(driver: Driver, queue: str, message: str, **failure: Any) -> None:
    claim = take_one(driver, queue)
    driver.settle([after_failure(claim, a_failure(claim, message, **failure), NoRetry())])


def test_get_answers_in_order_and_none_for_what_is_not_kept(driver: Driver) -> None:
    new = jobs(3)
    driver.push(new)

    answers = driver.get([new[2].id, an_id(), new[0].id, new[2].id])

    assert [job and job.id for job in answers] == [new[2].id, None, new[0].id, new[2].id]
    assert driver.get([]) == []


def test_find_answers_the_greatest_ids_first_wherever_the_jobs_are(driver: Driver) -> None:
    new = jobs(5)
    driver.push(random.Random(7).sample(new, 5))
    first, second, third, *_ = take(driver)
    driver.settle(
        [
            after_success(first, None),
            after_failure(second, a_failure(second), NoRetry()),
            after_failure(third, a_failure(third), RetrySchedule([60])),
        ]
    )

    assert [job.id for job in driver.find(Filter()).jobs] == [job.id for job in reversed(new)]
    assert driver.find(Filter()).jobs == driver.get([job.id for job in reversed(new)])


def test_find_goes_on_after_its_cursor(driver: Driver) -> None:
    new = jobs(7)
    driver.push(new)
    newest_first = [job.id for job in reversed(new)]

    first = driver.find(Filter(), limit=3)
    second = driver.find(Filter(), limit=3, cursor=first.next)
    third = driver.find(Filter(), limit=3, cursor=second.next)

    assert [[job.id for job in page.jobs] for page in (first, second, third)] == [
        newest_first[:3],
        newest_first[3:6],
        newest_first[6:],
    ]
    assert (first.next, second.next, third.next) == (newest_first[2], newest_first[5], None)


def test_a_page_that_ends_with_the_last_job_has_no_next(driver: Driver) -> None:
    driver.push(jobs(3))

    assert driver.find(Filter(), limit=3).next is None
    assert driver.find(Filter(types=("other",))).next is None


def test_pages_stay_whole_while_jobs_come_and_go(driver: Driver) -> None:
    new = jobs(6)
    driver.push(new)
    first = driver.find(Filter(), limit=2)

    push_one(driver)
    driver.settle([after_success(take_one(driver), None)])
    second = driver.find(Filter(), limit=9, cursor=first.next)

    assert [job.id for job in second.jobs] == [job.id for job in reversed(new[:4])]


def test_find_by_ids_queues_and_types(driver: Driver) -> None:
    first, second, third = a_job("a", type="x"), a_job("b", type="y"), a_job("c", type="x")
    driver.push([first, second, third])

    assert found(driver, ids=(third.id, first.id, an_id())) == [third.id, first.id]
    assert found(driver, queues=("b", "c")) == [third.id, second.id]
    assert found(driver, types=("x",)) == [third.id, first.id]
    assert found(driver, queues=("a", "b"), types=("x",)) == [first.id]
    assert found(driver, queues=("never used",)) == []


def test_find_by_status(driver: Driver, clock: FakeClock) -> None:
    by_status: dict[JobStatus, JobId] = {}
    for status in (
        JobStatus.COMPLETED,
        JobStatus.FAILED,
        JobStatus.RETRYING,
        JobStatus.CANCELLED,
        JobStatus.EXPIRED,
        JobStatus.PROCESSING,
    ):
        by_status[status] = push_one(driver, expires=10.0 if status is JobStatus.EXPIRED else None)
        if status is JobStatus.EXPIRED:
            clock.step(10)
            driver.tend()
            continue
        claim = take_one(driver)
        match status:
            case JobStatus.COMPLETED:
                driver.settle([after_success(claim, None)])
            case JobStatus.FAILED:
                driver.settle([after_failure(claim, a_failure(claim), NoRetry())])
            case JobStatus.RETRYING:
                driver.settle([after_failure(claim, a_failure(claim), RetrySchedule([999]))])
            case JobStatus.CANCELLED:
                driver.settle([cancelled(claim, "")])
            case _:
                pass
    by_status[JobStatus.PENDING] = push_one(driver)

    assert set(by_status) == set(JobStatus)
    for status, job_id in by_status.items():
        assert found(driver, statuses=(status,)) == [job_id]
    assert found(driver, statuses=(JobStatus.COMPLETED, JobStatus.RETRYING)) == [
        by_status[JobStatus.RETRYING],
        by_status[JobStatus.COMPLETED],
    ]


@pytest.mark.in_order
def test_find_by_reason(driver: Driver) -> None:
    first, second = jobs(2)
    driver.push([first, second])
    bury(driver, "a", "slow", reason=Reason.TIMED_OUT)
    bury(driver, "a", "broken", reason=Reason.UNREADABLE)
    push_one(driver)

    assert found(driver, reasons=(Reason.TIMED_OUT,)) == [first.id]
    assert found(driver, reasons=(Reason.TIMED_OUT, Reason.UNREADABLE)) == [second.id, first.id]
    assert found(driver, reasons=(Reason.GIVEN_UP,)) == []


@pytest.mark.in_order
def test_find_by_a_part_of_the_last_error(driver: Driver) -> None:
    disk_full, worse = jobs(2)
    driver.push([disk_full, worse])
    bury(driver, "a", "100% of disk_full", error_type="app.errors.DiskFull")
    bury(driver, "a", "it's %d [or] worse", error_type="builtins.OSError")
    push_one(driver)

    assert found(driver, error="DISKFULL") == [disk_full.id]
    assert found(driver, error="DISK_full") == [disk_full.id]
    assert found(driver, error="100%") == [disk_full.id]
    assert found(driver, error="1%0") == []
    assert found(driver, error="k_f") == [disk_full.id]
    assert found(driver, error="k%f") == []
    assert found(driver, error="it's %d [or]") == [worse.id]
    assert found(driver, error="OSERROR") == [worse.id]
    assert found(driver, error="r") == [worse.id, disk_full.id]


def test_only_the_last_error_is_searched(driver: Driver) -> None:
    job_id = push_one(driver)
    for message in ("first trouble", "second trouble"):
        claim = take_one(driver)
        driver.settle([after_failure(claim, a_failure(claim, message), RetrySchedule([0, 0]))])

    assert found(driver, error="second") == [job_id]
    assert found(driver, error="first") == []


def test_find_by_tag(driver: Driver) -> None:
    tagged = a_job(options='{"timeout":5,"metadata":{"tags":["vip","été"],"fields":{"tag":"other"}}}')
    similar = a_job(options='{"metadata":{"tags":["vip customer"]}}')
    driver.push([tagged, similar, a_job(), a_job(options="{}"), a_job(options='{"metadata":{"correlation_id":"vip"}}')])

    assert found(driver, tag="vip") == [tagged.id]
    assert found(driver, tag="été") == [tagged.id]
    assert found(driver, tag="vip customer") == [similar.id]
    assert found(driver, tag="VIP") == []
    assert found(driver, tag="other") == []


def test_find_by_the_moment_of_the_push_or_of_the_end(driver: Driver, clock: FakeClock) -> None:
    ended = push_one(driver)
    claim = take_one(driver)
    clock.step(10)
    waiting = push_one(driver)
    clock.step(10)
    driver.settle([after_success(claim, None)])

    assert found(driver, before=START + 10 * SECOND) == []
    assert found(driver, before=START + 10 * SECOND + 1) == [waiting]
    assert found(driver, before=START + 20 * SECOND) == [waiting]
    assert found(driver, before=START + 20 * SECOND + 1) == [waiting, ended]
    assert found(driver, after=START + 10 * SECOND) == [waiting, ended]
    assert found(driver, after=START + 10 * SECOND + 1) == [ended]
    assert found(driver, after=START + 20 * SECOND + 1) == []
    assert found(driver, after=START + 5 * SECOND, before=START + 15 * SECOND) == [waiting]


def test_conditions_hold_together(driver: Driver) -> None:
    match = a_job("a", type="x", options='{"metadata":{"tags":["vip"]}}')
    driver.push([match, a_job("a", type="x"), a_job("b", type="x", options=match.options)])

    assert found(driver, queues=("a",), types=("x",), tag="vip", statuses=(JobStatus.PENDING,)) == [match.id]
    assert found(driver, queues=("a",), types=("x",), tag="vip", statuses=(JobStatus.COMPLETED,)) == []


def test_counts_answer_the_queues_asked_for_in_order_and_all_by_name(driver: Driver) -> None:
    driver.push([a_job("b"), a_job("c"), a_job("a")])

    assert [counts.queue for counts in driver.counts()] == ["a", "b", "c"]
    assert [counts.queue for counts in driver.counts(["c", "a"])] == ["c", "a"]
    assert driver.counts([]) == []


def test_a_queue_never_used_counts_nothing_and_is_not_in_all(driver: Driver) -> None:
    (never,) = driver.counts(["never used"])

    assert never == QueueCounts(queue="never used", paused=False, by_priority={}, last_activity=None, oldest_ready=None)
    assert driver.counts() == []


def test_a_paused_queue_is_in_all(driver: Driver) -> None:
    driver.pause("only paused")

    (counts,) = driver.counts()
    assert (counts.queue, counts.paused) == ("only paused", True)


def test_counters_count_since_ever_by_priority(driver: Driver, clock: FakeClock) -> None:
    driver.push([*jobs(6, priority=750), *jobs(2, priority=250, delay=5)])
    claims = take(driver)
    driver.settle(
        [
            after_success(claims[0], None),
            after_failure(claims[1], a_failure(claims[1]), NoRetry()),
            after_failure(claims[2], a_failure(claims[2]), RetrySchedule([60])),
            cancelled(claims[3], ""),
            held(claims[4], "type unknown"),
        ]
    )

    (counts,) = driver.counts(["a"])

    assert counts.by_priority[750] == Counts(
        ready=0,
        delayed=1,
        held=1,
        processing=1,
        dead=1,
        pushed=6,
        popped=6,
        completed=1,
        failed=1,
        retried=1,
        cancelled=1,
    )
    assert counts.by_priority[250] == Counts(delayed=2, pushed=2)


def test_a_job_that_became_due_counts_as_delayed_until_it_is_promoted(driver: Driver, clock: FakeClock) -> None:
    push_one(driver, delay=5)
    clock.step(10)
    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.ready, counts.delayed) == (0, 1)

    driver.tend()

    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.ready, counts.delayed) == (1, 0)


def test_last_activity_is_the_moment_of_the_last_push_claim_or_settle(driver: Driver, clock: FakeClock) -> None:
    def last() -> int | None:
        return driver.counts(["a"])[0].last_activity

    push_one(driver)
    assert last() == START
    clock.step(1)
    claim = take_one(driver)
    assert last() == START + 1 * SECOND
    clock.step(1)
    driver.settle([after_success(claim, None)])
    assert last() == START + 2 * SECOND
    clock.step(1)
    take(driver)
    driver.settle([after_success(claim, None)])
    driver.tend()
    assert last() == START + 2 * SECOND


def test_activity_belongs_to_the_queue_it_happened_in(driver: Driver, clock: FakeClock) -> None:
    driver.push([a_job("a"), a_job("b", delay=1)])
    clock.step(1)

    assert len(take(driver, "a", "b", limit=1)) == 1

    assert driver.counts(["b"])[0].last_activity == START


@pytest.mark.in_order
def test_oldest_ready_is_since_when_the_job_ready_for_longest_has_been(driver: Driver, clock: FakeClock) -> None:
    def oldest() -> int | None:
        return driver.counts(["a"])[0].oldest_ready

    push_one(driver, priority=250)
    clock.step(1)
    push_one(driver, priority=1000)
    push_one(driver, delay=1)
    assert oldest() == START
    clock.step(5)
    driver.tend()
    assert len(take(driver, limit=1)) == 1
    assert oldest() == START
    take(driver, limit=2)
    assert oldest() is None


def test_the_cost_of_counts_does_not_grow_with_the_backlog(driver: Driver) -> None:
    def cost() -> float:
        durations: list[float] = []
        for _ in range(30):
            begun = time.perf_counter()
            driver.counts()
            durations.append(time.perf_counter() - begun)
        return min(durations)

    driver.push(jobs(10))
    small = cost()
    for _ in range(10):
        driver.push(jobs(1000))

    assert cost() < 10 * small + 0.001


@pytest.mark.in_order
def test_peek_shows_what_claim_would_take_without_taking_it(driver: Driver) -> None:
    driver.push([a_job(priority=250), a_job(priority=500), a_job(priority=1000), a_job("b"), a_job(delay=60)])

    shown = driver.peek("a", 10)

    assert driver.peek("a", 10) == shown
    assert shown == [one(driver, job.id) for job in shown]
    assert taken_ids(driver) == [job.id for job in shown]
    assert len(shown) == 3


@pytest.mark.in_order
def test_peek_shows_one_job_unless_asked_for_more_and_none_of_an_empty_queue(driver: Driver) -> None:
    first, second, _ = driver.push(jobs(3))

    assert [job.id for job in driver.peek("a")] == [first]
    assert [job.id for job in driver.peek("a", 2)] == [first, second]
    assert driver.peek("never used", 5) == []


def test_peek_shows_at_most_a_step(driver: Driver) -> None:
    driver.push(jobs(STEP + 1))

    assert len(driver.peek("a", STEP + 50)) == STEP


def test_peek_shows_a_paused_queue(driver: Driver) -> None:
    job_id = push_one(driver)
    driver.pause("a")

    assert [job.id for job in driver.peek("a")] == [job_id]


@pytest.mark.parametrize("limit", [1, 3, 1000])
@pytest.mark.in_order
def test_peek_and_claim_agree_on_the_order_of_many(driver: Driver, clock: FakeClock, limit: int) -> None:
    drawn = random.Random(limit)
    for _ in range(60):
        driver.push([a_job(priority=drawn.choice([250, 500, 750, 1000]), delay=drawn.choice([0, 0, 5, 400]))])
        clock.step(drawn.choice([0, 1, 100]))
    driver.tend()

    while shown := driver.peek("a", limit):
        assert taken_ids(driver, limit=limit) == [job.id for job in shown]
