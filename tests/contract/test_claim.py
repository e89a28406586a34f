from __future__ import annotations

import pytest

from conveyor.drivers.base import STEP, Driver
from conveyor.lifecycle import after_failure, handed_back, held, snoozed
from conveyor.priority import Aging
from conveyor.records import Claim, JobId, JobStatus, Reason
from conveyor.retry import RetrySchedule
from conveyor.times import SECOND
from tests.contract.recount import check_counters
from tests.contract.stores import (
    START,
    FakeClock,
    Store,
    a_failure,
    a_job,
    jobs,
    one,
    push_one,
    take,
    take_one,
    taken_ids,
)


def test_a_claimed_job_is_processing_and_leased_to_the_worker(driver: Driver, clock: FakeClock) -> None:
    new = a_job("b", type="mail", payload='{"to":7}', options='{"timeout":5}', priority=750, max_crashes=9)
    driver.push([new])
    clock.step(2)

    (claim,) = driver.claim(["b"], limit=1, lease=7.5, worker="w1")

    assert claim == Claim(
        id=new.id,
        attempt=1,
        type="mail",
        queue="b",
        priority=750,
        payload='{"to":7}',
        options='{"timeout":5}',
        failures=0,
        crashes=0,
        max_crashes=9,
        pushed_at=START,
        due_at=START,
    )
    job = one(driver, new.id)
    assert (job.status, job.attempt, job.worker) == (JobStatus.PROCESSING, 1, "w1")
    assert (job.lease_until, job.started_at) == (START + 9_500_000, START + 2 * SECOND)


def test_the_attempt_grows_by_one_with_each_claim(driver: Driver) -> None:
    job_id = push_one(driver)

    attempts: list[int] = []
    for _ in range(3):
        claim = take_one(driver)
        attempts.append(claim.attempt)
        driver.settle([handed_back(claim)])

    assert attempts == [1, 2, 3]
    assert one(driver, job_id).attempt == 3


@pytest.mark.in_order
def test_a_claim_takes_at_most_its_limit(driver: Driver) -> None:
    new = jobs(5)
    driver.push(new)

    assert taken_ids(driver, limit=0) == []
    assert taken_ids(driver, limit=2) == [new[0].id, new[1].id]
    assert taken_ids(driver, limit=2) == [new[2].id, new[3].id]
    assert taken_ids(driver, limit=2) == [new[4].id]


def test_a_claim_takes_at_most_a_step(driver: Driver) -> None:
    driver.push(jobs(STEP + 1))

    assert len(take(driver, limit=STEP + 50)) == STEP
    assert len(take(driver, limit=STEP + 50)) == 1


def test_queues_are_served_in_the_order_given_whatever_the_priority(driver: Driver) -> None:
    critical = push_one(driver, "a", priority=1000)
    low = push_one(driver, "b", priority=250)

    assert taken_ids(driver, "b", "a") == [low, critical]


def test_a_queue_not_named_is_left_alone(driver: Driver) -> None:
    push_one(driver, "a")

    assert taken_ids(driver, "b") == []
    assert taken_ids(driver, "b", "never used") == []
    assert driver.claim([], limit=5, lease=30, worker="w") == []


@pytest.mark.in_order
def test_higher_priorities_come_first(driver: Driver) -> None:
    low = push_one(driver, priority=250)
    normal = push_one(driver, priority=500)
    high = push_one(driver, priority=750)
    critical = push_one(driver, priority=1000)

    assert taken_ids(driver) == [critical, high, normal, low]


@pytest.mark.in_order
def test_a_level_is_first_in_first_out(driver: Driver, clock: FakeClock) -> None:
    ids: list[JobId] = []
    for _ in range(5):
        ids.append(push_one(driver))
        clock.step(1)

    assert taken_ids(driver) == ids


@pytest.mark.in_order
def test_jobs_of_one_moment_come_in_the_order_they_were_pushed(driver: Driver) -> None:
    first, second = a_job(), a_job()
    driver.push([second])
    driver.push([first])
    more = jobs(20)[::-1]
    driver.push(more)

    assert taken_ids(driver) == [second.id, first.id, *(job.id for job in more)]


@pytest.mark.in_order
def test_a_level_is_worth_250_seconds_of_waiting(driver: Driver, clock: FakeClock) -> None:
    waited = push_one(driver, priority=500)
    clock.step(249)
    just_in_time = push_one(driver, priority=750)
    clock.step(2)
    too_late = push_one(driver, priority=750)

    assert taken_ids(driver) == [just_in_time, waited, too_late]


