from __future__ import annotations

from typing import Any

from conveyor.drivers.base import Driver
from conveyor.findings import DeadGroup
from conveyor.lifecycle import given_up
from conveyor.records import Filter, JobId, Reason
from conveyor.times import SECOND
from tests.contract.stores import START, FakeClock, a_failure, every, push_one, take_one


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
