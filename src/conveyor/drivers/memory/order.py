"""An order that jobs stand in."""

from __future__ import annotations

from bisect import bisect_left, insort

from conveyor.drivers.memory.entry import Entry


class Order:
    """Jobs by a key, lowest first, then by the order in which they were pushed.

    A sorted list: what it moves to make room is a block of pointers, cheap for far more jobs than belong in memory.
    """

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, Entry]] = []

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, key: int, job: Entry) -> None:
        insort(self._rows, (key, job.sequence, job))

    def remove(self, key: int, job: Entry) -> None:
        del self._rows[bisect_left(self._rows, (key, job.sequence))]

    def first_key(self) -> int | None:
        return self._rows[0][0] if self._rows else None

    def first(self, limit: int | None = None) -> list[Entry]:
        """The first jobs, up to `limit`."""
        return [row[2] for row in self._rows[:limit]]

    def up_to(self, key: int, limit: int | None = None) -> list[Entry]:
        """The first jobs whose key is `key` or lower, up to `limit`."""
        end = bisect_left(self._rows, (key + 1,))
        return [row[2] for row in self._rows[: end if limit is None else min(end, limit)]]
