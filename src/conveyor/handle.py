"""A handle on one job: where it is, how far, what came of it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from conveyor.arguments import load_value
from conveyor.errors import JobFailed, JobNotFound, PayloadError, ResultTimeout
from conveyor.job_type import result_context
from conveyor.records import CancelAnswer, JobId, JobStatus, Progress, StoredJob
from conveyor.retry import Duration
from conveyor.times import seconds

if TYPE_CHECKING:
    from conveyor.app import Conveyor

R_co = TypeVar("R_co", covariant=True)

FIRST_PAUSE: Final = 0.002
LONGEST_PAUSE: Final = 0.05
"""Seconds between two looks for a result: short jobs are answered at once, long ones cost twenty looks a second."""


WATCH_PAUSE: Final = 0.2
"""Seconds between two looks at a job's progress, which it writes ten times a second at most."""


class JobHandle(Generic[R_co]):
    """A job that was pushed. Cheap: it is its id, and reads the store when asked.

    Attributes:
        id: the job's id, for good; `app.handle(id)` makes a handle from it anywhere.
    """

    __slots__ = ("_app", "_info", "id")

    def __init__(self, app: Conveyor, id: JobId) -> None:
        self._app: Final = app
        self._info: StoredJob | None = None
        self.id: Final = id

    def __repr__(self) -> str:
        return f"<job {self.id}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, JobHandle) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    # ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def refresh(self) -> StoredJob:
        """Read the job from the store and answer it; `info` is this from now on.

        Raises:
            JobNotFound: the store does not keep it (any more).
        """
        found = self._app.driver.get([self.id])[0]
        if found is None:
            raise JobNotFound(self.id)
        self._info = found
        return found

    @property
    def info(self) -> StoredJob:
        """The job as it was when last read; read now if it never was. See `refresh`."""
        return self._info or self.refresh()

    @property
    def status(self) -> JobStatus:
        """Where the job is now. Reads the store each time; raises JobNotFound as `refresh` does."""
        return self.refresh().status

    @property
    def progress(self) -> Progress | None:
        """How far the job last said it was; `None` when it never did. Reads the store each time."""
        return self._app.driver.read_progress([self.id])[0]

    def watch(self, timeout: Duration | None = None) -> Iterator[Progress]:
        """Each progress that the job writes from now on, the present one first, until the job has ended.

        It looks five times a second, so that of changes that come faster only the last is seen.

        Args:
            timeout: seconds or timedelta until the job must have ended; `None` for ever.

        Raises:
            ResultTimeout: it has not ended in time; it goes on unharmed.
            JobNotFound: the store does not keep it.
        """
        wait = _Wait(timeout, WATCH_PAUSE)
        seen: Progress | None = None
        while True:
            # In this order, so that the last word of a job that has just ended is not missed.
            has_ended = self._has_ended(self.refresh())
            if (progress := self.progress) is not None and progress != seen:
                yield progress
            seen = progress
            if has_ended:
                return
            time.sleep(wait.pause(self))

    # ── act ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def result(self, timeout: Duration | None = None) -> R_co:
        """Wait until the job has ended and answer what it returned, as the type its function is annotated with.

        Where its job type is not registered the result is plain JSON. A job in the dead letters has ended.

        Args:
            timeout: seconds or timedelta to wait at most; `None` waits for ever, 0 looks once.

        Raises:
            JobFailed: it ended as failed, expired or cancelled.
            ResultTimeout: it has not ended in time; it goes on unharmed.
            JobNotFound: the store does not keep it.
            PayloadError: it returned what JSON cannot hold, or its result cannot be read.
        """
        wait = _Wait(timeout)
        while not self._has_ended(self.refresh()):
            time.sleep(wait.pause(self))
        return self._answer(self.info)

    def cancel(self) -> CancelAnswer:
        """Cancel the job: a waiting one will not run, a running one is asked to stop. The answer says which."""
        return self._app.driver.cancel([self.id])[0]

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def arefresh(self) -> StoredJob:
        """As `refresh`."""
        return await self._app.aio.call(self.refresh)

    async def astatus(self) -> JobStatus:
        """As `status`."""
        return (await self.arefresh()).status

    async def aprogress(self) -> Progress | None:
        """As `progress`."""
        return await self._app.aio.call(lambda: self.progress)

    async def awatch(self, timeout: Duration | None = None) -> AsyncIterator[Progress]:  # noqa: ASYNC109 - likewise
        """As `watch`. It occupies no thread while it waits."""
        import asyncio

        wait = _Wait(timeout, WATCH_PAUSE)
        seen: Progress | None = None
        while True:
            has_ended = self._has_ended(await self.arefresh())
            if (progress := await self.aprogress()) is not None and progress != seen:
                yield progress
            seen = progress
            if has_ended:
                return
            await asyncio.sleep(wait.pause(self))

    async def aresult(self, timeout: Duration | None = None) -> R_co:  # noqa: ASYNC109 - the sync twin's signature
        """As `result`. It occupies no thread while it waits."""
        import asyncio

        wait = _Wait(timeout)
        while not self._has_ended(await self.arefresh()):  # noqa: ASYNC110 - what is awaited lies in a store
            await asyncio.sleep(wait.pause(self))
        return self._answer(self.info)

    async def acancel(self) -> CancelAnswer:
        """As `cancel`."""
        return await self._app.aio.call(self.cancel)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_rehearsed(self) -> bool:
        """It is in a test that runs its jobs itself; see `conveyor.testing`."""
        return self._app.is_rehearsed

    @staticmethod
    def _has_ended(info: StoredJob) -> bool:
        return not info.status.is_active

    def _answer(self, info: StoredJob) -> R_co:
        if info.status is not JobStatus.COMPLETED:
            last = info.errors[-1] if info.errors and info.status.is_failure else None
            raise JobFailed(
                self.id,
                info.status.value,
                (last.error_type or None) if last else None,
                last.message if last else info.note or "",
                last.traceback if last else "",
            )
        if info.result is None:
            if info.note:
                raise PayloadError(f"job {self.id} completed, but its result could not be kept: {info.note}")
            return cast("R_co", None)
        job_type = self._app.job_types.get(info.type)
        if job_type is not None:
            return cast("R_co", job_type.load_result(info.result))
        return cast("R_co", load_value(self._app.codec.decode(info.result, result_context(info.type))))


