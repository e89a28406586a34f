"""One registered job: its settings, and the way between its arguments and the text the store keeps."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from datetime import datetime
from typing import Any, Final, cast

import msgspec

from conveyor.arguments import ArgumentSchema, dump_value, load_value
from conveyor.callables import describe, is_async, returns
from conveyor.codec import Codec, PlainCodec
from conveyor.errors import InvalidValue, PayloadError
from conveyor.ids import new_id
from conveyor.job_lock import JobLock
from conveyor.options import JobOptions
from conveyor.payload import Delivery, JobCall, Runs, check_queue_name, check_size, check_type_name, positive
from conveyor.priority import Priority
from conveyor.records import JobId, NewJob
from conveyor.retry import Duration, NoRetry, RetryStrategy, check_retry
from conveyor.times import SECOND, Clock, micros
from conveyor.unique import Unique
from conveyor.unique_key import NOT_UNIQUE, uniqueness

MAX_CRASHES: Final = 3
"""How often a job's process may die under it before it is buried, unless the job says otherwise."""


class JobType:
    """A registered job. Made by `Conveyor.job`; read by workers and tools.

    Attributes:
        name: the type, under which the store knows it.
        queue: where it goes unless a push says otherwise.
        priority: likewise.
        timeout: seconds a run may take; `None` where that is left to the queue, the application and the worker.
        retry: what follows a failure, unless a push says otherwise.
        max_crashes: how often its process may die under it before it is buried.
        expires: seconds after it is due by which it must have begun, `None` for no bound.
        at_most_once: it is never run again, whatever happens to its one run.
        unique: which jobs of it are in the way of a push, unless the push says otherwise; `None` when none is.
        is_async: it runs on an event loop.
        is_class: it is a class with `handle()`.
        function: the user's function or class.
        lock: what names the lock that each of its runs holds, if it has one.
    """

    __slots__ = (
        "_clock",
        "_codec",
        "_level",
        "_limit",
        "_plain",
        "_returns",
        "_schema",
        "at_most_once",
        "expires",
        "function",
        "is_async",
        "is_class",
        "lock",
        "max_crashes",
        "name",
        "priority",
        "queue",
        "retry",
        "timeout",
        "unique",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        name: str,
        *,
        queue: str,
        priority: Priority | int | str,
        timeout: Duration | None,
        retry: RetryStrategy | None,
        default_retry: RetryStrategy,
        max_crashes: int | None,
        expires: Duration | None,
        at_most_once: bool,
        lock: str | None = None,
        unique: Unique | None,
        codec: Codec,
        payload_limit: int,
        clock: Clock,
    ) -> None:
        self.name: Final = check_type_name(name)
        self.function: Final = function
        self.is_class: Final = isinstance(function, type)
        self.is_async: Final = is_async(function)
        self.queue: Final = check_queue_name(queue)
        self.priority: Final = Priority.of(priority)
        self.timeout: Final = None if timeout is None else positive(timeout, "timeout")
        self.expires: Final = None if expires is None else positive(expires, "expires")
        self.at_most_once: Final = at_most_once
        self.retry: Final[RetryStrategy] = _retry(name, retry, default_retry, at_most_once=at_most_once)
        self.max_crashes: Final = _max_crashes(name, max_crashes, at_most_once=at_most_once)
        self._schema: Final = (
            ArgumentSchema.of_class(function) if isinstance(function, type) else ArgumentSchema.of_function(function)
        )
        self.lock: Final = None if lock is None else JobLock(lock, function)
        self.unique: Final = None if unique is None else _unique(unique)
        self._clock: Final = clock
        self._codec: Final = codec
        self._plain: Final = type(codec) is PlainCodec
        self._level: Final[int] = self.priority.value
        self._limit: Final = payload_limit
        self._returns: Any = _UNRESOLVED

    def __repr__(self) -> str:
        return f"<job type {self.name!r}: {describe(self.function)}>"

    # ── arguments ────────────────────────────────────────────────────────────────────────────────────────────────────

    def dump(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
        """The arguments of a function job as the store keeps them.

        Raises:
            PayloadError: they do not fit its signature. PayloadTooLarge: they do, and take too many bytes.
        """
        if self.is_class:
            raise InvalidValue(
                f"{self.name!r} is a class job; push an instance of {describe(self.function)}, not a call"
            )
        return self._encoded(self._schema.dump(args, kwargs), self.name)

    def dump_instance(self, job: object) -> str:
        """The fields of a class job as the store keeps them.

        Raises:
            PayloadError: they do not fit their annotations. PayloadTooLarge: they do, and take too many bytes.
        """
        return self._encoded(self._schema.dump_instance(job), self.name)

    def load_job(self, payload: str) -> JobCall[Any] | Runs[Any]:
        """The call, or the instance of the class, that `payload` keeps.

        Raises:
            PayloadError: it cannot be read, or no longer fits the job.
        """
        text = payload if self._plain else self._codec.decode(payload, self.name)
        if self.is_class:
            return cast("Runs[Any]", self._schema.load_instance(text))
        args, kwargs = self._schema.load(text)
        return JobCall(self.name, args, kwargs)

    def load(self, payload: str) -> Callable[[], Any]:
        """What runs the job that `payload` keeps. Called, it answers the result, or a coroutine of it for async jobs.

        Raises:
            PayloadError: it cannot be read, or no longer fits the job.
        """
        text = payload if self._plain else self._codec.decode(payload, self.name)
        if self.is_class:
            return cast("Runs[Any]", self._schema.load_instance(text)).handle
        args, kwargs = self._schema.load(text)
        return functools.partial(self.function, *args, **kwargs)

    # ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def dump_result(self, value: object) -> str:
        """A result as the store keeps it.

        Raises:
            PayloadError: JSON cannot hold it. PayloadTooLarge: it takes too many bytes.
        """
        return self._encoded(dump_value(value), result_context(self.name), "result")

    def load_result(self, text: str) -> Any:
        """The result that `text` keeps, as the type the job is annotated to return; plain JSON when it does not fit.

        Raises:
            PayloadError: it cannot be read.
        """
        if self._returns is _UNRESOLVED:
            self._returns = returns(self.function)
        text = text if self._plain else self._codec.decode(text, result_context(self.name))
        try:
            return load_value(text, self._returns)
        except PayloadError:
            # Python holds nobody to a return annotation, and the work is done: what came back is worth more than that.
            return load_value(text)

    # ── delivery ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def new_job(
        self, payload: str, delivery: Delivery | None = None, *, queue: str | None = None, parent: JobId | None = None
    ) -> NewJob:
        """The job that a push stores: `delivery` where it says something, else what this type says; `queue` wins."""
        if delivery is None and parent is None and self.unique is None:
            return NewJob(
                id=new_id(),
                queue=queue or self.queue,
                type=self.name,
                payload=payload,
                priority=self._level,
                expires=self.expires,
                max_crashes=self.max_crashes,
            )
        delivery = delivery or _AS_THE_TYPE_SAYS
        if self.at_most_once and delivery.retry is not None and not isinstance(delivery.retry, NoRetry):
            raise InvalidValue(
                f"retry is {delivery.retry!r}, but {self.name!r} runs at most once; push it without retry"
            )
        run_at = None if delivery.run_at is None else micros(delivery.run_at, "run_at")
        expires, expires_at = self._expires(delivery, run_at)
        queue = queue or delivery.queue or self.queue
        unique = NOT_UNIQUE
        if (given := delivery.unique or self.unique) or delivery.debounce or delivery.throttle:
            unique = uniqueness(
                self.name,
                queue,
                given=given,
                delivery=delivery,
                arguments=lambda: self._arguments(payload),
                clock=self._clock,
            )
        return NewJob(
            id=delivery.id or new_id(),
            queue=queue,
            type=self.name,
            payload=payload,
            options=delivery.options(parent),
            priority=self._level if delivery.priority is None else delivery.priority.value,
            delay=delivery.delay or delivery.debounce or 0.0,
            run_at=run_at,
            expires=expires,
            expires_at=expires_at,
            max_crashes=self.max_crashes,
            unique=unique.unique,
            unique_until=unique.until,
            unique_ttl=unique.ttl,
            on_conflict=unique.on_conflict,
            slot=unique.slot,
        )

    def retry_of(self, options: JobOptions) -> RetryStrategy:
        """What follows a failure of a job with these options.

        Raises:
            PayloadError: the options carry a strategy of no known kind.
        """
        return options.strategy() or self.retry

    def _expires(self, delivery: Delivery, run_at: int | None) -> tuple[float | None, int | None]:
        """As seconds after the push, and as a moment; one of them at most."""
        given = delivery.expires
        if given is None:
            # What a type says counts from the due moment: `@app.job(expires=60)` must not bar a delay of an hour.
            if self.expires is None:
                return None, None
            if run_at is not None:
                return None, run_at + round(self.expires * SECOND)
            return (delivery.delay or delivery.debounce or 0.0) + self.expires, None
        if isinstance(given, datetime):
            return None, micros(given, "expires")
        return given, None

    def _arguments(self, payload: str) -> dict[str, Any]:
        """All arguments by name, defaults too: `push(7)` and `push(7, kind="short")` may be the same job."""
        text = payload if self._plain else self._codec.decode(payload, self.name)
        if not self.is_class:
            args, kwargs = self._schema.load(text)
            bound = inspect.signature(self.function).bind(*args, **kwargs)
            bound.apply_defaults()
            # A default that JSON cannot hold stands for itself by being left out.
            with contextlib.suppress(PayloadError):
                text = self._schema.dump(bound.args, bound.kwargs)
        found: dict[str, Any] = msgspec.json.decode(text)
        return found

    def _encoded(self, text: str, context: str, what: str = "arguments") -> str:
        if not self._plain:
            text = self._codec.encode(text, context)
        return check_size(text, self.name, self._limit, what)


