"""Progress of loops: `for item in track(items)` says how far the job is, by itself."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Sized
from typing import TypeVar

from conveyor.context import CurrentJob, check_total, current_job
from conveyor.errors import NoCurrentJob

T = TypeVar("T")


def track(items: Iterable[T], total: float | None = None, message: str | Callable[[T], str] = "") -> Iterator[T]:
    """The items, one by one, while the current job's progress says how many are done.

    Where no job runs, in a test that calls the function directly, it passes the items on and says nothing.

    Args:
        items: what to go through.
        total: how many there are; by itself what `len()` says, or nothing where it says nothing.
        message: what to say beside the number, or a function that makes it from the item at hand.

    Raises:
        InvalidValue: `total` is no number, or below 0.
    """
    job = _job()
    whole = _total(items, total)
    done = 0
    for item in items:
        if job is not None:
            job.progress(done, whole, _text(message, item))
        yield item
        done += 1
    if job is not None:
        job.progress(done, whole, message if isinstance(message, str) else "")


async def atrack(
    items: AsyncIterable[T] | Iterable[T], total: float | None = None, message: str | Callable[[T], str] = ""
) -> AsyncIterator[T]:
    """As `track`, for async jobs; the items may come from an async iterator."""
    job = _job()
    whole = _total(items, total)
    done = 0
    async for item in items if isinstance(items, AsyncIterable) else _each(items):
        if job is not None:
            await job.aprogress(done, whole, _text(message, item))
        yield item
        done += 1
    if job is not None:
        await job.aprogress(done, whole, message if isinstance(message, str) else "")


def _job() -> CurrentJob | None:
    try:
        return current_job()
    except NoCurrentJob:
        return None


def _total(items: object, total: float | None) -> float | None:
    if total is not None:
        return check_total(total)
    return len(items) if isinstance(items, Sized) else None


def _text(message: str | Callable[[T], str], item: T) -> str:
    return message if isinstance(message, str) else message(item)


async def _each(items: Iterable[T]) -> AsyncIterator[T]:
    for item in items:
        yield item
