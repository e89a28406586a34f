from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from conveyor import Conveyor, InvalidValue, atrack, current_job, track
from conveyor.context import running
from conveyor.ids import new_id
from conveyor.records import Claim, NewJob


@pytest.fixture
def claim(app: Conveyor) -> Claim:
    (job_id,) = app.driver.push([NewJob(id=new_id(), queue="default", type="work", payload="{}")])
    (claimed,) = app.driver.claim(["default"], limit=1, lease=30, worker="w")
    assert claimed.id == job_id
    return claimed


def last(app: Conveyor, claim: Claim) -> tuple[float, float | None, str]:
    progress = app.handle(claim.id).progress
    assert progress is not None
    return progress.current, progress.total, progress.message


def test_a_tracked_loop_says_how_many_items_are_done(app: Conveyor, claim: Claim) -> None:
    with running(claim, app):
        items = list(track(["a", "b", "c"], message="rows"))

    assert items == ["a", "b", "c"]
    assert last(app, claim) == (3, 3, "rows")


def test_a_loop_that_is_left_has_not_done_the_item_at_hand(app: Conveyor, claim: Claim) -> None:
    with running(claim, app):
        for item in track(["a", "b", "c"], message=str.upper):
            if item == "b":
                break

    assert last(app, claim) == (1, 3, "B")


def test_a_total_is_given_where_nobody_can_count(app: Conveyor, claim: Claim) -> None:
    with running(claim, app):
        list(track(iter("ab"), total=7))
    assert last(app, claim) == (2, 7, "")

    with running(claim, app):
        list(track(iter("ab")))
    assert last(app, claim) == (2, None, "")


def test_an_async_loop_is_tracked_too(app: Conveyor, claim: Claim) -> None:
    async def letters() -> AsyncIterator[str]:
        for letter in "ab":
            yield letter

    async def work() -> list[str]:
        with running(claim, app):
            return [each async for each in atrack(letters(), total=2)] + [each async for each in atrack("cd")]

    assert asyncio.run(work()) == ["a", "b", "c", "d"]
    assert last(app, claim) == (2, 2, "")


@pytest.mark.parametrize("total", [-1, float("nan"), "7"], ids=str)
def test_a_total_that_cannot_be_is_refused_in_a_job_and_outside(app: Conveyor, claim: Claim, total: Any) -> None:
    with pytest.raises(InvalidValue, match="total is"):
        list(track([1], total=total))
    with running(claim, app), pytest.raises(InvalidValue, match="total is"):
        current_job().progress(1, total)

    assert app.handle(claim.id).progress is None


def test_outside_of_a_job_the_items_are_passed_on(app: Conveyor) -> None:
    async def work() -> list[int]:
        return [each async for each in atrack([3, 4])]

    assert list(track([1, 2])) == [1, 2]
    assert asyncio.run(work()) == [3, 4]
