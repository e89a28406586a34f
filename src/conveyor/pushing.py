"""Pushing jobs, alike for an application and for one of its queues."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar, overload

from conveyor.handle import JobHandle
from conveyor.payload import JobCall, JobPayload, Runs, RunsAsync

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
    def push(self, job: JobCall[R]) -> JobHandle[R]: ...
    @overload
    def push(self, job: RunsAsync[R]) -> JobHandle[R]: ...
    @overload
    def push(self, job: Runs[R]) -> JobHandle[R]: ...
    @overload
    def push(self, job: JobPayload) -> JobHandle[Any]: ...
    def push(self, job: AnyJob) -> JobHandle[Any]:
        """Store one job: a payload, a call such as `send_welcome.call(7)`, or an instance of a class job.

        A payload with an id that is kept already, or with a `unique` key that an active job has, changes nothing; the
        handle is then that job's.

        Raises:
            PayloadError: the arguments do not fit the job, or take too many bytes.
            UnknownJobType: no such job is registered here.
            StoreError: the store refused it, or does not answer.
        """
        return self._push((job,))[0]

    def push_many(self, jobs: Iterable[AnyJob]) -> list[JobHandle[Any]]:
        """Store many jobs in one step, all or none, and answer their handles in order; see `push`."""
        return self._push(jobs)

    @overload
    async def apush(self, job: JobCall[R]) -> JobHandle[R]: ...
    @overload
    async def apush(self, job: RunsAsync[R]) -> JobHandle[R]: ...
    @overload
    async def apush(self, job: Runs[R]) -> JobHandle[R]: ...
    @overload
    async def apush(self, job: JobPayload) -> JobHandle[Any]: ...
    async def apush(self, job: AnyJob) -> JobHandle[Any]:
        """As `push`. Pushes that wait at the same moment share one round trip, and its fate."""
        return (await self._apush((job,)))[0]

    async def apush_many(self, jobs: Iterable[AnyJob]) -> list[JobHandle[Any]]:
        """As `push_many`."""
        return await self._apush(jobs)

    def _push(self, jobs: Iterable[AnyJob]) -> list[JobHandle[Any]]:
        app, queue = self._target
        prepared = [app.prepare(job, queue) for job in jobs]
        return [JobHandle(app, id) for id in app.driver.push(prepared)] if prepared else []

    async def _apush(self, jobs: Iterable[AnyJob]) -> list[JobHandle[Any]]:
        app, queue = self._target
        prepared = [app.prepare(job, queue) for job in jobs]
        return [JobHandle(app, id) for id in await app.aio.push(prepared)] if prepared else []
