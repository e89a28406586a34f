from __future__ import annotations

import pytest

from conveyor.drivers.base import STEP, Driver
from conveyor.lifecycle import after_crash, handed_back, held, snoozed
from conveyor.records import JobStatus, Reason, Tended, WorkerRecord
from conveyor.times import SECOND
from tests.contract.recount import check_counters
from tests.contract.stores import (
    START,
    FakeClock,
    a_failure,
    a_job,
    jobs,
    one,
    push_one,
    take,
    take_one,
    taken_ids,
)


def test_tending_nothing_does_nothing(driver: Driver) -> None:
    push_one(driver)

    assert driver.tend(["t"]) == Tended()


def test_due_jobs_are_promoted_in_all_queues(driver: Driver, clock: FakeClock) -> None:
    driver.push([*jobs(2, "a", delay=5), *jobs(1, "b", delay=5), *jobs(1, "b", delay=6)])
    driver.pause("b")
    clock.step(5)

    assert driver.tend() == Tended(promoted=3)

    a, b = driver.counts(["a", "b"])
    assert (a.by_priority[500].ready, b.by_priority[500].ready, b.by_priority[500].delayed) == (2, 1, 1)


@pytest.mark.parametrize("state", ["ready", "delayed", "held", "handed back", "snoozed", "paused"])
def test_waiting_jobs_past_their_expiry_are_buried(driver: Driver, clock: FakeClock, state: str) -> None:
    job_id = push_one(driver, expires=60.0, delay=300 if state == "delayed" else 0)
    match state:
        case "held":
            driver.settle([held(take_one(driver), "type unknown")])
        case "handed back":
            driver.settle([handed_back(take_one(driver))])
        case "snoozed":
            driver.settle([snoozed(take_one(driver), 300)])
        case "paused":
            driver.pause("a")
        case _:
            pass
    clock.step(59.999999)
    assert driver.tend() == Tended()
    clock.step(0.000001)

    assert driver.tend() == Tended(expired=1)

    job = one(driver, job_id)
    assert (job.status, job.reason, job.finished_at) == (JobStatus.EXPIRED, Reason.EXPIRED, START + 60 * SECOND)
    assert job.errors[-1].reason is Reason.EXPIRED
    assert driver.counts(["a"])[0].by_priority[500].failed == 1


@pytest.mark.in_order
def test_held_jobs_are_offered_again_when_their_type_is_known(driver: Driver, clock: FakeClock) -> None:
    known, unknown = a_job(type="known"), a_job(type="unknown")
    driver.push([known, unknown])
    driver.settle([held(claim, "type unknown") for claim in take(driver)])
    clock.step(1)
    later = push_one(driver)

    assert driver.tend() == Tended()
    assert driver.tend(["known", "other"]) == Tended(unheld=1)

    job = one(driver, known.id)
    assert (job.status, job.held, job.note, job.due_at) == (JobStatus.PENDING, False, None, START)
    assert one(driver, unknown.id).held
    assert taken_ids(driver) == [known.id, later]


def test_tending_leaves_lapsed_leases_to_whoever_settles_them(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)
    take_one(driver, lease=1)
    clock.step(1000)

    assert driver.tend() == Tended()
    assert one(driver, job_id).status is JobStatus.PROCESSING


@pytest.mark.one_partition
def test_a_step_touches_at_most_a_step_of_jobs_and_says_that_there_is_more(driver: Driver, clock: FakeClock) -> None:
    driver.push([*jobs(STEP - 10, "a", delay=1), *jobs(20, "b", delay=1)])
    clock.step(1)

    first, second, third = driver.tend(), driver.tend(), driver.tend()

    assert first == Tended(promoted=STEP, more=True)
    assert second == Tended(promoted=10)
    assert third == Tended()


@pytest.mark.one_partition
def test_a_step_buries_at_most_a_step_of_jobs(driver: Driver, clock: FakeClock) -> None:
    driver.push([*jobs(STEP - 10, "a", expires=1.0), *jobs(20, "b", expires=1.0)])
    clock.step(1)

    assert driver.tend() == Tended(expired=STEP, more=True)
    assert driver.tend() == Tended(expired=10)


@pytest.mark.in_order
def test_a_step_offers_at_most_a_step_of_held_jobs(driver: Driver) -> None:
    driver.push(jobs(STEP + 10))
    for limit in (STEP, 10):
        driver.settle([held(claim, "type unknown") for claim in take(driver, limit=limit)])

    assert driver.tend(["t"]) == Tended(unheld=STEP, more=True)
    assert driver.tend(["t"]) == Tended(unheld=10)


def test_workers_silent_for_a_day_are_forgotten(driver: Driver, clock: FakeClock) -> None:
    def beat(name: str) -> None:
        driver.beat(WorkerRecord(name=name, host="h", pid=1, started_at=START, queues=("a",), state="running"))

    beat("silent")
    clock.step(3600)
    beat("lively")
    clock.step(86_400 - 3600)
    driver.tend()
    assert [worker.name for worker in driver.workers()] == ["lively", "silent"]
    clock.step(1)

    driver.tend()

    assert [worker.name for worker in driver.workers()] == ["lively"]


@pytest.mark.in_order
def test_lapsed_claims_come_longest_first_and_up_to_a_limit(driver: Driver, clock: FakeClock) -> None:
    driver.push(jobs(3))
    long, short, middle = (take_one(driver, lease=lease) for lease in (30, 10, 20))
    clock.step(15)
    assert driver.lapsed(10) == [short]
    clock.step(15)

    assert driver.lapsed(10) == [short, middle, long]
    assert driver.lapsed(2) == [short, middle]
    assert driver.lapsed(0) == []


def test_lapsed_only_looks_and_the_caller_settles(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)
    claim = take_one(driver, lease=10)
    clock.step(10)

    assert driver.lapsed(10) == driver.lapsed(10) == [claim]
    assert one(driver, job_id).status is JobStatus.PROCESSING
    failure = a_failure(claim, "lease lapsed", reason=Reason.CRASHED)
    assert driver.settle([after_crash(claim, failure)]) == [True]
    assert driver.lapsed(10) == []


def test_a_rescued_job_is_offered_again_with_the_next_attempt_and_the_first_holder_is_refused(
    driver: Driver, clock: FakeClock
) -> None:
    push_one(driver)
    lost = take_one(driver, lease=10)
    clock.step(10)
    (lapsed,) = driver.lapsed(10)
    driver.settle([after_crash(lapsed, a_failure(lapsed, reason=Reason.CRASHED))])

    again = take_one(driver)

    assert (again.id, again.attempt, again.crashes) == (lost.id, 2, 1)
    assert driver.settle([handed_back(lost)]) == [False]


@pytest.mark.in_order
def test_held_by_answers_what_these_workers_hold_now(driver: Driver) -> None:
    driver.push(jobs(4))
    first, second, third, fourth = (take_one(driver, worker=name) for name in ("w1", "w2", "w1", "w3"))
    driver.settle([handed_back(third)])

    assert driver.held_by(["w1"]) == [first]
    held_by_two = sorted(driver.held_by(["w2", "w3", "w9"]), key=lambda claim: claim.id)
    assert held_by_two == [second, fourth]
    assert driver.held_by([]) == []
    check_counters(driver)
