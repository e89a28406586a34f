"""Claims of a few new jobs, for which a Redis server has a script of their own, and all others: they answer alike."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Generator

import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.ids import new_id
from conveyor.lifecycle import after_success, handed_back
from conveyor.priority import Priority
from conveyor.records import JobId, NewJob
from tests import servers

FEW = 8
"""As in claim_few.lua."""


@pytest.fixture
def driver() -> Generator[Driver]:
    opened = open_driver(servers.valkey().url())
    yield opened
    opened.close()


def push(driver: Driver, count: int, queue: str = "a", priority: Priority = Priority.NORMAL) -> list[JobId]:
    """Push so many at once, of types in turn."""
    types = itertools.cycle(["t", "u"])
    return driver.push(
        [NewJob(id=new_id(), queue=queue, type=next(types), payload=f"[{n}]", priority=priority) for n in range(count)]
    )


@pytest.mark.parametrize("count", [1, FEW - 1, FEW, FEW + 1, 3 * FEW])
@pytest.mark.parametrize("limit", [1, FEW, FEW + 1, 100])
def test_few_and_many_are_claimed_in_order_and_leave_nothing_behind(driver: Driver, count: int, limit: int) -> None:
    ids = push(driver, count, "a") + push(driver, count, "b")
    claimed: list[tuple[JobId, str, str, int]] = []

    while claims := driver.claim(["a", "a", "none", "b"], limit=limit, lease=30, worker="w"):
        claimed += [(claim.id, claim.queue, claim.type, claim.attempt) for claim in claims]
        assert len(claims) <= limit
        assert {claim.id for claim in driver.held_by(["w"])} == {claim.id for claim in claims}
        assert all(driver.settle([after_success(claim, None) for claim in claims]))

    assert claimed == [(id, "ab"[n // count], "tu"[n % count % 2], 1) for n, id in enumerate(ids)]
    for counts in driver.counts(["a", "b"]):
        of_level = counts.by_priority[Priority.NORMAL]
        assert (of_level.ready, of_level.processing, of_level.completed) == (0, 0, count)


def push_expiring(driver: Driver) -> None:
    driver.push([NewJob(id=new_id(), queue="a", type="t", payload="[]", expires=60)])


def push_urgent(driver: Driver) -> None:
    push(driver, 1, priority=Priority.HIGH)


def push_unique(driver: Driver) -> None:
    driver.push([NewJob(id=new_id(), queue="a", type="t", payload="[]", unique="key")])


@pytest.mark.parametrize("another", [push_expiring, push_urgent, push_unique])
def test_one_that_is_more_than_a_body_is_claimed_with_those_that_are_not(
    driver: Driver, another: Callable[[Driver], None]
) -> None:
    push(driver, 1)
    another(driver)

    assert len(driver.claim(["a"], limit=FEW, lease=30, worker="w")) == 2


def test_one_that_was_handed_back_is_claimed_before_a_new_one_with_its_next_attempt(driver: Driver) -> None:
    first, second = push(driver, 2)
    [claim] = driver.claim(["a"], limit=1, lease=30, worker="w")
    driver.settle([handed_back(claim)])

    claims = driver.claim(["a"], limit=2, lease=30, worker="w")

    assert [(claim.id, claim.attempt) for claim in claims] == [(first, 2), (second, 1)]
