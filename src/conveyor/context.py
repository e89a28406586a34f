"""The job that runs here: `current_job()`, inside the function that a worker called."""

from __future__ import annotations

import functools
from collections.abc import MutableMapping
from contextvars import ContextVar, Token
from math import isfinite, nan
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, overload

from msgspec.structs import replace

from conveyor.errors import InvalidValue, NoCurrentJob, StoreError
from conveyor.failures import MAX_MESSAGE
from conveyor.handle import JobHandle
from conveyor.job_transaction import JobTransaction
from conveyor.options import JobMetadata, JobOptions
from conveyor.payload import JobCall, JobPayload, Runs, RunsAsync, check_queue_name
from conveyor.records import Claim, ClaimKey, JobId, NewJob, Progress
from conveyor.text import escaped

if TYPE_CHECKING:
    from logging import Logger, LoggerAdapter

    from conveyor.app import Conveyor

C = TypeVar("C")
R = TypeVar("R")

PROGRESS_PAUSE: Final = 0.1
"""Seconds between two progress writes of one job: people read no faster, and a tight loop must not load the store."""

RATE_OVER: Final = 10.0
"""Seconds: long enough to be steady, short enough to see that a job slows down."""

_current: ContextVar[CurrentJob | None] = ContextVar("conveyor_current_job", default=None)


def current_job() -> CurrentJob:
    """The job that runs here.

    Threads that a job starts do not see it, unless they run in a copy of its context (`contextvars.copy_context`);
    tasks that it starts do.

    Raises:
        NoCurrentJob: this is not inside a job that a worker runs.
    """
    current = _current.get()
    if current is None:
        raise NoCurrentJob(
            "no job runs here; call current_job() inside a job that a worker runs. A job that was called directly, "
            "or a thread that it started, has none"
        )
    return current


