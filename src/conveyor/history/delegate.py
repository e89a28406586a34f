"""A driver that leaves everything to another one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final

from conveyor.drivers.base import Driver
from conveyor.findings import DeadGroup, Finding
from conveyor.measures import JobMetrics
from conveyor.records import (
    CancelAnswer,
    Claim,
    ClaimKey,
    Edits,
    Filter,
    JobId,
    LockRecord,
    NewJob,
    Outcome,
    Page,
    Progress,
    QueueCounts,
    ScheduleBook,
    ScheduleRecord,
    StoredJob,
    Tended,
    WorkerRecord,
)


class Delegate(Driver):
    """The promises of the driver that it is given; derive from it to add to some of them."""

    def __init__(self, inner: Driver) -> None:
        self.inner: Final = inner

    @property
    def url(self) -> str:
        return self.inner.url

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        return self.inner.push(jobs, connection=connection)

    async def apush(self, jobs: Sequence[NewJob], *, connection: object) -> list[JobId]:
        return await self.inner.apush(jobs, connection=connection)

    def transaction(self) -> AbstractContextManager[Any]:
        return self.inner.transaction()

    def atransaction(self) -> AbstractAsyncContextManager[Any]:
        return self.inner.atransaction()

    def claim(self, queues: Sequence[str], *, limit: int, lease: float, worker: str) -> list[Claim]:
        return self.inner.claim(queues, limit=limit, lease=lease, worker=worker)

    def extend(self, claims: Sequence[ClaimKey], lease: float) -> list[bool]:
        return self.inner.extend(claims, lease)

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return self.inner.settle(outcomes)

    def settle_in(self, connection: object, outcome: Outcome) -> bool:
        return self.inner.settle_in(connection, outcome)

    async def asettle_in(self, connection: object, outcome: Outcome) -> bool:
        return await self.inner.asettle_in(connection, outcome)

    def cancel(self, ids: Sequence[JobId]) -> list[CancelAnswer]:
        return self.inner.cancel(ids)

    def tend(self, types: Sequence[str] = ()) -> Tended:
        return self.inner.tend(types)

    def lapsed(self, limit: int) -> list[Claim]:
        return self.inner.lapsed(limit)

    def held_by(self, workers: Sequence[str]) -> list[Claim]:
        return self.inner.held_by(workers)

    def wait(self, queues: Sequence[str], timeout: float) -> bool:
        return self.inner.wait(queues, timeout)

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        return self.inner.get(ids)

    def find(self, where: Filter, *, limit: int = 100, cursor: JobId | None = None) -> Page:
        return self.inner.find(where, limit=limit, cursor=cursor)

    def counts(self, queues: Sequence[str] | None = None) -> list[QueueCounts]:
        return self.inner.counts(queues)

    def peek(self, queue: str, limit: int = 1) -> list[StoredJob]:
        return self.inner.peek(queue, limit)

    def dead_groups(self, where: Filter) -> list[DeadGroup]:
        return self.inner.dead_groups(where)

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        return self.inner.redrive(where, edits=edits, limit=limit)

    def bury(self, letters: Sequence[StoredJob]) -> list[bool]:
        return self.inner.bury(letters)

    def clear(self, queue: str) -> int:
        return self.inner.clear(queue)

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        return self.inner.forget(where, limit=limit)

    def pause(self, queue: str) -> None:
        self.inner.pause(queue)

    def resume(self, queue: str) -> None:
        self.inner.resume(queue)

    def beat(self, worker: WorkerRecord) -> list[ClaimKey]:
        return self.inner.beat(worker)

    def workers(self) -> list[WorkerRecord]:
        return self.inner.workers()

    def leave(self, worker: str) -> None:
        self.inner.leave(worker)

    def write_progress(self, claim: ClaimKey, progress: Progress) -> bool:
        return self.inner.write_progress(claim, progress)

    def read_progress(self, ids: Sequence[JobId]) -> list[Progress | None]:
        return self.inner.read_progress(ids)

    def acquire_lock(self, name: str, owner: str, ttl: float) -> LockRecord | None:
        return self.inner.acquire_lock(name, owner, ttl)

    def renew_lock(self, name: str, owner: str, ttl: float) -> bool:
        return self.inner.renew_lock(name, owner, ttl)

    def release_lock(self, name: str, owner: str) -> bool:
        return self.inner.release_lock(name, owner)

    def locks(self) -> list[LockRecord]:
        return self.inner.locks()

    def schedules(self) -> ScheduleBook:
        return self.inner.schedules()

    def add_schedule(self, schedule: ScheduleRecord) -> bool:
        return self.inner.add_schedule(schedule)

    def change_schedule(
        self, name: str, *, spec: str | None = None, paused: bool | None = None, handled_at: int | None = None
    ) -> bool:
        return self.inner.change_schedule(name, spec=spec, paused=paused, handled_at=handled_at)

    def remove_schedule(self, name: str) -> bool:
        return self.inner.remove_schedule(name)

    def add_metrics(self, metrics: Sequence[JobMetrics]) -> None:
        self.inner.add_metrics(metrics)

    def read_metrics(self, *, since: int, until: int, span: int = 1) -> list[JobMetrics]:
        return self.inner.read_metrics(since=since, until=until, span=span)

    def write_memo(self, name: str, text: str | None) -> None:
        self.inner.write_memo(name, text)

    def read_memos(self, prefix: str = "") -> dict[str, str]:
        return self.inner.read_memos(prefix)

    def now(self) -> int:
        return self.inner.now()

    def diagnose(self) -> list[Finding]:
        return self.inner.diagnose()

    def close(self) -> None:
        self.inner.close()
