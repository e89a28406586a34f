"""Conditions on how runs went, as workers have measured them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, get_args

from conveyor.alerts.condition import Condition, number, queue_name, type_name, whole, window_of
from conveyor.alerts.sight import Sight
from conveyor.errors import InvalidValue
from conveyor.retry import Duration
from conveyor.times import seconds

Share = Literal["average", "p50", "p95", "p99", "maximum"]


class FailureRate(Condition):
    """More than the share `above` of the runs within a window failed, whether they were retried or not.

    Args:
        above: a share from 0 to 1; 0.05 is 5 %.
        window: seconds or timedelta to look back, a minute at least; told by the minute.
        at_least: runs within the window, below which nothing is said.
        queue: of this queue; of each of all by itself.
        type: of this job type. With no queue, its runs from all queues are taken together.

    Raises:
        InvalidValue: an argument breaks its rule.
    """

    def __init__(
        self,
        above: float = 0.05,
        *,
        window: Duration = 600,
        at_least: int = 20,
        queue: str | None = None,
        type: str | None = None,
    ) -> None:
        self.threshold = number(above, "above")
        if self.threshold > 1:
            raise InvalidValue(f"above is {above!r}; give a share of the runs from 0 to 1, such as 0.05 for 5 %")
        self.window = window_of(window)
        self.at_least: Final = whole(at_least, "at_least")
        self.queue = queue_name(queue)
        self.type = type_name(type)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """Shares from 0 to 1: by queue, or by job type where one is named."""
        window = self.window or 0.0
        if self.type is None:
            found = {each.queue or "": each for each in sight.runs_by_queue(window, None)}
            chosen = {name: each for name, each in found.items() if self.queue in (None, name)}
        else:
            found = {each.type or "": each for each in sight.runs_by_type(window, self.queue)}
            chosen = {name: each for name, each in found.items() if name == self.type}
        return {
            name: each.failed / each.executions for name, each in chosen.items() if each.executions >= self.at_least
        }

    def says(self, subject: str, value: float) -> str:
        """In words."""
        noun = "queue" if self.type is None else "job type"
        return (
            f"{noun} {subject!r}: {value:.1%} of the runs of the last {self.window:g} s failed "
            f"(limit {100 * self.threshold:.4g}%)"
        )

    def __str__(self) -> str:
        return f"failed runs{self._of} above {100 * self.threshold:.4g}% within {self.window:g} s"


class SlowJobs(Condition):
    """Runs of a job type take longer than `above` seconds (or timedelta).

    Args:
        above: seconds or timedelta.
        of: which figure of the runs within the window: average, p50, p95, p99 or maximum.
        window: seconds or timedelta to look back, a minute at least; told by the minute.
        at_least: runs within the window, below which nothing is said.
        type: of this job type; of each of all by itself.
        queue: runs from this queue alone.

    Raises:
        InvalidValue: an argument breaks its rule.
    """

    def __init__(
        self,
        above: Duration,
        *,
        of: Share = "p95",
        window: Duration = 600,
        at_least: int = 20,
        type: str | None = None,
        queue: str | None = None,
    ) -> None:
        self.threshold = seconds(above, "above")
        if of not in get_args(Share):
            raise InvalidValue(f"of is {of!r}; give one of {', '.join(get_args(Share))}")
        self.of: Final = of
        self.window = window_of(window)
        self.at_least: Final = whole(at_least, "at_least")
        self.type = type_name(type)
        self.queue = queue_name(queue)

    def values(self, sight: Sight) -> Mapping[str, float]:
        """Seconds, by job type."""
        values: dict[str, float] = {}
        for each in sight.runs_by_type(self.window or 0.0, self.queue):
            took: float | None = getattr(each.run, self.of)
            if took is not None and each.executions >= self.at_least and self.type in (None, each.type):
                values[each.type or ""] = took
        return values

    def says(self, subject: str, value: float) -> str:
        """In words."""
        return (
            f"job type {subject!r}: {self._figure} of its runs of the last {self.window:g} s is {value:.3g} s "
            f"(limit {self.threshold:g} s)"
        )

    def __str__(self) -> str:
        return f"{self._figure} of the run time{self._of} above {self.threshold:g} s within {self.window:g} s"

    @property
    def _figure(self) -> str:
        return f"the {self.of}" if self.of in ("average", "maximum") else self.of
