"""Durations in logarithmic buckets: what makes the measurements of many workers add up, and percentiles cheap.

Buckets grow by a twenty-fifth, so that a percentile is at most 2 % off whatever the durations are, and a job type has
about 700 of them between a microsecond and ten days. (The idea: DDSketch, Masson, Rim and Lee 2019, VLDB 12.)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from conveyor.measures import JobMetrics
from conveyor.times import SECOND

GROWTH: Final = 1.04
"""Each bucket is this much wider than the one before."""

MINUTE: Final = 60 * SECOND
"""Microseconds."""

_PER_LOG: Final = 1 / math.log(GROWTH)
_log = math.log


def bucket_of(duration_us: int) -> int:
    """The bucket of a duration in microseconds; 0 holds everything up to one microsecond."""
    return math.ceil(_log(duration_us) * _PER_LOG) if duration_us > 1 else 0


def duration_of(bucket: int) -> float:
    """The duration, in microseconds, that stands for all of a bucket: at most 2 % off any of them."""
    return 2 * GROWTH**bucket / (GROWTH + 1) if bucket else 1.0


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """The duration, in microseconds, that `share` (0 to 1) of the runs did not exceed; `None` without runs."""
    total = sum(buckets.values())
    if not total:
        return None
    rank = max(1, math.ceil(share * total))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return duration_of(bucket)
    raise AssertionError  # pragma: no cover - the counts of all buckets are the total


def merge(metrics: Iterable[JobMetrics]) -> list[JobMetrics]:
    """One record for each minute, type and queue, added up field by field; by minute, type, queue."""
    sums: dict[tuple[int, str, str], Tally] = {}
    for one in metrics:
        sums.setdefault((one.minute, one.type, one.queue), Tally()).add(one)
    return [sums[key].metrics(*key) for key in sorted(sums)]


class Tally:
    """Runs of one type in one queue, being counted."""

    __slots__ = ("buckets", "completed", "duration_us", "failed")

    def __init__(self) -> None:
        self.completed = 0
        self.failed = 0
        self.duration_us = 0
        self.buckets: dict[int, int] = {}

    def runs(self, durations_us: Sequence[int], *, failed: bool) -> None:
        """Count runs that ended alike."""
        if failed:
            self.failed += len(durations_us)
        else:
            self.completed += len(durations_us)
        self.duration_us += sum(durations_us)
        buckets = self.buckets
        # Short jobs take the same few microseconds again and again.
        for duration, runs in Counter(durations_us).items():
            bucket = bucket_of(duration)
            buckets[bucket] = buckets.get(bucket, 0) + runs

    def add(self, other: JobMetrics) -> None:
        """Count what somebody else has counted."""
        self.completed += other.completed
        self.failed += other.failed
        self.duration_us += other.duration_us
        for bucket, runs in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + runs

    def metrics(self, minute: int, type: str, queue: str) -> JobMetrics:
        return JobMetrics(
            minute=minute,
            type=type,
            queue=queue,
            completed=self.completed,
            failed=self.failed,
            duration_us=self.duration_us,
            buckets=dict(self.buckets),
        )


class Measurements:
    """What one process has measured and not yet stored."""

    def __init__(self) -> None:
        self._minute = 0
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._closed: list[JobMetrics] = []

    def runs(self, type: str, queue: str, minute: int, durations_us: Sequence[int], *, failed: bool) -> None:
        """Count runs that ended alike in this minute (since 1970), each after so many microseconds."""
        if minute != self._minute:
            self._closed += self._open()
            self._minute = minute
        tally = self._tallies.get((type, queue))
        if tally is None:
            tally = self._tallies[type, queue] = Tally()
        tally.runs(durations_us, failed=failed)

    @property
    def is_empty(self) -> bool:
        return not self._tallies and not self._closed

    def take(self) -> list[JobMetrics]:
        """All of it, to be stored; counting starts anew."""
        taken = merge(self._closed + self._open())
        self._closed = []
        return taken

    def put_back(self, metrics: list[JobMetrics]) -> None:
        """What could not be stored, to be taken again."""
        self._closed += metrics

    def _open(self) -> list[JobMetrics]:
        tallies, self._tallies = self._tallies, {}
        return [tally.metrics(self._minute, type, queue) for (type, queue), tally in tallies.items()]
