from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator
from typing import Any

import pytest

from conveyor import Conveyor, InvalidValue, atrack, current_job, track
from conveyor.testing import Kit

Said = tuple[float, float | None, str]


@pytest.fixture
def kit() -> Generator[Kit]:
    with Kit(Conveyor()) as made:
        yield made


def last_of(kit: Kit, function: Callable[[], Any]) -> Said:
    """What a job that does this said last."""
    job = kit.app.job("work")(function)
    with kit.inline():
        progress = job.push().progress
    assert progress is not None
    return progress.current, progress.total, progress.message


def test_a_tracked_loop_says_how_many_items_are_done(kit: Kit) -> None:
    items: list[str] = []

    def work() -> None:
        items.extend(track(["a", "b", "c"], message="rows"))

    assert last_of(kit, work) == (3, 3, "rows")
    assert items == ["a", "b", "c"]


def test_a_loop_that_is_left_has_not_done_the_item_at_hand(kit: Kit) -> None:
    def work() -> None:
        for item in track(["a", "b", "c"], message=str.upper):
            if item == "b":
                break

    assert last_of(kit, work) == (1, 3, "B")


@pytest.mark.parametrize("total", [7, None])
def test_a_total_is_given_where_nobody_can_count(kit: Kit, total: int | None) -> None:
    def work() -> None:
        list(track(iter("ab"), total=total))

    assert last_of(kit, work) == (2, total, "")


def test_an_async_loop_is_tracked_too(kit: Kit) -> None:
    found: list[str] = []

    async def letters() -> AsyncIterator[str]:
        for letter in "ab":
            yield letter

    async def work() -> None:
        found.extend([each async for each in atrack("cd")])
        found.extend([each async for each in atrack(letters(), total=4)])

    assert last_of(kit, work) == (2, 4, "")
    assert found == ["c", "d", "a", "b"]


@pytest.mark.parametrize("total", [-1, float("nan"), "7"], ids=str)
def test_a_total_that_cannot_be_is_refused_in_a_job_and_outside(kit: Kit, total: Any) -> None:
    @kit.app.job("work")
    def work() -> None:
        current_job().progress(1, total)

    with pytest.raises(InvalidValue, match="total is"):
        list(track([1], total=total))
    with kit.inline(), pytest.raises(InvalidValue, match="total is"):
        work.push()

    assert kit.pushed()[0].handle.progress is None


def test_outside_of_a_job_the_items_are_passed_on() -> None:
    async def work() -> list[int]:
        return [each async for each in atrack([3, 4])]

    assert list(track([1, 2])) == [1, 2]
    assert asyncio.run(work()) == [3, 4]
