"""Pushing jobs, alike for an application and for one of its queues."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

from conveyor.errors import DuplicateJob
from conveyor.handle import JobHandle
from conveyor.held import holding
from conveyor.payload import JobCall, JobPayload, Runs, RunsAsync
from conveyor.records import JobId, NewJob
from conveyor.unique import OnConflict

if TYPE_CHECKING:
    from conveyor.app import Conveyor

R = TypeVar("R")

AnyJob = JobPayload | JobCall[Any] | Runs[Any]
"""What can be pushed: a payload, a call of a function job, an instance of a class job."""


class Pushes(ABC):
    """What takes jobs. Arguments are checked before anything is stored."""

    __slots__ = ()

    @property
    @abstractmethod
    def _target(self) -> tuple[Conveyor, str | None]:
        """The application, and the queue that everything goes to (`None`: to each job's own)."""

    @overload
    def push(self, job: JobCall[R], *, connection: object | None = None) -> JobHandle[R]: ...
    @overload
    def push(self, job: RunsAsync[R], *, connection: object | None = None) -> JobHandle[R]: ...
    @overload
    def push(self, job: Runs[R], *, connection: object | None = None) -> JobHandle[R]: ...
    @overload
    def push(self, job: JobPayload, *, connection: object | None = None) -> JobHandle[Any]: ...
    def push(self, job: AnyJob, *, connection: object | None = None) -> JobHandle[Any]:
        """Store one job: a payload, a call such as `send_welcome.call(7)`, or an instance of a class job.

        A payload with an id that is kept already, or with a `unique` key that an active job has, changes nothing; the
        handle is then that job's.

        Args:
            job: what to push.
            connection: your own open connection to the store's database: of sqlite3, psycopg, SQLAlchemy (or a session)
                or Django. The job joins its transaction, and exists exactly when you commit.

        Raises:
            PayloadError: the arguments do not fit the job, or take too many bytes.
            UnknownJobType: no such job is registered here.
            InvalidValue: the store cannot join this connection.
            DuplicateJob: its `unique` rule says so.
            StoreError: the store refused it, or does not answer.
        """
        return self._push((job,), connection)[0]

    def push_many(self, jobs: Iterable[AnyJob], *, connection: object | None = None) -> list[JobHandle[Any]]:
        """Store many jobs in one step, all or none, and answer their handles in order; see `push`."""
        return self._push(jobs, connection)

    @overload
    async def apush(self, job: JobCall[R], *, connection: object | None = None) -> JobHandle[R]: ...
    @overload
    async def apush(self, job: RunsAsync[R], *, connection: object | None = None) -> JobHandle[R]: ...
    @overload
    async def apush(self, job: Runs[R], *, connection: object | None = None) -> JobHandle[R]: ...
    @overload
    async def apush(self, job: JobPayload, *, connection: object | None = None) -> JobHandle[Any]: ...
    async def apush(self, job: AnyJob, *, connection: object | None = None) -> JobHandle[Any]:
        """As `push`. Pushes that wait at the same moment share one round trip, and its fate.

        With a `connection` it is pushed on this thread, which is the one that may use it; async ones of psycopg,
        asyncpg, aiosqlite and SQLAlchemy are for here.
        """
        return (await self._apush((job,), connection))[0]

    async def apush_many(self, jobs: Iterable[AnyJob], *, connection: object | None = None) -> list[JobHandle[Any]]:
        """As `push_many`, and `apush`."""
        return await self._apush(jobs, connection)

    def _push(self, jobs: Iterable[AnyJob], connection: object | None) -> list[JobHandle[Any]]:
        app, queue = self._target
        return push_prepared(app, [app.prepare(job, queue) for job in jobs], connection)

    async def _apush(self, jobs: Iterable[AnyJob], connection: object | None) -> list[JobHandle[Any]]:
        app, queue = self._target
        return await apush_prepared(app, [app.prepare(job, queue) for job in jobs], connection)


def push_prepared(app: Conveyor, jobs: Sequence[NewJob], connection: object | None = None) -> list[JobHandle[Any]]:
    """Store what was prepared; nothing of nothing."""
    if not jobs:
        return []
    if app.hooks is not None:
        jobs = app.hooks.before_push(jobs)
    if connection is None and _are_held(app, jobs):
        return [JobHandle(app, new.id) for new in jobs]
    return store(app, jobs, connection)


async def apush_prepared(app: Conveyor, jobs: Sequence[NewJob], connection: object | None) -> list[JobHandle[Any]]:
    """As `push_prepared`, off this thread unless a connection ties it here."""
    if not jobs:
        return []
    if app.hooks is not None:
        jobs = await app.hooks.abefore_push(jobs)
    if connection is None and _are_held(app, jobs):
        return [JobHandle(app, new.id) for new in jobs]
    return await astore(app, jobs, connection)


def store(app: Conveyor, jobs: Sequence[NewJob], connection: object | None) -> list[JobHandle[Any]]:
    """Store what hooks have seen already."""
    ids = app.driver.push(jobs) if connection is None else app.open(beside=connection).push(jobs, connection=connection)
    if app.hooks is not None:
        app.hooks.after_push(jobs, ids)
    return _handles(app, jobs, ids)


async def astore(app: Conveyor, jobs: Sequence[NewJob], connection: object | None) -> list[JobHandle[Any]]:
    """As `store`."""
    ids = (
        await app.aio.push(jobs)
        if connection is None
        else await app.open(beside=connection).apush(jobs, connection=connection)
    )
    if app.hooks is not None:
        await app.hooks.aafter_push(jobs, ids)
    return _handles(app, jobs, ids)


def _are_held(app: Conveyor, jobs: Sequence[NewJob]) -> bool:
    held = holding.get()
    return held is not None and held.takes(app, jobs)


def _handles(app: Conveyor, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> list[JobHandle[Any]]:
    for new, id in zip(jobs, ids, strict=True):
        if new.unique is not None and new.on_conflict is OnConflict.RAISE and id != new.id:
            raise DuplicateJob(new.type, new.unique, id)
    return [JobHandle(app, id) for id in ids]
