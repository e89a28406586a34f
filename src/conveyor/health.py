"""Health: who is alive and able to work, and which queues nobody gets through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from conveyor.depths import read_depths
from conveyor.payload import positive
from conveyor.records import QueueCounts, RunningJob, WorkerRecord
from conveyor.retry import Duration
from conveyor.times import SECOND, seconds

if TYPE_CHECKING:
    from conveyor.app import Conveyor

STALE: Final = 30.0
"""A worker that has not beaten for so many seconds is not healthy: by itself it beats every 2 to 8 s."""

STALLED: Final = 60.0
"""A queue is stalled whose first job has been ready for so many seconds while none is processed."""


class WorkerHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as it was at its last heartbeat; moments in microseconds since 1970."""

    name: str
    host: str
    pid: int
    state: str
    """starting, running, draining, or stale: it has not beaten for too long."""
    is_healthy: bool
    problem: str
    """Why it is not healthy; empty when it is."""
    last_heartbeat: int
    last_claim: int | None
    """When the store last answered a claim of it."""
    slots: int
    """How many jobs it may run at a time."""
    running: int
    jobs: tuple[RunningJob, ...]
    """What it runs: those that have run longest, at most 20."""
    rss_bytes: int
    queues: tuple[str, ...]
    started_at: int


class WorkersHealth(msgspec.Struct, frozen=True, kw_only=True):
    """All workers."""

    healthy: int
    unhealthy: int
    total: int
    workers: tuple[WorkerHealth, ...]


class QueueHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A queue, and whether it is got through."""

    queue: str
    ready: int
    waiting: int
    """Ready, delayed and held."""
    processing: int
    dead: int
    oldest_age: float | None
    """Seconds that the job which has been ready longest has waited; `None` when none is ready."""
    is_paused: bool
    is_served: bool
    """A healthy worker serves it."""
    is_stalled: bool
    """Jobs are ready for a minute or more, it is not paused, and none is processed."""
    is_growing: bool | None
    """More was ready at each look of the last minutes than at the one before; `None` when no worker has looked."""
    problem: str
    """What keeps its jobs from being run; empty when nothing does."""


class Health:
    """How an application's workers and queues are; `Conveyor.health`."""

    def __init__(self, app: Conveyor) -> None:
        self._app: Final = app

    def __repr__(self) -> str:
        return f"<health of {self._app!r}>"

    def check_workers(self, stale_after: Duration = STALE) -> WorkersHealth:
        """Every worker that has beaten within a day and not left, by name.

        Args:
            stale_after: seconds or timedelta without a heartbeat after which a worker is not healthy.
        """
        limit = positive(stale_after, "stale_after")
        now = self._app.driver.now()
        workers = tuple(_worker(record, now, limit) for record in self._app.driver.workers())
        healthy = sum(worker.is_healthy for worker in workers)
        return WorkersHealth(healthy=healthy, unhealthy=len(workers) - healthy, total=len(workers), workers=workers)

    def check_queues(self, stalled_after: Duration = STALLED) -> Sequence[QueueHealth]:
        """Every queue that was ever used, by name.

        Args:
            stalled_after: seconds or timedelta that the first job may be ready while none is processed.
        """
        limit = positive(stalled_after, "stalled_after")
        driver = self._app.driver
        now = driver.now()
        served = {queue for worker in self.check_workers().workers if worker.is_healthy for queue in worker.queues}
        growing = read_depths(driver).growing(now)
        return [_queue(counts, now, limit, served, growing) for counts in driver.counts()]

    def cleanup_stale_workers(self, older_than: Duration = 300) -> Sequence[str]:
        """Forget workers that have not beaten for so long (seconds or timedelta); answer their names.

        What they held is offered again when its lease is over, whether they are forgotten or not. One that was only cut
        off is listed again with its next heartbeat.
        """
        driver = self._app.driver
        oldest = driver.now() - round(seconds(older_than, "older_than") * SECOND)
        stale = [worker.name for worker in driver.workers() if worker.beat_at < oldest]
        for name in stale:
            driver.leave(name)
        return stale

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def acheck_workers(self, stale_after: Duration = STALE) -> WorkersHealth:
        """As `check_workers`."""
        return await self._app.aio.call(self.check_workers, stale_after)

    async def acheck_queues(self, stalled_after: Duration = STALLED) -> Sequence[QueueHealth]:
        """As `check_queues`."""
        return await self._app.aio.call(self.check_queues, stalled_after)

    async def acleanup_stale_workers(self, older_than: Duration = 300) -> Sequence[str]:
        """As `cleanup_stale_workers`."""
        return await self._app.aio.call(self.cleanup_stale_workers, older_than)


def _worker(record: WorkerRecord, now: int, limit: float) -> WorkerHealth:
    silent = max(0, now - record.beat_at) / SECOND
    is_stale = silent > limit
    problem = f"no heartbeat for {silent:.0f} s: it was killed, or is cut off" if is_stale else record.trouble
    return WorkerHealth(
        name=record.name,
        host=record.host,
        pid=record.pid,
        state="stale" if is_stale else record.state,
        is_healthy=not problem,
        problem=problem,
        last_heartbeat=record.beat_at,
        last_claim=record.last_claim_at,
        slots=record.slots,
        running=record.running,
        jobs=record.jobs,
        rss_bytes=record.rss_bytes,
        queues=record.queues,
        started_at=record.started_at,
    )


def _queue(counts: QueueCounts, now: int, limit: float, served: set[str], growing: dict[str, bool]) -> QueueHealth:
    levels = list(counts.by_priority.values())
    ready, processing = sum(each.ready for each in levels), sum(each.processing for each in levels)
    held = sum(each.held for each in levels)
    waiting = ready + held + sum(each.delayed for each in levels)
    age = None if counts.oldest_ready is None else max(0, now - counts.oldest_ready) / SECOND
    is_served = counts.queue in served
    is_stalled = not counts.paused and not processing and age is not None and age > limit
    problem = ""
    if waiting and not counts.paused and not is_served:
        problem = "no healthy worker serves it"
    elif is_stalled:
        problem = f"its first job has been ready for {age:.0f} s, and none is processed"
    elif held:
        problem = f"{held:,} of its jobs are of types that no worker knows"
    return QueueHealth(
        queue=counts.queue,
        ready=ready,
        waiting=waiting,
        processing=processing,
        dead=sum(each.dead for each in levels),
        oldest_age=age,
        is_paused=counts.paused,
        is_served=is_served,
        is_stalled=is_stalled,
        is_growing=growing.get(counts.queue),
        problem=problem,
    )
