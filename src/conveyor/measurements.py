"""What a worker measures of its runs, on the way to the store."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from conveyor.measures import SPANS, JobMetrics
from conveyor.sketch import bucket_of
from conveyor.times import SECOND

MINUTE: Final = 60 * SECOND
"""Microseconds."""

_LONG: Final = SECOND
"""Waits above this are counted by the millisecond: no more than a thousandth off, and few different ones in a batch."""


def merge(metrics: Iterable[JobMetrics]) -> list[JobMetrics]:
    """One record for each minute, span, type and queue, added up; by span, minute, type, queue."""
    sums: dict[tuple[int, int, str, str], JobMetrics] = {}
    for one in metrics:
        key = (one.span, one.minute, one.type, one.queue)
        known = sums.get(key)
        sums[key] = one if known is None else known.added(one)
    return [sums[key] for key in sorted(sums)]


class Tally:
    """Runs of one type in one queue, being counted."""

    __slots__ = ("buckets", "completed", "duration_us", "failed", "memory", "retried", "waited_us", "waits")

    def __init__(self) -> None:
        self.completed = 0
        self.failed = 0
        self.retried = 0
        self.duration_us = 0
        self.buckets: dict[int, int] = {}
        self.waited_us = 0
        self.waits: dict[int, int] = {}
        self.memory: dict[int, int] = {}

    def runs(
        self, durations_us: Sequence[int], waits_us: Sequence[int] = (), *, failed: bool, retried: bool = False
    ) -> None:
        """Count runs that ended alike."""
        count = len(durations_us)
        if failed:
            self.failed += count
        else:
            self.completed += count
        if retried:
            self.retried += count
        self.duration_us += sum(durations_us)
        # Short jobs take the same few microseconds again and again.
        _count(self.buckets, durations_us)
        if waits_us:
            self.waited_us += sum(waits_us)
            if min(waits_us) > _LONG:
                waits_us = [wait // 1000 * 1000 for wait in waits_us]
            _count(self.waits, waits_us)

    def weigh(self, peak_bytes: int) -> None:
        """Count a run whose memory was measured."""
        _count(self.memory, (peak_bytes,))

    def metrics(self, minute: int, type: str, queue: str) -> JobMetrics:
        return JobMetrics(
            minute=minute,
            type=type,
            queue=queue,
            completed=self.completed,
            failed=self.failed,
            retried=self.retried,
            duration_us=self.duration_us,
            buckets=dict(self.buckets),
            waited_us=self.waited_us,
            waits=dict(self.waits),
            memory=dict(self.memory),
        )


class Measurements:
    """What one process has measured and not yet stored."""

    def __init__(self) -> None:
        self._minute = 0
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._closed: list[JobMetrics] = []

    def tally(self, type: str, queue: str, minute: int) -> Tally:
        """What counts the runs of this type and queue that ended in this minute (since 1970)."""
        if minute != self._minute:
            self._closed += self._open()
            self._minute = minute
        tally = self._tallies.get((type, queue))
        if tally is None:
            tally = self._tallies[type, queue] = Tally()
        return tally

    @property
    def is_empty(self) -> bool:
        return not self._tallies and not self._closed

    def take(self) -> list[JobMetrics]:
        """All of it, to be stored, for its minutes, hours and days; counting starts anew."""
        taken = merge(_in_span(one, span) for one in self._closed + self._open() for span in SPANS)
        self._closed = []
        return taken

    def put_back(self, metrics: list[JobMetrics]) -> None:
        """What could not be stored, to be taken again."""
        self._closed += [one for one in metrics if one.span == 1]

    def _open(self) -> list[JobMetrics]:
        tallies, self._tallies = self._tallies, {}
        return [tally.metrics(self._minute, type, queue) for (type, queue), tally in tallies.items()]


def _in_span(one: JobMetrics, span: int) -> JobMetrics:
    """What was measured in a minute, as a part of a longer span."""
    return one if span == 1 else replace(one, span=span, minute=one.minute - one.minute % span)


def _count(buckets: dict[int, int], numbers: Sequence[int]) -> None:
    for number, times in Counter(numbers).items():
        bucket = bucket_of(number)
        buckets[bucket] = buckets.get(bucket, 0) + times
