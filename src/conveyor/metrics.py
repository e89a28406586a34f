"""Metrics: how many jobs ran, how long they took and waited, how often they failed, what memory they needed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal
from uuid import UUID

import msgspec

from conveyor.errors import InvalidValue, JobNotFound
from conveyor.ids import job_id
from conveyor.measures import SPANS, JobMetrics, Memory
from conveyor.records import JobId, JobStatus, StoredJob
from conveyor.retention import METRICS_KEPT
from conveyor.sketch import mean, percentile
from conveyor.times import SECOND, moment, seconds

if TYPE_CHECKING:
    from conveyor.app import Conveyor

Window = Literal["minute", "hour", "day"] | float | timedelta
"""How far back to look: a word, or seconds, or a timedelta; in whole minutes up to 3 hours, then hours, then days."""

WORDS: Final = MappingProxyType({"minute": 60.0, "hour": 3600.0, "day": 86_400.0})
"""The seconds of a window that is given in a word."""
_MINUTE: Final = 60 * SECOND


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """How durations are spread, in seconds; percentiles and the maximum are at most 2 % off. `None` without runs."""

    average: float | None
    p50: float | None
    p95: float | None
    p99: float | None
    maximum: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that ended within a window, of a job type or a queue, or of all together."""

    type: str | None
    """`None` for all types together."""
    queue: str | None
    window: float
    """Seconds: the time in which these were counted, until now."""
    executions: int
    completed: int
    failed: int
    """Runs that raised or timed out, whether they were retried or not."""
    retried: int
    success_rate: float | None
    """From 0 to 1; `None` without executions."""
    throughput: float
    """Executions a second."""
    run: Spread
    wait: Spread
    """From when jobs were due until they began."""
    average_memory: float | None
    """Mean of the peaks of those runs that were measured, in bytes, at most 2 % off."""
    peak_memory: float | None
    """The greatest of these peaks."""


class JobFigures(msgspec.Struct, frozen=True, kw_only=True):
    """One job in numbers: durations in seconds, of its last attempt."""

    id: JobId
    status: JobStatus
    attempts: int
    """How often it was claimed."""
    failures: int
    execution_time: float | None
    """`None` until it has ended."""
    wait_time: float | None
    """From when it was due until it began; `None` until then."""
    last_attempt: datetime | None
    memory: Memory | None
    """Resident bytes of its process before, after and at the peak of the run, if that was measured."""


class Metrics:
    """What workers have measured; `Conveyor.metrics`. Runs are counted when they end, about a second later."""

    def __init__(self, app: Conveyor) -> None:
        self._app: Final = app

    def __repr__(self) -> str:
        return f"<metrics of {self._app!r}>"

    def total(self, window: Window = "hour", *, type: str | None = None, queue: str | None = None) -> Figures:
        """All runs within the window, or those of a type, a queue, or both."""
        found, elapsed = self._read(window, type, queue)
        return _figures(found, elapsed, type, queue)

    def types(self, window: Window = "hour", *, queue: str | None = None) -> Sequence[Figures]:
        """Each job type that ran within the window, by name."""
        found, elapsed = self._read(window, None, queue)
        names = sorted({one.type for one in found})
        return [_figures([one for one in found if one.type == name], elapsed, name, queue) for name in names]

    def queues(self, window: Window = "hour", *, type: str | None = None) -> Sequence[Figures]:
        """Each queue that jobs ran from within the window, by name."""
        found, elapsed = self._read(window, type, None)
        names = sorted({one.queue for one in found})
        return [_figures([one for one in found if one.queue == name], elapsed, type, name) for name in names]

    def job(self, id: JobId | UUID | str) -> JobFigures:
        """One job.

        Raises:
            JobNotFound: no such job is kept.
        """
        found = self._app.driver.get([job_id(id)])[0]
        if found is None:
            raise JobNotFound(id)
        return job_figures(found)

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def atotal(self, window: Window = "hour", *, type: str | None = None, queue: str | None = None) -> Figures:
        """As `total`."""
        return await self._app.aio.call(self.total, window, type=type, queue=queue)

    async def atypes(self, window: Window = "hour", *, queue: str | None = None) -> Sequence[Figures]:
        """As `types`."""
        return await self._app.aio.call(self.types, window, queue=queue)

    async def aqueues(self, window: Window = "hour", *, type: str | None = None) -> Sequence[Figures]:
        """As `queues`."""
        return await self._app.aio.call(self.queues, window, type=type)

    async def ajob(self, id: JobId | UUID | str) -> JobFigures:
        """As `job`."""
        return await self._app.aio.call(self.job, id)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, window: Window, type: str | None, queue: str | None) -> tuple[list[JobMetrics], float]:
        """What was recorded in the window, and how many seconds it covers."""
        length = _seconds(window)
        # The shortest span that is kept long enough.
        span = next(span for span in SPANS if length <= METRICS_KEPT[span])
        now = self._app.driver.now()
        minutes = max(1, -int(-length // 60))
        # As many whole spans, the present one included, which is not over yet.
        until = now // _MINUTE // span * span + span
        since = until - -(-minutes // span) * span
        found = self._app.driver.read_metrics(since=since, until=until, span=span)
        chosen = [one for one in found if type in (None, one.type) and queue in (None, one.queue)]
        return chosen, (now - since * _MINUTE) / SECOND


def job_figures(job: StoredJob) -> JobFigures:
    """One job in numbers. Where the clocks of worker and store disagree, nothing took less than no time."""
    started, ended = job.started_at, job.finished_at
    return JobFigures(
        id=job.id,
        status=job.status,
        attempts=job.attempt,
        failures=job.failures,
        execution_time=None if started is None or ended is None else max(0, ended - started) / SECOND,
        wait_time=None if started is None else max(0, started - job.due_at) / SECOND,
        last_attempt=None if started is None else moment(started),
        memory=job.memory,
    )


def _seconds(window: Window) -> float:
    if isinstance(window, str):
        if window not in WORDS:
            raise InvalidValue(f"window is {window!r}; give {', '.join(WORDS)}, seconds or a timedelta")
        return WORDS[window]
    length = seconds(window, "window")
    if not length:
        raise InvalidValue("window is 0; give a duration above 0")
    return length


def _figures(found: Iterable[JobMetrics], elapsed: float, type: str | None, queue: str | None) -> Figures:
    whole = JobMetrics(minute=0, type=type or "", queue=queue or "")
    for one in found:
        whole = whole.added(one)
    executions = whole.completed + whole.failed
    peak = percentile(whole.memory, 1.0)
    return Figures(
        type=type,
        queue=queue,
        window=elapsed,
        executions=executions,
        completed=whole.completed,
        failed=whole.failed,
        retried=whole.retried,
        success_rate=whole.completed / executions if executions else None,
        throughput=executions / elapsed if elapsed > 0 else 0.0,
        run=_spread(whole.duration_us, whole.buckets),
        wait=_spread(whole.waited_us, whole.waits),
        average_memory=mean(whole.memory),
        peak_memory=peak,
    )


def _spread(sum_us: int, buckets: dict[int, int]) -> Spread:
    count = sum(buckets.values())
    if not count:
        return Spread(average=None, p50=None, p95=None, p99=None, maximum=None)
    average = sum_us / count
    shares = {name: percentile(buckets, share) or 0.0 for name, share in _SHARES}
    # What stands for the greatest bucket may be less than the greatest in it; the average, which is exact, is not more.
    shares["maximum"] = max(shares["maximum"], average)
    return Spread(average=average / SECOND, **{name: value / SECOND for name, value in shares.items()})


_SHARES: Final = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("maximum", 1.0))
