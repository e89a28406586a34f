from __future__ import annotations

import msgspec
import pytest

from conveyor.drivers.base import Driver
from conveyor.lifecycle import (
    after_success,
    handed_back,
)
from conveyor.records import Counts, NewJob, Outcome, Slot
from conveyor.times import SECOND
from tests.contract.stores import (
    START,
    FakeClock,
    a_job,
    one,
    push_one,
    take_one,
    taken_ids,
)


def counters(driver: Driver) -> Counts:
    return driver.counts(["a"])[0].by_priority[500]


def with_follow_ups(outcome: Outcome, *new: NewJob) -> Outcome:
    return msgspec.structs.replace(outcome, follow_ups=new)


def test_follow_ups_come_to_exist_with_the_outcome(driver: Driver, clock: FakeClock) -> None:
    push_one(driver)
    claim = take_one(driver)
    ready, delayed, elsewhere = a_job(), a_job(delay=5), a_job("b")
    clock.step(1)

    driver.settle([after_success(claim, None, follow_ups=(ready, delayed, elsewhere))])

    assert taken_ids(driver, "a", "b") == [ready.id, elsewhere.id]
    assert one(driver, delayed.id).due_at == START + 6 * SECOND
    assert one(driver, ready.id).pushed_at == START + SECOND
    assert (counters(driver).pushed, driver.counts(["b"])[0].by_priority[500].pushed) == (3, 1)


@pytest.mark.in_order
def test_follow_ups_obey_the_rules_of_push(driver: Driver) -> None:
    kept, holder = a_job(), a_job(unique="u")
    slotted = a_job(slot=Slot("nightly", START))
    driver.push([a_job("b"), kept, holder, slotted])
    rival, late = a_job(unique="u"), a_job(slot=Slot("nightly", START))

    driver.settle([after_success(take_one(driver, "b"), None, follow_ups=(kept, rival, late))])

    assert taken_ids(driver) == [kept.id, holder.id, slotted.id]


def test_a_follow_up_may_carry_the_unique_key_of_the_job_that_ends(driver: Driver) -> None:
    push_one(driver, unique="u")
    successor = a_job(unique="u")

    driver.settle([after_success(take_one(driver), None, follow_ups=(successor,))])

    assert taken_ids(driver) == [successor.id]


def test_a_follow_up_with_the_unique_key_of_a_job_that_goes_on_is_not_stored(driver: Driver) -> None:
    job_id = push_one(driver, unique="u")
    rival = a_job(unique="u")

    driver.settle([with_follow_ups(handed_back(take_one(driver)), rival)])

    assert taken_ids(driver) == [job_id]
