from __future__ import annotations

import pytest

from conveyor.drivers.base import Driver
from conveyor.lifecycle import after_failure, after_success, held
from conveyor.records import CancelAnswer, JobStatus
from conveyor.retry import NoRetry, RetrySchedule
from conveyor.times import SECOND
from tests.contract.recount import check_counters
from tests.contract.stores import START, FakeClock, a_failure, a_job, an_id, one, push_one, take_one, taken_ids


@pytest.mark.parametrize("state", ["ready", "delayed", "held", "retrying", "paused"])
def test_a_waiting_job_is_cancelled_at_once(driver: Driver, clock: FakeClock, state: str) -> None:
    job_id = push_one(driver, delay=60 if state == "delayed" else 0)
    if state in {"held", "retrying"}:
        claim = take_one(driver)
        retry = after_failure(claim, a_failure(claim), RetrySchedule([60]))
        driver.settle([retry if state == "retrying" else held(claim, "type unknown")])
    if state == "paused":
        driver.pause("a")
    clock.step(1)

    assert driver.cancel([job_id]) == [CancelAnswer.CANCELLED]

    job = one(driver, job_id)
    assert (job.status, job.finished_at) == (JobStatus.CANCELLED, START + SECOND)
    assert (job.held, job.note) == (False, None)
    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.ready, counts.delayed, counts.held, counts.cancelled) == (0, 0, 0, 1)
    driver.resume("a")
    clock.step(100)
    assert taken_ids(driver) == []


def test_a_running_job_is_marked_and_goes_on(driver: Driver) -> None:
    job_id = push_one(driver)
    take_one(driver)

    assert driver.cancel([job_id]) == [CancelAnswer.REQUESTED]

    job = one(driver, job_id)
    assert (job.status, job.cancel_requested) == (JobStatus.PROCESSING, True)
    assert driver.counts(["a"])[0].by_priority[500].cancelled == 0


def test_an_id_that_is_named_twice_gets_one_answer_twice(driver: Driver) -> None:
    waiting, running = push_one(driver, "b"), push_one(driver, "a")
    take_one(driver, "a")
    unknown = an_id()

    answers = driver.cancel([waiting, running, waiting, unknown, running, unknown])

    assert answers == [
        CancelAnswer.CANCELLED,
        CancelAnswer.REQUESTED,
        CancelAnswer.CANCELLED,
        CancelAnswer.UNKNOWN,
        CancelAnswer.REQUESTED,
        CancelAnswer.UNKNOWN,
    ]
    assert driver.counts(["b"])[0].by_priority[500].cancelled == 1
    check_counters(driver)


def test_asking_again_changes_nothing(driver: Driver, clock: FakeClock) -> None:
    waiting, running = a_job("b"), a_job("a")
    driver.push([waiting, running])
    take_one(driver, "a")
    driver.cancel([waiting.id, running.id])
    before = driver.get([waiting.id, running.id]), driver.counts()
    clock.step(1)

    answers = driver.cancel([waiting.id, running.id])

    assert answers == [CancelAnswer.TOO_LATE, CancelAnswer.REQUESTED]
    assert (driver.get([waiting.id, running.id]), driver.counts()) == before


def test_a_job_that_has_ended_is_left_as_it_is_dead_letters_too(driver: Driver, clock: FakeClock) -> None:
    finished, dead, expired = a_job(), a_job(), a_job("b", expires=1.0)
    driver.push([finished, dead, expired])
    driver.settle([after_success(take_one(driver), "1")])
    claim = take_one(driver)
    driver.settle([after_failure(claim, a_failure(claim), NoRetry())])
    clock.step(1)
    driver.tend()
    ids = [finished.id, dead.id, expired.id]
    before = driver.get(ids), driver.counts()

    assert driver.cancel(ids) == [CancelAnswer.TOO_LATE] * 3
    assert (driver.get(ids), driver.counts()) == before


def test_a_job_that_is_not_kept_is_unknown(driver: Driver) -> None:
    assert driver.cancel([an_id()]) == [CancelAnswer.UNKNOWN]


def test_many_are_answered_in_order(driver: Driver) -> None:
    waiting, running = a_job("b"), a_job("a")
    driver.push([waiting, running])
    take_one(driver, "a")

    answers = driver.cancel([an_id(), running.id, waiting.id])

    assert answers == [CancelAnswer.UNKNOWN, CancelAnswer.REQUESTED, CancelAnswer.CANCELLED]
    assert driver.cancel([]) == []
    check_counters(driver)


def test_a_request_to_cancel_ends_with_the_run(driver: Driver) -> None:
    job_id = push_one(driver)
    claim = take_one(driver)
    driver.cancel([job_id])

    driver.settle([after_success(claim, None)])

    assert not one(driver, job_id).cancel_requested
