"""What is in the way of a job with a unique key, by the rule that it brings."""

from __future__ import annotations

from typing import Any

import pytest

from conveyor.drivers.base import Driver
from conveyor.lifecycle import after_crash, after_failure, after_success, cancelled, handed_back, held
from conveyor.records import Edits, Filter, JobId, JobStatus, NewJob, Slot
from conveyor.retry import NoRetry, RetrySchedule
from conveyor.times import SECOND
from conveyor.unique import OnConflict, Until
from tests.contract.stores import (
    START,
    FakeClock,
    a_failure,
    a_job,
    is_kept,
    one,
    push_one,
    take_one,
    taken_ids,
)


def a_start(**fields: Any) -> NewJob:
    return a_job(unique="u", unique_until=Until.START, **fields)


def a_success(**fields: Any) -> NewJob:
    return a_job(unique="u", unique_until=Until.SUCCESS, **fields)


def a_replacement(queue: str = "a", **fields: Any) -> NewJob:
    return a_job(queue, unique="u", on_conflict=OnConflict.REPLACE, **fields)


def buried(driver: Driver, **fields: Any) -> JobId:
    """A dead letter with the key."""
    job_id = push_one(driver, unique="u", **fields)
    claim = take_one(driver)
    driver.settle([after_failure(claim, a_failure(claim), NoRetry())])
    return job_id


# ── until start ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("delay", [0, 60])
def test_until_start_a_job_that_was_never_claimed_is_in_the_way(driver: Driver, delay: float) -> None:
    holder = push_one(driver, unique="u", delay=delay)
    rival = a_start()

    assert driver.push([rival]) == [holder]
    assert not is_kept(driver, rival.id)


@pytest.mark.parametrize("now", ["running", "retrying", "handed back", "held"])
def test_until_start_a_job_that_was_claimed_is_not_and_loses_the_key(driver: Driver, now: str) -> None:
    holder = push_one(driver, unique="u")
    claim = take_one(driver)
    match now:
        case "retrying":
            driver.settle([after_failure(claim, a_failure(claim), RetrySchedule([60]))])
        case "handed back":
            driver.settle([handed_back(claim)])
        case "held":
            driver.settle([held(claim, "why")])
        case _:
            pass
    before = one(driver, holder)
    rival = a_start()

    assert driver.push([rival]) == [rival.id]

    assert (before.unique, one(driver, holder).unique, one(driver, rival.id).unique) == ("u", None, "u")
    assert one(driver, holder).status is before.status
    assert driver.push([a_job(unique="u")]) == [rival.id]


def test_a_job_that_lost_its_key_ends_as_any_other(driver: Driver) -> None:
    holder = push_one(driver, unique="u")
    claim = take_one(driver)
    (rival,) = driver.push([a_start()])

    assert driver.settle([after_success(claim, "1")]) == [True]

    assert one(driver, holder).status is JobStatus.COMPLETED
    assert driver.push([a_job(unique="u")]) == [rival]


# ── until success ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_until_success_a_dead_letter_is_in_the_way(driver: Driver) -> None:
    dead = buried(driver)
    rival = a_success()

    assert driver.push([rival]) == [dead]
    assert not is_kept(driver, rival.id)
    assert one(driver, dead).status is JobStatus.FAILED


def test_of_two_dead_letters_the_one_buried_last_is_answered(driver: Driver) -> None:
    buried(driver)
    last = buried(driver)

    assert driver.push([a_success()]) == [last]


@pytest.mark.parametrize("end", ["completed", "cancelled", "forgotten"])
def test_until_success_what_came_to_a_good_end_or_is_gone_is_not_in_the_way(driver: Driver, end: str) -> None:
    match end:
        case "completed":
            push_one(driver, unique="u")
            driver.settle([after_success(take_one(driver), None)])
        case "cancelled":
            push_one(driver, unique="u")
            driver.settle([cancelled(take_one(driver), "no longer wanted")])
        case _:
            dead = buried(driver)
            assert driver.push([a_success()]) == [dead]
            driver.forget(Filter())
    rival = a_success()

    assert driver.push([rival]) == [rival.id]