class CurrentJob:
    """One run of a job, seen from inside.

    Attributes:
        id: the job's id.
        attempt: how often it has been claimed, this time included.
        failures: how many of its runs have failed.
        type: its job type.
        queue: where it came from.
    """

    __slots__ = (
        "_app",
        "_began_ns",
        "_claim",
        "_follow_ups",
        "_has_ended",
        "_logger",
        "_metadata",
        "_next_write",
        "_rate",
        "_token",
        "_transaction",
        "_unwritten",
    )

    def __init__(self, claim: Claim, app: Conveyor, began_ns: int = 0) -> None:
        self._claim: Final = claim
        self._app: Final = app
        self._began_ns: Final = began_ns
        self._follow_ups: list[NewJob] = []
        self._has_ended = False
        self._logger: LoggerAdapter[Logger] | None = None
        self._metadata: JobMetadata | None = None
        self._next_write = 0.0
        self._rate: Rate | None = None
        self._token: Token[CurrentJob | None] | None = None
        self._transaction: JobTransaction[Any] | None = None
        self._unwritten: Progress | None = None

    def __repr__(self) -> str:
        return f"<current job {self._claim.type!r} {self._claim.id} attempt {self._claim.attempt}>"

    @property
    def id(self) -> JobId:
        return self._claim.id

    @property
    def attempt(self) -> int:
        return self._claim.attempt

    @property
    def failures(self) -> int:
        return self._claim.failures

    @property
    def type(self) -> str:
        return self._claim.type

    @property
    def queue(self) -> str:
        return self._claim.queue

    @property
    def metadata(self) -> JobMetadata:
        """What was pushed with it; an empty JobMetadata when nothing was."""
        if self._metadata is None:
            self._metadata = JobOptions.decode(self._claim.options).metadata or JobMetadata()
        return self._metadata

    @property
    def logger(self) -> LoggerAdapter[Logger]:
        """The logger "conveyor.job"; its records carry job_id, job_type, queue and attempt."""
        if self._logger is None:
            self._logger = _logger(self._claim)
        return self._logger

    # ── follow-ups ───────────────────────────────────────────────────────────────────────────────────────────────────

    @overload
    def push(self, job: JobCall[R], queue: str | None = None) -> JobHandle[R]: ...
    @overload
    def push(self, job: RunsAsync[R], queue: str | None = None) -> JobHandle[R]: ...
    @overload
    def push(self, job: Runs[R], queue: str | None = None) -> JobHandle[R]: ...
    @overload
    def push(self, job: JobPayload, queue: str | None = None) -> JobHandle[Any]: ...
    def push(self, job: JobPayload | JobCall[Any] | Runs[Any], queue: str | None = None) -> JobHandle[Any]:
        """Push a job that comes to exist when this one completes, in the same step; if this run fails, it never does.

        Until then its handle finds no job. (Elsewhere `send_welcome.push(…)` pushes at once, inside a job too.)

        Args:
            job: a payload, a call such as `send_welcome.call(7)`, or an instance of a class job.
            queue: where it goes; by itself, where the payload or its job type says.

        Raises:
            PayloadError, UnknownJobType: as `Conveyor.push`.
            NoCurrentJob: this run is over, so there is no completion left to push with.
        """
        if self._has_ended or self.is_completed:
            raise NoCurrentJob(
                f"job {self._claim.id} has ended, so nothing can be pushed with its completion; push before it returns "
                "(inside its transaction, if it has one), or push on the application"
            )
        if queue is not None:
            check_queue_name(queue)
        new = self._app.prepare(job, queue, parent=self._claim.id)
        if self._app.hooks is not None:
            (new,) = self._app.hooks.before_push((new,))
        self._follow_ups.append(new)
        return JobHandle(self._app, new.id)

    @property
    def follow_ups(self) -> tuple[NewJob, ...]:
        """What was pushed so far; for the worker, which settles the run with it."""
        return tuple(self._follow_ups)

    # ── its own transaction ──────────────────────────────────────────────────────────────────────────────────────────

    @overload
    def transaction(self) -> JobTransaction[Any]: ...
    @overload
    def transaction(self, connection: C) -> JobTransaction[C]: ...
    def transaction(self, connection: Any = None) -> JobTransaction[Any]:
        """A block of work that is committed together with the job's completion: neither is there without the other.

        `with current_job().transaction() as connection:` gives a `psycopg.Connection` to a PostgreSQL store's database,
        in a transaction, or a `sqlite3.Connection` to the store's file; `async with` a `psycopg.AsyncConnection`.
        When the block ends, the job is complete, and what its function does afterwards is no longer a part of it: let
        the block be the last thing. When the block raises, all is rolled back, and the job fails as usual.

        Args:
            connection: your own, of any library that a push can join, in a transaction of yours: the job is completed
                in it when the block ends, and you commit it, at once. An async one goes with `async with`.

        Raises:
            InvalidValue: the store cannot join this connection, or has no transactions; or the last block is not over.
            NoCurrentJob: this run is over.
            ClaimLost: at the end of the block: the job is somebody else's by now, and nothing was committed.
        """
        if self._has_ended:
            raise NoCurrentJob(f"job {self._claim.id} has ended, so nothing can be committed with its completion")
        if self._transaction is not None and self._transaction.is_open:
            raise InvalidValue(
                f"job {self._claim.id} is in a transaction already, and can be completed in one only; leave that first"
            )
        made = JobTransaction[Any](self._app, self._claim, self._began_ns, self._follow_ups, connection)
        self._transaction = made
        return made

    @property
    def is_completed(self) -> bool:
        """Whether a transaction of its own has completed it."""
        return self._transaction is not None and self._transaction.is_completed

    # ── progress ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def progress(self, current: float, total: float | None = None, message: str = "") -> None:
        """Say how far the job is; `JobHandle.progress` shows it.

        Call it as often as you like: at most ten a second are written, and the last one always is, when the run ends.
        A store that does not answer is logged, and does not disturb the job. Of a message, 10,000 characters are kept.

        Raises:
            InvalidValue: `current` or `total` is no finite number, `total` is below 0, or `message` is no text.
        """
        self._unwritten = _progress(current, total, message)
        now = monotonic()
        if now >= self._next_write:
            self._next_write = now + PROGRESS_PAUSE
            self._write_progress()

    async def aprogress(self, current: float, total: float | None = None, message: str = "") -> None:
        """As `progress`, without holding up the event loop while the store is written."""
        self._unwritten = _progress(current, total, message)
        now = monotonic()
        if now >= self._next_write:
            self._next_write = now + PROGRESS_PAUSE
            await self._app.aio.call(self._write_progress)

    def _write_progress(self) -> None:
        unwritten, self._unwritten = self._unwritten, None
        if unwritten is None:
            return
        if self._rate is None:
            self._rate = Rate()
        rated = replace(unwritten, rate=self._rate.at(unwritten.current, monotonic()))
        try:
            self._app.driver.write_progress(ClaimKey(self._claim.id, self._claim.attempt), rated)
        except StoreError as error:
            self.logger.warning("progress could not be written: %s", error)

    # ── run ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        return self

    def __exit__(self, *raised: object) -> None:
        if self._token is not None:
            _current.reset(self._token)
            self._token = None
        self._has_ended = True
        if self._unwritten is not None:
            self._write_progress()


