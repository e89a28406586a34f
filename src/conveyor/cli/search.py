"""Walking through what a filter finds, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from conveyor.drivers.base import Driver
from conveyor.payload import check_queue_name
from conveyor.records import Filter, JobId, StoredJob
from conveyor.selection import DEAD

__all__ = ["COUNTED", "DEAD", "found", "number_found", "queue_names"]

COUNTED: Final = 10_000
"""How many jobs a command walks through to count or group them: a few seconds' work on any store."""

_PAGE: Final = 500


def found(driver: Driver, where: Filter, limit: int = COUNTED) -> Iterator[StoredJob]:
    """Up to `limit` jobs that meet the filter, newest id first."""
    cursor: JobId | None = None
    left = limit
    while left > 0:
        page = driver.find(where, limit=min(left, _PAGE), cursor=cursor)
        yield from page.jobs
        left -= len(page.jobs)
        cursor = page.next
        if cursor is None:
            return


def number_found(driver: Driver, where: Filter) -> tuple[int, str]:
    """How many jobs meet the filter, and that number as people say it: "12", or "more than 10,000"."""
    number = sum(1 for _ in found(driver, where, COUNTED + 1))
    return (number, f"{number:,}") if number <= COUNTED else (number, f"more than {COUNTED:,}")


def queue_names(names: tuple[str, ...]) -> tuple[str, ...]:
    """`names` with `emails.dlq`, the name of a dead letter queue, as its queue `emails`.

    Raises:
        InvalidValue: no queue may be called that.
    """
    return tuple(dict.fromkeys(check_queue_name(name.removesuffix(".dlq")) for name in names))