@pytest.mark.in_order
def test_a_low_job_waits_at_most_750_seconds_behind_critical_ones(driver: Driver, clock: FakeClock) -> None:
    low = push_one(driver, priority=250)

    waited = 0
    while True:
        push_one(driver, priority=1000)
        if take_one(driver).id == low:
            break
        clock.step(30)
        waited += 30

    assert waited in {750, 780}


@pytest.mark.in_order
def test_the_aging_given_at_opening_says_what_a_level_is_worth(store: Store, clock: FakeClock) -> None:
    driver = store.open(aging=Aging(10))
    waited = push_one(driver, priority=500)
    clock.step(9)
    just_in_time = push_one(driver, priority=750)
    clock.step(2)
    too_late = push_one(driver, priority=750)

    assert taken_ids(driver) == [just_in_time, waited, too_late]


@pytest.mark.in_order
def test_without_aging_priority_is_strict(store: Store, clock: FakeClock) -> None:
    driver = store.open(aging=Aging(None))
    normal = push_one(driver, priority=500)
    clock.step(10 * 365 * 86_400)
    low = push_one(driver, priority=250)
    critical = push_one(driver, priority=1000)
    high = push_one(driver, priority=750)

    assert taken_ids(driver) == [critical, high, normal, low]


@pytest.mark.in_order
def test_a_delayed_job_takes_its_place_by_its_due_moment(driver: Driver, clock: FakeClock) -> None:
    delayed = push_one(driver, delay=10)
    clock.step(5)
    before = push_one(driver)
    clock.step(10)
    after = push_one(driver)

    assert taken_ids(driver) == [before, delayed, after]


@pytest.mark.in_order
def test_due_jobs_are_promoted_by_a_claim(driver: Driver, clock: FakeClock) -> None:
    new = jobs(3, delay=5)
    driver.push(new)
    clock.step(5)

    assert taken_ids(driver, limit=1) == [new[0].id]

    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.ready, counts.delayed) == (2, 0)


@pytest.mark.in_order
def test_a_claim_promotes_up_to_a_step_of_each_queue(driver: Driver, clock: FakeClock) -> None:
    driver.push(jobs(STEP + 1, "a", delay=1) + jobs(STEP + 2, "b", delay=1))
    clock.step(1)

    take(driver, "a", "b", limit=1)

    a, b = driver.counts(["a", "b"])
    assert (a.by_priority[500].ready, a.by_priority[500].delayed) == (STEP - 1, 1)
    assert (b.by_priority[500].ready, b.by_priority[500].delayed) == (STEP, 2)


def test_a_claim_promotes_nothing_of_other_queues(driver: Driver, clock: FakeClock) -> None:
    push_one(driver, "b", delay=1)
    clock.step(1)

    take(driver, "a")

    assert driver.counts(["b"])[0].by_priority[500].delayed == 1


def test_a_paused_queue_is_skipped(driver: Driver, clock: FakeClock) -> None:
    push_one(driver, "a")
    push_one(driver, "a", delay=1)
    push_one(driver, "a", expires=1.0)
    other = push_one(driver, "b")
    driver.pause("a")
    clock.step(1)

    assert taken_ids(driver, "a", "b") == [other]

    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.ready, counts.delayed, counts.dead) == (2, 1, 0)


@pytest.mark.parametrize("state", ["ready", "delayed", "held", "handed back", "snoozed"])
def test_a_pending_job_past_its_expiry_is_buried_instead_of_claimed(
    driver: Driver, clock: FakeClock, state: str
) -> None:
    job_id = push_one(driver, expires=60.0, delay=300 if state == "delayed" else 0, unique="u")
    match state:
        case "held":
            driver.settle([held(take_one(driver), "type unknown")])
        case "handed back":
            driver.settle([handed_back(take_one(driver))])
        case "snoozed":
            driver.settle([snoozed(take_one(driver), 300)])
        case _:
            pass
    attempt = one(driver, job_id).attempt
    clock.step(60)

    assert taken_ids(driver) == []

    job = one(driver, job_id)
    assert (job.status, job.reason, job.finished_at) == (JobStatus.EXPIRED, Reason.EXPIRED, START + 60 * SECOND)
    assert (job.held, job.note) == (False, None)
    (failure,) = job.errors
    assert (failure.reason, failure.attempt) == (Reason.EXPIRED, attempt)
    assert "expire" in failure.message
    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.dead, counts.failed) == (1, 1)