def result_context(name: str) -> str:
    """What a codec binds the results of a job type to: a sealed result must not pass for the arguments of a job.

    No job type has a space in its name, so it is no other type's context either.
    """
    return f"{name} result"


class _Unresolved:
    """The result's type has not been asked for; at registration its names may not exist yet."""


_UNRESOLVED: Final = _Unresolved()
_AS_THE_TYPE_SAYS: Final = Delivery()


def _retry(name: str, retry: RetryStrategy | None, default: RetryStrategy, *, at_most_once: bool) -> RetryStrategy:
    if not at_most_once:
        return default if retry is None else check_retry(retry)
    if retry is not None and not isinstance(retry, NoRetry):
        raise InvalidValue(f"{name!r} has at_most_once=True and retry={retry!r}; it cannot have both, drop one")
    return NoRetry()


def _unique(unique: object) -> Unique:
    if not isinstance(unique, Unique):
        raise InvalidValue(
            f"unique is {unique!r} for a job type; give a rule such as Unique() or Unique(until='start')"
        )
    return unique


def _max_crashes(name: str, given: int | None, *, at_most_once: bool) -> int:
    if given is None:
        return 1 if at_most_once else MAX_CRASHES
    if type(given) is not int or given < 1:
        raise InvalidValue(f"max_crashes is {given!r}; give a whole number from 1 up")
    if at_most_once and given != 1:
        raise InvalidValue(f"{name!r} has at_most_once=True and max_crashes={given}; it cannot have both, drop one")
    return given
