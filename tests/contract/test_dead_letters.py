from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from conveyor.cli.documents import total
from conveyor.drivers.base import Driver
from conveyor.findings import DeadGroup
from conveyor.lifecycle import after_failure, after_success, given_up
from conveyor.measures import Memory
from conveyor.records import Filter, JobId, Reason
from conveyor.retention import Retention
from conveyor.retry import RetrySchedule
from conveyor.times import SECOND
from tests.contract.recount import check_counters
from tests.contract.stores import START, FakeClock, Store, a_failure, every, is_kept, one, push_one, take_one


def found(driver: Driver, **conditions: Any) -> list[JobId]:
    return [job.id for job in every(driver, Filter(**conditions))]


def bury(driver: Driver, clock: FakeClock, queue: str = "a", type: str = "t", **fields: Any) -> JobId:
    """A dead letter, a second after the last."""
    clock.step(1)
    push_one(driver, queue, type=type)
    claim = take_one(driver, queue)
    driver.settle([given_up(claim, a_failure(claim, **fields))])
    return claim.id


def test_dead_letters_are_grouped_by_what_they_have_in_common(driver: Driver, clock: FakeClock) -> None:
    push_one(driver, "waiting")
    ids = [
        bury(driver, clock, fingerprint="f1", message="one"),
        bury(driver, clock, fingerprint="f1", message="two"),
        bury(driver, clock, fingerprint="f2"),
        bury(driver, clock, fingerprint="f1", queue="b"),
        bury(driver, clock, fingerprint="f1", type="s"),
        bury(driver, clock, reason=Reason.CRASHED, error_type=""),
    ]

    groups = driver.dead_groups(Filter())

    (most, *others) = groups
    assert most == DeadGroup(
        queue="a",
        type="t",
        reason=Reason.FAILED,
        error_type="builtins.ValueError",
        fingerprint="f1",
        count=2,
        first=START + SECOND,
        last=START + 2 * SECOND,
        newest=ids[1],
    )
    assert [group.newest for group in others] == ids[:1:-1]
    assert (others[0].reason, others[0].error_type, others[0].fingerprint) == (Reason.CRASHED, "", "")
    assert [group.newest for group in driver.dead_groups(Filter(queues=("b",)))] == [ids[3]]
    assert driver.dead_groups(Filter(types=("none",))) == []


def test_dead_letters_are_found_by_the_last_failures_fingerprint(driver: Driver, clock: FakeClock) -> None:
    first = bury(driver, clock, fingerprint="f1")
    second = bury(driver, clock, fingerprint="f2")
    bury(driver, clock)
    driver.redrive(Filter(ids=(second,)))
    claim = take_one(driver)
    driver.settle([given_up(claim, a_failure(claim, fingerprint="f1"))])

    assert found(driver, fingerprint="f1") == [second, first]
    assert found(driver, fingerprint="f2") == []
    assert found(driver, fingerprint="f") == []
    assert driver.redrive(Filter(fingerprint="f1")) == 2


def test_a_dead_letter_that_was_lost_is_buried_as_it_was(driver: Driver, clock: FakeClock) -> None:
    options = '{"metadata":{"tags":["x"]}}'
    push_one(driver, payload='{"text":"ü \\u0000"}', options=options, unique="key", priority=750, expires=3600)
    claim = take_one(driver)
    driver.settle([after_failure(claim, a_failure(claim, "first"), RetrySchedule([0]))])
    claim = take_one(driver)
    failure = a_failure(claim, "last", fingerprint="f1", traceback="at\nß", worker="w", ended_at=START)
    driver.settle([replace(given_up(claim, failure), memory=Memory(1, 2, 3), note="why", started_at=START)])
    lost = [one(driver, claim.id), one(driver, bury(driver, clock, queue="b")), one(driver, overdue(driver, clock))]
    pushed = [counts.pushed for counts in map(total, driver.counts(["a", "b"]))]
    groups = driver.dead_groups(Filter())
    assert driver.forget(Filter()) == 3
    clock.step(60)

    assert driver.bury([*lost, lost[0]]) == [True, True, True, False]

    assert driver.get([letter.id for letter in lost]) == lost
    assert driver.dead_groups(Filter()) == groups
    assert [(counts.dead, counts.failed) for counts in map(total, driver.counts(["a", "b"]))] == [(2, 2), (1, 1)]
    assert [counts.pushed for counts in map(total, driver.counts(["a", "b"]))] == pushed
    assert found(driver, tag="x") == [claim.id]
    check_counters(driver)
    assert driver.redrive(Filter()) == 3
    again = take_one(driver)
    assert (again.id, again.attempt, again.failures, again.payload) == (claim.id, 3, 0, claim.payload)
    assert one(driver, claim.id).unique == "key"
    check_counters(driver)


def test_what_the_store_keeps_is_not_buried(driver: Driver, clock: FakeClock) -> None:
    lost = one(driver, bury(driver, clock))
    waiting, running, done = push_one(driver), push_one(driver, "b"), push_one(driver, "c")
    take_one(driver, "b")
    driver.settle([after_success(take_one(driver, "c"), None)])
    ids = [waiting, running, done, lost.id]
    before = driver.get(ids)

    assert driver.bury([replace(lost, id=id) for id in ids]) == [False] * 4
    assert driver.bury([]) == []

    assert driver.get(ids) == before
    check_counters(driver)


def test_a_letter_that_is_buried_again_goes_after_those_that_are_there(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(dead_count=1))
    lost = one(driver, bury(driver, clock))
    driver.forget(Filter())
    there = bury(driver, clock)

    driver.bury([lost])
    driver.tend()

    assert (is_kept(driver, there), is_kept(driver, lost.id)) == (False, True)


def overdue(driver: Driver, clock: FakeClock) -> JobId:
    """A dead letter that was not begun in time."""
    id = push_one(driver, expires=1)
    clock.step(2)
    driver.tend()
    return id