def test_a_job_is_claimed_just_before_its_expiry(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver, expires=60.0)
    clock.step(59.999999)

    assert taken_ids(driver) == [job_id]


def test_expiry_does_not_touch_a_running_job(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver, expires=60.0)
    take_one(driver)
    clock.step(61)

    take(driver)
    driver.tend()

    assert one(driver, job_id).status is JobStatus.PROCESSING


def test_a_retrying_job_has_begun_and_cannot_expire(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver, expires=60.0)
    claim = take_one(driver)
    driver.settle([after_failure(claim, a_failure(claim), RetrySchedule([100]))])
    clock.step(100)

    driver.tend()

    assert taken_ids(driver) == [job_id]


def test_a_retrying_job_stays_when_a_pending_one_beside_it_expires(driver: Driver, clock: FakeClock) -> None:
    retrying = push_one(driver, expires=60.0)
    claim = take_one(driver)
    driver.settle([after_failure(claim, a_failure(claim), RetrySchedule([0]))])
    pending = push_one(driver, expires=60.0)
    also_pending = push_one(driver, "b", expires=60.0)
    clock.step(60)

    assert taken_ids(driver, limit=0) == []
    driver.tend()

    assert one(driver, retrying).status is JobStatus.RETRYING
    assert one(driver, pending).status is one(driver, also_pending).status is JobStatus.EXPIRED


def test_all_overdue_jobs_of_the_queues_are_buried_even_when_the_limit_is_reached_before(
    driver: Driver, clock: FakeClock
) -> None:
    overdue = [push_one(driver, queue, expires=1.0, delay=delay) for queue in ("a", "b") for delay in (0, 10)]
    elsewhere = push_one(driver, "c", expires=1.0)
    clock.step(1)
    fresh = push_one(driver, "a")

    assert taken_ids(driver, "a", "b", limit=1) == [fresh]

    assert [one(driver, job_id).status for job_id in overdue] == [JobStatus.EXPIRED] * 4
    assert one(driver, elsewhere).status is JobStatus.PENDING


def test_overdue_jobs_do_not_use_up_the_limit(driver: Driver, clock: FakeClock) -> None:
    driver.push(jobs(STEP + 5, expires=1.0))
    fresh = push_one(driver)
    clock.step(1)

    assert taken_ids(driver, limit=1) == [fresh]
    assert driver.counts(["a"])[0].by_priority[500].dead == STEP + 5


def test_a_claim_of_nothing_answers_at_once_with_nothing(driver: Driver) -> None:
    assert take(driver) == []


def test_a_claim_not_extended_in_time_is_answered_by_lapsed(driver: Driver, clock: FakeClock) -> None:
    push_one(driver)
    claim = take_one(driver, lease=30)

    clock.step(29.999999)
    assert driver.lapsed(10) == []
    clock.step(0.000001)
    assert driver.lapsed(10) == [claim]


def test_a_running_job_is_not_offered_again(driver: Driver, clock: FakeClock) -> None:
    push_one(driver)
    take_one(driver)
    clock.step(1000)

    assert take(driver) == []


def test_the_counters_agree_after_claims_from_many_queues_and_levels(driver: Driver, clock: FakeClock) -> None:
    for queue in ("a", "b"):
        for priority in (250, 500, 750, 1000):
            driver.push(jobs(3, queue, priority=priority) + jobs(2, queue, priority=priority, delay=5))
    check_counters(driver)

    take(driver, "a", "b", limit=15)
    check_counters(driver)
    clock.step(5)
    take(driver, "b", limit=7)
    check_counters(driver)

    popped = sum(counts.popped for queue in driver.counts() for counts in queue.by_priority.values())
    assert popped == 22


def test_a_claim_says_since_when_its_job_was_ready(driver: Driver, clock: FakeClock) -> None:
    push_one(driver, delay=5)
    clock.step(9)
    first = take_one(driver)
    driver.settle([snoozed(first, 2)])
    clock.step(7)

    second = take_one(driver)

    assert first.due_at == START + 5 * SECOND
    assert second.due_at == START + 11 * SECOND
    assert driver.held_by(["w"]) == [second]
    clock.step(31)
    assert driver.lapsed(1) == [second]
