"""Conditions on queues, their dead letters, and the workers that serve them. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from conveyor.alerts.condition import Condition, number, queue_name, whole, window_of
from conveyor.alerts.sight import Sample, Sight
from conveyor.retry import Duration
from conveyor.times import SECOND, seconds

SAMPLES: Final = 12
"""In how many steps growth is followed over its window."""


class QueueDepth(Condition):
    """More than `above` jobs of a queue are ready: due, and not begun. Those that are due later do not count.

    Args:
        above: jobs.
        queue: this queue; each of all by itself.

    Raises:
        InvalidValue: a number below 0, or what no queue may be called.
    """

    def __init__(self, above: float, *, queue: str | None = None) -> None:
        self.threshold = number(above, "above")
        self.queue = queue_name(queue)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """Ready jobs, by queue."""
        return {each.queue: float(each.ready) for each in self._queues(sight)}

    def says(self, subject: str, value: float) -> str:
        """In words."""
        return f"queue {subject!r}: {value:,.0f} jobs are ready (limit {self.threshold:,.12g})"

    def __str__(self) -> str:
        return f"ready jobs{self._of} above {self.threshold:,.12g}"


class OldestWaiting(Condition):
    """A job has been ready for more than `above` seconds. In a paused queue too: the pause may have been forgotten.

    Args:
        above: seconds or timedelta.
        queue: in this queue; in each of all by itself.

    Raises:
        InvalidValue: a time below 0, or what no queue may be called.
    """

    def __init__(self, above: Duration, *, queue: str | None = None) -> None:
        self.threshold = seconds(above, "above")
        self.queue = queue_name(queue)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """Seconds, by queue."""
        return {each.queue: each.oldest_age or 0.0 for each in self._queues(sight)}

    def says(self, subject: str, value: float) -> str:
        """In words."""
        return f"queue {subject!r}: the oldest job has been ready for {value:,.0f} s (limit {self.threshold:g} s)"

    def __str__(self) -> str:
        return f"oldest ready job{self._of} above {self.threshold:g} s"


class StalledQueue(Condition):
    """A queue's first job has been ready for more than `above` seconds (or timedelta) while none is processed.

    Args:
        above: seconds or timedelta.
        queue: this queue; each of all by itself. Paused ones are not stalled.

    Raises:
        InvalidValue: a time below 0, or what no queue may be called.
    """

    def __init__(self, above: Duration = 60, *, queue: str | None = None) -> None:
        self.threshold = seconds(above, "above")
        self.queue = queue_name(queue)

    @property
    def clear(self) -> float:
        """As soon as something is processed."""
        return 0.0

    def values(self, sight: Sight) -> Mapping[str, float]:
        """Seconds for which nothing has moved, by queue."""
        return {
            each.queue: 0.0 if each.is_paused or each.processing else each.oldest_age or 0.0
            for each in self._queues(sight)
        }

    def says(self, subject: str, value: float) -> str:
        """In words."""
        if not value:
            return f"queue {subject!r}: its jobs are being processed again"
        return (
            f"queue {subject!r}: its first job has been ready for {value:,.0f} s, and none is processed "
            f"(limit {self.threshold:g} s)"
        )

    def __str__(self) -> str:
        return f"nothing processed{self._of} for {self.threshold:g} s while jobs are ready"


class DeadLetterSize(Condition):
    """A queue has more than `above` dead letters.

    Args:
        above: dead letters.
        queue: of this queue; of each of all by itself.

    Raises:
        InvalidValue: a number below 0, or what no queue may be called.
    """

    def __init__(self, above: float, *, queue: str | None = None) -> None:
        self.threshold = number(above, "above")
        self.queue = queue_name(queue)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """Dead letters, by queue."""
        return {each.queue: float(each.dead) for each in self._queues(sight)}

    def says(self, subject: str, value: float) -> str:
        """In words."""
        return f"queue {subject!r}: {value:,.0f} dead letters (limit {self.threshold:,.12g})"

    def __str__(self) -> str:
        return f"dead letters{self._of} above {self.threshold:,.12g}"


class DeadLetterGrowth(Condition):
    """A queue has more than `above` dead letters more than it had a window ago.

    Args:
        above: dead letters.
        window: seconds or timedelta, from a minute to a week; followed in twelve steps.
        queue: of this queue; of each of all by itself.

    Raises:
        InvalidValue: an argument breaks its rule.
    """

    wants_samples = True

    def __init__(self, above: float, *, window: Duration = 3600, queue: str | None = None) -> None:
        self.threshold = number(above, "above")
        self.window = window_of(window)
        self.queue = queue_name(queue)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """Dead letters that have come, by queue; those that were retried or forgotten meanwhile are taken off."""
        if not sight.samples:
            return {}
        before = sight.samples[0].dead
        return {each.queue: float(max(0, each.dead - before.get(each.queue, 0))) for each in self._queues(sight)}

    def says(self, subject: str, value: float) -> str:
        """In words."""
        return (
            f"queue {subject!r}: {value:,.0f} dead letters more than {self.window:g} s ago "
            f"(limit {self.threshold:,.12g})"
        )

    def __str__(self) -> str:
        return f"new dead letters{self._of} above {self.threshold:,.12g} within {self.window:g} s"


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
        there = sum(each.is_healthy and (self.queue is None or self.queue in each.queues) for each in sight.workers)
        return {self.queue or "": float(max(0, self.below - there))}

    def says(self, subject: str, value: float) -> str:
        """In words."""
        where = f"queue {subject!r}: " if subject else ""
        return f"{where}{self.below - value:.0f} healthy workers (wanted {self.below})"

    def __str__(self) -> str:
        return f"healthy workers{self._of} below {self.below}"


def sampled(condition: Condition, samples: Sequence[Sample], sight: Sight, now: int) -> tuple[Sample, ...]:
    """The samples with the present one, if it is time for it: the oldest is as old as the window, or little more."""
    if not condition.wants_samples or condition.window is None:
        return ()
    window = round(condition.window * SECOND)
    # What lies ahead was taken before the clock was set back.
    kept = [each for each in samples if each.at <= now]
    while len(kept) > 1 and kept[1].at <= now - window:
        del kept[0]
    if not kept or kept[-1].at <= now - window // SAMPLES:
        kept.append(Sample(now, {each.queue: each.dead for each in sight.queues if each.dead}))
    return tuple(kept)