def test_a_dead_letter_of_another_queue_or_key_is_not_in_the_way(driver: Driver) -> None:
    buried(driver)
    there, other = a_job("b", unique="u", unique_until=Until.SUCCESS), a_job(unique="v", unique_until=Until.SUCCESS)

    assert driver.push([there, other]) == [there.id, other.id]


def test_a_dead_letter_that_came_back_is_in_the_way_as_an_active_job(driver: Driver) -> None:
    dead = buried(driver)
    driver.redrive(Filter(), edits=Edits(queue="b"))
    here = a_success()

    assert driver.push([here]) == [here.id]
    assert driver.push([a_job("b", unique="u", unique_until=Until.SUCCESS)]) == [dead]


def test_an_active_job_comes_before_a_dead_letter(driver: Driver) -> None:
    buried(driver)
    active = push_one(driver, unique="u")

    assert driver.push([a_success()]) == [active]


# ── ttl ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_with_a_ttl_only_a_younger_job_is_in_the_way(driver: Driver, clock: FakeClock) -> None:
    holder = push_one(driver, unique="u", delay=3600)

    clock.step(9.999999)
    assert driver.push([a_job(unique="u", unique_ttl=10.0)]) == [holder]
    clock.step(0.000001)
    successor = a_job(unique="u", unique_ttl=10.0)
    assert driver.push([successor]) == [successor.id]
    assert one(driver, holder).unique is None


def test_a_key_does_not_outlive_its_job_whatever_its_ttl(driver: Driver) -> None:
    push_one(driver, unique="u", unique_ttl=3600.0)
    driver.settle([after_success(take_one(driver), None)])
    successor = a_job(unique="u", unique_ttl=3600.0)

    assert driver.push([successor]) == [successor.id]


def test_a_ttl_bounds_dead_letters_too(driver: Driver, clock: FakeClock) -> None:
    dead = buried(driver)

    clock.step(9)
    assert driver.push([a_success(unique_ttl=10.0)]) == [dead]
    clock.step(1)
    successor = a_success(unique_ttl=10.0)
    assert driver.push([successor]) == [successor.id]


# ── replace ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_waiting_job_becomes_what_replaces_it_and_keeps_its_id(driver: Driver, clock: FakeClock) -> None:
    holder = push_one(driver, unique="u", payload='"old"', expires=500.0)
    clock.step(5)
    new = a_replacement(
        type="v", payload='"new"', options='{"timeout":5}', priority=750, max_crashes=9, delay=60.0, expires=90.0
    )

    assert driver.push([new]) == [holder]

    job = one(driver, holder)
    assert not is_kept(driver, new.id)
    assert (job.type, job.payload, job.options, job.priority, job.max_crashes) == (
        "v",
        '"new"',
        '{"timeout":5}',
        750,
        9,
    )
    assert (job.status, job.unique, job.pushed_at) == (JobStatus.PENDING, "u", START)
    assert (job.due_at, job.expires_at) == (START + 65 * SECOND, START + 95 * SECOND)
    counts = driver.counts(["a"])[0].by_priority
    assert (counts[500].ready, counts[750].delayed, counts[500].pushed, counts[750].pushed) == (0, 1, 1, 0)
    assert taken_ids(driver) == []
    clock.step(60)
    assert take_one(driver).payload == '"new"'


def test_a_replacement_may_bring_the_due_moment_nearer(driver: Driver) -> None:
    holder = push_one(driver, unique="u", delay=3600)

    driver.push([a_replacement()])

    assert taken_ids(driver) == [holder]


@pytest.mark.in_order
def test_what_is_replaced_stays_before_its_equals(driver: Driver) -> None:
    holder = push_one(driver, unique="u")
    other = push_one(driver)

    driver.push([a_replacement()])

    assert taken_ids(driver) == [holder, other]


