from __future__ import annotations

from conveyor.drivers.base import Driver
from conveyor.lifecycle import after_crash, after_success, handed_back
from conveyor.records import ClaimKey, Reason
from conveyor.times import SECOND
from tests.contract.stores import START, FakeClock, a_failure, a_job, jobs, one, push_one, take, take_one


def test_extend_moves_the_end_of_the_lease(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)
    claim = take_one(driver, lease=30)
    clock.step(20)

    assert driver.extend([ClaimKey(claim.id, claim.attempt)], 45) == [True]

    assert one(driver, job_id).lease_until == START + 65 * SECOND
    clock.step(44)
    assert driver.lapsed(10) == []
    clock.step(1)
    assert driver.lapsed(10) == [claim]


def test_extend_answers_in_order_which_claims_still_hold(driver: Driver) -> None:
    driver.push(jobs(3))
    first, second, third = take(driver)
    driver.settle([after_success(first, None), handed_back(third)])
    again = take_one(driver)
    keys = [ClaimKey(claim.id, claim.attempt) for claim in (third, second, first, again)]

    assert driver.extend([*keys, ClaimKey(a_job().id, 1)], 99) == [False, True, False, True, False]
    assert driver.extend([], 99) == []


def test_a_lapsed_lease_can_be_extended_as_long_as_nobody_took_the_job(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)
    claim = take_one(driver, lease=30)
    key = ClaimKey(claim.id, claim.attempt)
    clock.step(1000)

    assert driver.extend([key], 30) == [True]
    assert driver.lapsed(10) == []
    clock.step(1000)
    driver.settle([after_crash(claim, a_failure(claim, reason=Reason.CRASHED))])
    assert driver.extend([key], 30) == [False]
    assert one(driver, job_id).lease_until is None
