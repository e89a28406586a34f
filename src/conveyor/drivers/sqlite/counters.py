"""Counter changes of one transaction, gathered by queue and priority and written in one statement each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from conveyor.drivers.sqlite.statements import SQL

# The order of the columns in count.sql. The first six say how many there are now, the others count since ever.
READY, DELAYED, HELD, PROCESSING, DEAD, FINISHED = 0, 1, 2, 3, 4, 5
PUSHED, POPPED, COMPLETED, FAILED, RETRIED, CANCELLED = 6, 7, 8, 9, 10, 11
_HOW_MANY: Final = 12

_OF_STAGE: Final = (DELAYED, READY, PROCESSING, HELD)


def of_stage(stage: int) -> int:
    """The counter of a `stage` that a row of conveyor_job may be in."""
    return _OF_STAGE[stage]


class Tally:
    """What to add to which counter."""

    __slots__ = ("_changes",)

    def __init__(self) -> None:
        self._changes: dict[tuple[str, int], list[int]] = {}

    def add(self, queue: str, priority: int, counter: int, amount: int = 1) -> None:
        """Add `amount` to one counter."""
        changes = self._changes.get((queue, priority))
        if changes is None:
            changes = self._changes[queue, priority] = [0] * _HOW_MANY
        changes[counter] += amount

    def write(self, execute: Callable[..., Any], activity: int | None) -> None:
        """Write the changes; `activity` is the moment of a push, claim or settle, `None` for anything else."""
        for (queue, priority), changes in self._changes.items():
            execute(SQL["count"], (queue, priority, *changes, activity))