class _Wait:
    """Growing pauses up to a deadline."""

    __slots__ = ("_deadline", "_longest", "_pause", "_timeout")

    def __init__(self, timeout: Duration | None, longest: float = LONGEST_PAUSE) -> None:
        self._longest: Final = longest
        self._timeout: Final = None if timeout is None else seconds(timeout, "timeout")
        self._deadline: Final = None if self._timeout is None else time.monotonic() + self._timeout
        self._pause = FIRST_PAUSE

    def pause(self, handle: JobHandle[Any]) -> float:
        """Seconds until the next look.

        Raises:
            ResultTimeout: the deadline has passed.
        """
        pause, self._pause = self._pause, min(self._pause * 1.5, self._longest)
        if self._deadline is None:
            if handle.is_rehearsed:
                info = handle.info
                raise ResultTimeout(
                    f"job {handle.id} ({info.type}) is {info.status.value}, and in a test nothing runs jobs by itself; "
                    "run it first, with drain(), or wait with result(timeout=…) for what another thread runs"
                )
            return pause
        left = self._deadline - time.monotonic()
        if left <= 0:
            info = handle.info
            raise ResultTimeout(
                f"job {handle.id} ({info.type}) is still {info.status.value} after {self._timeout} s and goes on. "
                f"Wait longer with result(timeout=…), or see whether a worker serves the queue {info.queue!r}"
            )
        return min(pause, left)