def _progress(current: object, total: object, message: object) -> Progress:
    """What a job said of itself, as every store can keep it and every reader read it."""
    if not isinstance(message, str):
        raise InvalidValue(f"message is {message!r}; give text")
    return Progress(
        current=_number(current, "current"),
        total=None if total is None else check_total(total),
        message=escaped(message[:MAX_MESSAGE]),
    )


def check_total(total: object) -> float:
    """How much there is to do.

    Raises:
        InvalidValue: it is no number, or below 0.
    """
    if (number := _number(total, "total")) < 0:
        raise InvalidValue(f"total is {total!r}; give a number from 0 up, or None where nobody can count")
    return number


def _number(value: object, name: str) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the line below is for what it is not
    except (TypeError, ValueError, OverflowError):
        number = nan
    if isinstance(value, str) or not isfinite(number):
        raise InvalidValue(f"{name} is {value!r}; give a finite number")
    return value if type(value) is int else number


class Rate:
    """How fast a number grows: over the last RATE_OVER to twice as many seconds."""

    __slots__ = ("_from", "_next")

    def __init__(self) -> None:
        self._from: tuple[float, float] | None = None
        self._next: tuple[float, float] | None = None

    def at(self, value: float, now: float) -> float | None:
        """What it has grown by a second; `None` when this is the first look, or the number has begun anew."""
        here = now, value
        if self._from is None or self._next is None or value < self._next[1]:
            self._from = self._next = here
            return None
        if now - self._next[0] >= RATE_OVER:
            self._from, self._next = self._next, here
        since, before = self._from
        return (value - before) / (now - since) if now > since else None


def running(claim: Claim, app: Conveyor, began_ns: int = 0) -> CurrentJob:
    """Let the claim be the current job of a `with` block; for the worker, around each run, which began at that moment.

    On the way out the last progress is written, and the run takes no more follow-ups.
    """
    return CurrentJob(claim, app, began_ns)


@functools.cache
def _logger_class() -> type[LoggerAdapter[Logger]]:
    # Made when the first job logs: logging is slow to import, and most programs that push have no use for it.
    from logging import Logger, LoggerAdapter

    class JobLogger(LoggerAdapter[Logger]):
        """Adds the job's fields to those that the caller gives as `extra`, which the base class would drop."""

        def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
            kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
            return msg, kwargs

    return JobLogger


def _logger(claim: Claim) -> LoggerAdapter[Logger]:
    from logging import getLogger

    fields = {"job_id": str(claim.id), "job_type": claim.type, "queue": claim.queue, "attempt": claim.attempt}
    return _logger_class()(getLogger("conveyor.job"), fields)