def test_a_job_that_was_handed_back_is_replaced_and_its_attempt_goes_on_growing(driver: Driver) -> None:
    holder = push_one(driver, unique="u")
    claim = take_one(driver)
    driver.settle([after_crash(claim, a_failure(claim))])

    driver.push([a_replacement(payload='"new"')])

    job = one(driver, holder)
    assert (job.attempt, job.crashes, len(job.errors)) == (1, 0, 1)
    again = take_one(driver)
    assert (again.id, again.attempt, again.payload) == (holder, 2, '"new"')


def test_a_held_job_that_is_replaced_is_offered_again(driver: Driver) -> None:
    holder = push_one(driver, unique="u", type="unknown")
    driver.settle([held(take_one(driver), "nobody knows it")])

    driver.push([a_replacement(type="t")])

    assert (one(driver, holder).held, one(driver, holder).note) == (False, None)
    assert taken_ids(driver) == [holder]


@pytest.mark.parametrize("now", ["running", "retrying", "dead"])
def test_a_job_that_does_not_wait_unbegun_is_left_as_it_is(driver: Driver, now: str) -> None:
    if now == "dead":
        holder = buried(driver)
    else:
        holder = push_one(driver, unique="u")
        claim = take_one(driver)
        if now == "retrying":
            driver.settle([after_failure(claim, a_failure(claim), RetrySchedule([60]))])
    before = one(driver, holder)

    assert driver.push([a_replacement(payload='"new"', unique_until=Until.SUCCESS)]) == [holder]

    assert one(driver, holder) == before


def test_replacing_counts_within_one_batch(driver: Driver) -> None:
    first, second = a_replacement(payload="1"), a_replacement(payload="2")

    assert driver.push([first, second]) == [first.id, first.id]
    assert one(driver, first.id).payload == "2"


def test_until_start_a_running_job_is_not_replaced_but_followed(driver: Driver) -> None:
    first = push_one(driver, unique="u", payload="1")
    take_one(driver)

    second = a_replacement(payload="2", unique_until=Until.START)
    third = a_replacement(payload="3", unique_until=Until.START)

    assert driver.push([second, third]) == [second.id, second.id]
    assert [one(driver, job_id).payload for job_id in (first, second.id)] == ["1", "3"]


def test_for_the_store_raise_is_as_ignore(driver: Driver) -> None:
    holder = push_one(driver, unique="u")

    assert driver.push([a_job(unique="u", on_conflict=OnConflict.RAISE)]) == [holder]


# ── order ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_kept_id_comes_before_the_rule(driver: Driver) -> None:
    dead = buried(driver)
    holder = push_one(driver, unique="u", payload='"old"')

    assert driver.push([a_replacement(id=dead, payload='"new"')]) == [dead]
    assert driver.push([a_replacement(id=holder, payload='"new"')]) == [holder]
    assert one(driver, holder).payload == '"old"'


@pytest.mark.in_order
def test_a_job_that_is_not_stored_for_its_slot_takes_no_key(driver: Driver) -> None:
    slot = Slot("nightly", START)
    holder = push_one(driver, unique="u")
    take_one(driver)
    taken = push_one(driver, slot=slot)

    assert driver.push([a_start(slot=slot)]) == [taken]

    assert one(driver, holder).unique == "u"


def test_a_job_that_replaces_takes_no_slot(driver: Driver) -> None:
    slot = Slot("nightly", START)
    holder = push_one(driver, unique="u")

    assert driver.push([a_replacement(slot=slot)]) == [holder]

    later = a_job(slot=slot)
    assert driver.push([later]) == [later.id]


def test_a_follow_up_brings_its_rule(driver: Driver) -> None:
    holder = push_one(driver, "b", unique="u", payload="1")
    push_one(driver)
    claim = take_one(driver)

    driver.settle([after_success(claim, None, follow_ups=(a_replacement("b", payload="2"),))])

    assert one(driver, holder).payload == "2"
