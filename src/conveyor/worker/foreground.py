"""One job, run here and now, with no worker and no store: for `conveyor run`."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

from conveyor import hooks
from conveyor.context import CurrentJob
from conveyor.records import Claim, NewJob
from conveyor.worker.endings import bare
from conveyor.worker.guards import SignalGuard, timed_out
from conveyor.worker.plans import BILLION
from conveyor.worker.slots import SlotTable

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.job_type import JobType
    from conveyor.middleware import Middleware


class Ended(NamedTuple):
    """How a run ended."""

    claim: Claim
    value: Any
    error: BaseException | None
    """What it raised, with the job's own frames."""
    follow_ups: tuple[NewJob, ...]
    """What is to be pushed with its completion."""
    took: float
    """Seconds."""


def run(app: Conveyor, job_type: JobType, new: NewJob, timeout: float | None = None) -> Ended:
    """Run a job as a worker would at its first attempt: on this thread, which must be the main one.

    `current_job()` works; progress goes to the log. Middleware is called around the run. Nothing is stored, unless the
    job itself does it.

    Args:
        timeout: seconds after which the job is told to stop. What it registered, or was pushed with, does not count:
            who looks into a job takes time.

    Raises:
        KeyboardInterrupt: somebody wants it to end.
    """
    claim = Claim(
        id=new.id,
        attempt=1,
        type=new.type,
        queue=new.queue,
        priority=new.priority,
        payload=new.payload,
        options=new.options,
        failures=0,
        crashes=0,
        max_crashes=new.max_crashes,
        pushed_at=app.clock(),
    )
    limit = 0 if timeout is None else max(1, round(timeout * BILLION))
    value: Any = None
    failed: BaseException | None = None
    since = time.monotonic_ns()
    with _Here(claim, app) as current:
        try:
            call = job_type.load(new.payload)
            if job_type.is_async:
                value = asyncio.run(_on_loop(app, current, call, limit))
            else:
                value = _on_this_thread(app, current, claim, call, limit)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a job raises is its end, SystemExit too
            failed = error
            bare(error)
    return Ended(claim, value, failed, current.follow_ups, (time.monotonic_ns() - since) / BILLION)


class _Here(CurrentJob):
    """A current job that no store knows of: how far it is goes to the log."""

    __slots__ = ()

    def _write_progress(self) -> None:
        progress, self._unwritten = self._unwritten, None
        if progress is not None:
            of = "" if progress.total is None else f" of {progress.total:g}"
            self.logger.info("progress %g%s%s", progress.current, of, progress.message and f": {progress.message}")


def _on_this_thread(app: Conveyor, current: CurrentJob, claim: Claim, call: Callable[[], Any], limit: int) -> Any:
    before = signal.getsignal(signal.SIGALRM)
    guard = SignalGuard(SlotTable.create(1), 0)
    begun: list[Middleware] = []
    value: Any = None
    failed: BaseException | None = None
    since = time.monotonic_ns()
    try:
        guard.begin(claim, since, since + limit if limit else 0)
        try:
            value = call() if app.hooks is None else app.hooks.run(current, call, begun)
        finally:
            guard.end()
        return value
    except BaseException as error:
        failed = error
        raise
    finally:
        signal.signal(signal.SIGALRM, before)
        hooks.ended(current, begun, value, failed, time.monotonic_ns() - since)


async def _on_loop(app: Conveyor, current: CurrentJob, call: Callable[[], Coroutine[Any, Any, Any]], limit: int) -> Any:
    begun: list[Middleware] = []
    value: Any = None
    failed: BaseException | None = None
    since = time.monotonic_ns()
    clock = asyncio.timeout(limit / BILLION if limit else None)
    try:
        try:
            async with clock:
                value = await (call() if app.hooks is None else app.hooks.arun(current, call, begun))
        except TimeoutError as error:
            if not clock.expired() or error.__cause__ is None:
                raise
            # As in a worker, it shows where the job was.
            raise timed_out(0, limit).with_traceback(error.__cause__.__traceback__) from None
        return value
    except BaseException as error:
        failed = error
        raise
    finally:
        await hooks.aended(current, begun, value, failed, time.monotonic_ns() - since)
