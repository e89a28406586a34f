"""Conditions on workers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conveyor.alerts.condition import Condition, queue_name, whole
from conveyor.alerts.sight import Sight


class MissingWorkers(Condition):
    """Fewer than `below` healthy workers are there.

    Only a worker that lives can tell that others are missing: that none is left is for `conveyor health`, or for
    `conveyor alerts --look`, to find out, run from elsewhere.

    Args:
        below: workers.
        queue: that serve this queue; any by itself.

    Raises:
        InvalidValue: a number below 1, or what no queue may be called.
    """

    threshold = 0.0

    def __init__(self, below: int = 1, *, queue: str | None = None) -> None:
        self.below: Final = whole(below, "below")
        self.queue = queue_name(queue)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """How many are missing, of the queue."""
        there = sum(each.is_healthy and self.queue in (None, *each.queues) for each in sight.workers)
        return {self.queue or "": float(max(0, self.below - there))}

    def says(self, subject: str, value: float) -> str:
        """In words."""
        where = f"queue {subject!r}: " if subject else ""
        there = round(self.below - value)
        return f"{where}{there:,} healthy worker{'' if there == 1 else 's'} (wanted {self.below:,})"

    def __str__(self) -> str:
        return f"healthy workers{self._of} below {self.below:,}"
