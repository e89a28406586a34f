"""What is measured of runs, on its way between workers and the store."""

from __future__ import annotations

from typing import Final

import msgspec

SPANS: Final = (1, 60, 1440)
"""Minutes: what metrics are kept by, the shorter the shorter."""


class Memory(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Resident bytes of the process around one run."""

    before: int
    after: int
    peak: int
    """The most while it ran."""


class JobMetrics(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Runs of one job type in one queue that ended within one span of time. Two of one span add up, see `added`."""

    minute: int
    """The first minute of the span, since 1970."""
    type: str
    queue: str
    span: int = 1
    """Minutes: 1, an hour's 60, or a day's 1440; `minute` is a multiple of it."""
    completed: int = 0
    failed: int = 0
    """Runs that failed, whether they are retried or not."""
    retried: int = 0
    """Those of the failed ones that are retried."""
    duration_us: int = 0
    """All runs together, in microseconds."""
    buckets: dict[int, int] = {}
    """Runs by logarithmic duration bucket; see `metrics.py`."""
    waited_us: int = 0
    """What all runs together had waited, from when they were due."""
    waits: dict[int, int] = {}
    """Runs by logarithmic bucket of that wait."""
    memory: dict[int, int] = {}
    """Measured runs by logarithmic bucket of their peak, in bytes."""

    def added(self, other: JobMetrics) -> JobMetrics:
        """Both together: numbers added up, buckets too."""
        return msgspec.structs.replace(
            self,
            completed=self.completed + other.completed,
            failed=self.failed + other.failed,
            retried=self.retried + other.retried,
            duration_us=self.duration_us + other.duration_us,
            buckets=_added(self.buckets, other.buckets),
            waited_us=self.waited_us + other.waited_us,
            waits=_added(self.waits, other.waits),
            memory=_added(self.memory, other.memory),
        )


def _added(one: dict[int, int], other: dict[int, int]) -> dict[int, int]:
    buckets = dict(one)
    for bucket, runs in other.items():
        buckets[bucket] = buckets.get(bucket, 0) + runs
    return buckets
