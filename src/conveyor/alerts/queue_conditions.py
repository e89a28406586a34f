"""Conditions on queues and their dead letters. Pure."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final

from conveyor.alerts.condition import Condition, number, queue_name, window_of
from conveyor.alerts.sight import Sample, Sight
from conveyor.health import QueueHealth
from conveyor.retry import Duration
from conveyor.times import SECOND, seconds

SAMPLES: Final = 12
"""In how many steps growth is followed over its window."""


class QueueCondition(Condition):
    """Something that is counted, or timed, of each queue, or of one."""

    _unit = ""
    """What follows the threshold."""

    def __init__(self, threshold: float, queue: str | None) -> None:
        self.threshold = threshold
        self.queue = queue_name(queue)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """By queue."""
        return {each.queue: self._value(each) for each in sight.queues if self.queue in (None, each.queue)}

    def says(self, subject: str, value: float) -> str:
        """In words."""
        return f"queue {subject!r}: {self._found(value)} (limit {self._limit})"

    @property
    def _limit(self) -> str:
        return f"{self.threshold:,.12g}{self._unit}"

    @abstractmethod
    def _value(self, queue: QueueHealth) -> float:
        """What there is of this queue."""

    @abstractmethod
    def _found(self, value: float) -> str:
        """That it is so much, in words."""


class QueueDepth(QueueCondition):
    """More than `above` jobs of a queue are ready: due, and not begun. Those that are due later do not count.

    Args:
        above: jobs.
        queue: this queue; each of all by itself.

    Raises:
        InvalidValue: a number below 0, or what no queue may be called.
    """

    def __init__(self, above: float, *, queue: str | None = None) -> None:
        super().__init__(number(above, "above"), queue)

    def _value(self, queue: QueueHealth) -> float:
        return float(queue.ready)

    def _found(self, value: float) -> str:
        return f"{value:,.0f} jobs are ready"

    def __str__(self) -> str:
        return f"ready jobs{self._of} above {self._limit}"


class OldestWaiting(QueueCondition):
    """A job has been ready for more than `above` seconds. In a paused queue too: the pause may have been forgotten.

    Args:
        above: seconds or timedelta.
        queue: in this queue; in each of all by itself.

    Raises:
        InvalidValue: a time below 0, or what no queue may be called.
    """

    _unit = " s"

    def __init__(self, above: Duration, *, queue: str | None = None) -> None:
        super().__init__(seconds(above, "above"), queue)

    def _value(self, queue: QueueHealth) -> float:
        return queue.oldest_age or 0.0

    def _found(self, value: float) -> str:
        return f"the oldest job has been ready for {value:,.0f} s"

    def __str__(self) -> str:
        return f"oldest ready job{self._of} above {self._limit}"


class StalledQueue(QueueCondition):
    """A queue's first job has been ready for more than `above` seconds (or timedelta) while none is processed.

    Args:
        above: seconds or timedelta.
        queue: this queue; each of all by itself. Paused ones are not stalled.

    Raises:
        InvalidValue: a time below 0, or what no queue may be called.
    """

    _unit = " s"

    def __init__(self, above: Duration = 60, *, queue: str | None = None) -> None:
        super().__init__(seconds(above, "above"), queue)

    @property
    def clear(self) -> float:
        """As soon as something is processed."""
        return 0.0

    def _value(self, queue: QueueHealth) -> float:
        return 0.0 if queue.is_paused or queue.processing else queue.oldest_age or 0.0

    def _found(self, value: float) -> str:
        if not value:
            return "its jobs are being processed again"
        return f"its first job has been ready for {value:,.0f} s, and none is processed"

    def __str__(self) -> str:
        return f"nothing processed{self._of} for {self._limit} while jobs are ready"


class DeadLetterSize(QueueCondition):
    """A queue has more than `above` dead letters.

    Args:
        above: dead letters.
        queue: of this queue; of each of all by itself.

    Raises:
        InvalidValue: a number below 0, or what no queue may be called.
    """

    def __init__(self, above: float, *, queue: str | None = None) -> None:
        super().__init__(number(above, "above"), queue)

    def _value(self, queue: QueueHealth) -> float:
        return float(queue.dead)

    def _found(self, value: float) -> str:
        return f"{value:,.0f} dead letters"

    def __str__(self) -> str:
        return f"dead letters{self._of} above {self._limit}"


class DeadLetterGrowth(DeadLetterSize):
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
        super().__init__(above, queue=queue)
        self.window = window_of(window)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """Dead letters that have come, by queue; those that were retried or forgotten meanwhile are taken off."""
        if not sight.samples:
            return {}
        before = sight.samples[0].dead
        return {name: max(0.0, dead - before.get(name, 0)) for name, dead in super().values(sight).items()}

    def _found(self, value: float) -> str:
        return f"{super()._found(value)} more than {self.window:g} s ago"

    def __str__(self) -> str:
        return f"new {super().__str__()} within {self.window:g} s"


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
