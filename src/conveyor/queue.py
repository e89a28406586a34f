"""One queue: what goes in, what comes out, and what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from conveyor.handle import JobHandle
from conveyor.ids import job_id
from conveyor.leases import LeasedPayload, Leases
from conveyor.payload import check_queue_name
from conveyor.pushing import Pushes
from conveyor.records import CancelAnswer, JobId, StoredJob
from conveyor.stats import QueueStats

if TYPE_CHECKING:
    from conveyor.app import Conveyor


class Queue(Pushes, Leases):
    """A queue of an application; made by `Conveyor.queue`. It needs no worker, and comes to exist with its first job.

    Attributes:
        app: its application.
        name: its name.
    """

    def __init__(self, app: Conveyor, name: str) -> None:
        self.app: Final = app
        self.name: Final = check_queue_name(name)

    def __repr__(self) -> str:
        return f"<queue {self.name!r}>"

    @property
    def _target(self) -> tuple[Conveyor, str]:
        return self.app, self.name

    # ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def peek(self) -> StoredJob | None:
        """The job that `pop` would take next, without taking it; `None` when none is ready. Paused or not."""
        return next(iter(self.app.driver.peek(self.name)), None)

    def size(self) -> int:
        """How many jobs wait: ready, due later, and held for want of their type."""
        counts = self.app.driver.counts([self.name])[0].by_priority.values()
        return sum(level.ready + level.delayed + level.held for level in counts)

    def stats(self) -> QueueStats:
        """Its counters; the cost does not grow with the backlog."""
        return QueueStats.of(self.app.driver.counts([self.name])[0], self.app.clock())

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def clear(self) -> int:
        """Delete every waiting job; answer how many. Running jobs, history and dead letters stay."""
        return self.app.driver.clear(self.name)

    def cancel(self, job: JobHandle[Any] | LeasedPayload | JobId | UUID | str) -> CancelAnswer:
        """Cancel one job: a waiting one will not run, a running one is asked to stop. The answer says which.

        Raises:
            InvalidValue: `job` is no handle, leased payload, id or text of an id.
        """
        return self.app.driver.cancel([job.id if isinstance(job, JobHandle | LeasedPayload) else job_id(job)])[0]

    def pause(self) -> None:
        """Let no job of it be taken until `resume`; pushes go on, and running jobs too. Again changes nothing."""
        self.app.driver.pause(self.name)

    def resume(self) -> None:
        """End a pause. Again changes nothing."""
        self.app.driver.resume(self.name)

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def apeek(self) -> StoredJob | None:
        """As `peek`."""
        return await self.app.aio.call(self.peek)

    async def asize(self) -> int:
        """As `size`."""
        return await self.app.aio.call(self.size)

    async def astats(self) -> QueueStats:
        """As `stats`."""
        return await self.app.aio.call(self.stats)

    async def aclear(self) -> int:
        """As `clear`."""
        return await self.app.aio.call(self.clear)

    async def acancel(self, job: JobHandle[Any] | LeasedPayload | JobId | UUID | str) -> CancelAnswer:
        """As `cancel`."""
        return await self.app.aio.call(self.cancel, job)

    async def apause(self) -> None:
        """As `pause`."""
        await self.app.aio.call(self.pause)

    async def aresume(self) -> None:
        """As `resume`."""
        await self.app.aio.call(self.resume)
