"""What is pushed: a job, and how to deliver it."""

from __future__ import annotations

import re
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final, Generic, Protocol, TypedDict, TypeVar, Unpack
from uuid import UUID

import msgspec

from conveyor.errors import InvalidValue, PayloadTooLarge
from conveyor.ids import job_id
from conveyor.options import JobMetadata, JobOptions
from conveyor.priority import Priority
from conveyor.records import JobId
from conveyor.retry import Duration, ExponentialBackoff, RetryStrategy, check_retry, store_retry
from conveyor.times import micros, seconds
from conveyor.unique import Unique, check_key

__all__ = [
    "Delivery",
    "JobCall",
    "JobMetadata",
    "JobOptions",
    "JobPayload",
    "PushOptions",
    "Runs",
    "RunsAsync",
    "check_queue_name",
]

R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)

CRITICAL_TIMEOUT: Final = 30.0
"""Seconds a critical job may run unless told otherwise: nothing urgent should hang for long."""

PAYLOAD_LIMIT: Final = 1 << 20
"""Bytes that a job's arguments, or its result, may take unless told otherwise."""

_TYPE_NAME: Final = re.compile(r"\S{1,200}")
LONGEST_WINDOW: Final = 86_400.0
"""Seconds of a throttle at most: so long every store remembers a slot."""

_QUEUE_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}", re.ASCII)


def check_queue_name(name: object) -> str:
    """`name` itself, if a queue may have it.

    Raises:
        InvalidValue: it may not.
    """
    if not isinstance(name, str) or _QUEUE_NAME.fullmatch(name) is None:
        raise InvalidValue(f"queue name is {name!r}; give 1 to 100 letters, digits and _ . : -")
    if name.endswith(".dlq"):
        raise InvalidValue(f"queue name is {name!r}; .dlq at the end is kept for dead letters, so give another name")
    return name


def check_type_name(name: object) -> str:
    """`name` itself, if a job type may have it.

    Raises:
        InvalidValue: it may not.
    """
    if not isinstance(name, str) or not _TYPE_NAME.fullmatch(name) or not name.isprintable():
        raise InvalidValue(
            f'job type is {name!r}; give 1 to 200 visible characters without spaces, like "email.welcome"'
        )
    return name


def check_size(text: str, job_type: str, limit: int, what: str = "arguments") -> str:
    """`text` itself, as it is to be stored, if it takes no more than `limit` bytes.

    Raises:
        PayloadTooLarge: it does; `what` is what the message calls it.
    """
    # A character takes 4 bytes at most, so that a short text needs no counting.
    if len(text) * 4 > limit and (size := len(text.encode())) > limit:
        raise PayloadTooLarge(job_type, size, limit, what)
    return text


class Runs(Protocol[R_co]):
    """A class job: registered with `@app.job`, its fields are the arguments and `handle` does the work."""

    def handle(self) -> R_co: ...


class RunsAsync(Protocol[R_co]):
    """A class job whose work is `async def`."""

    def handle(self) -> Coroutine[Any, Any, R_co]: ...


class JobCall(msgspec.Struct, Generic[R], frozen=True):
    """A registered function with its arguments; made by `send_welcome.call(7, "a")`, checked when it is pushed."""

    type: str
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = {}


class UntimedOptions(TypedDict, total=False):
    """How to deliver a job, but for when. What is left out, or None, is as the job type says; see `Delivery`."""

    queue: str | None
    priority: Priority | int | str | None
    expires: Duration | datetime | None
    timeout: Duration | None
    retry: RetryStrategy | None
    metadata: JobMetadata | Mapping[str, Any] | None
    unique: str | Unique | None
    id: JobId | UUID | str | None
    throttle: Duration | None


class PushOptions(UntimedOptions, total=False):
    """How to deliver a job; see `Delivery`."""

    debounce: Duration | None
    delay: Duration | None
    run_at: datetime | None


@dataclass(frozen=True, slots=True, init=False, repr=False)
class Delivery:
    """Where, when and how a job is to run. A field that is `None` is as the job type says.

    Args:
        queue: its name.
        priority: a Priority, its number or its name.
        delay: seconds or timedelta until it is due, by the store's clock.
        run_at: the aware datetime at which it is due, instead of `delay`; one in the past is due at once.
        expires: seconds or timedelta from the push, or an aware datetime, by which it must have begun.
        timeout: seconds or timedelta it may run.
        retry: when it runs again after a failure. Strategies of your own belong on the job type.
        metadata: a JobMetadata, or a mapping of free fields.
        unique: while a job with this key is active in the queue, the push changes nothing and answers that job; or a
            Unique, with a rule of its own, and a key made from type and arguments.
        id: a UUID or its text; pushing it again changes nothing. A new UUIDv7 when left out.
        debounce: seconds or timedelta until it is due, counted anew from each push of the same key: of pushes that
            follow each other faster than that, the last one wins. The key is that of `unique`, or made from type and
            arguments; `unique=Unique(by=("user_id",))` lets the last of different arguments win.
        throttle: seconds or timedelta, a day at most, in which one push of the same key is stored; the others answer
            that job, ended or not. Windows are counted from 1970, by the clock of the program that pushes. The key is
            that of `unique`, or made from type and arguments.

    Raises:
        InvalidValue: an option breaks its rule.
    """

    queue: str | None
    priority: Priority | None
    delay: float | None
    run_at: datetime | None
    expires: float | datetime | None
    timeout: float | None
    retry: RetryStrategy | None
    metadata: JobMetadata | None
    unique: str | Unique | None
    id: JobId | None
    debounce: float | None
    throttle: float | None

    def __init__(
        self,
        *,
        queue: str | None = None,
        priority: Priority | int | str | None = None,
        delay: Duration | None = None,
        run_at: datetime | None = None,
        expires: Duration | datetime | None = None,
        timeout: Duration | None = None,
        retry: RetryStrategy | None = None,
        metadata: JobMetadata | Mapping[str, Any] | None = None,
        unique: str | Unique | None = None,
        id: JobId | UUID | str | None = None,
        debounce: Duration | None = None,
        throttle: Duration | None = None,
    ) -> None:
        if delay is not None and run_at is not None:
            raise InvalidValue(f"delay is {delay!r} and run_at is {run_at!r}; a job is due once, so give one of them")
        if debounce is not None and (delay, run_at, throttle) != (None, None, None):
            raise InvalidValue(
                f"debounce is {debounce!r}, which says when the job is due; drop delay, run_at, throttle"
            )
        put = object.__setattr__
        put(self, "queue", None if queue is None else check_queue_name(queue))
        put(self, "priority", None if priority is None else Priority.of(priority))
        put(self, "delay", None if delay is None else seconds(delay, "delay"))
        put(self, "run_at", None if run_at is None else _checked(run_at, "run_at"))
        put(self, "expires", None if expires is None else _expires(expires))
        put(self, "timeout", None if timeout is None else positive(timeout, "timeout"))
        put(self, "retry", None if retry is None else _portable(retry))
        put(self, "metadata", None if metadata is None else JobMetadata.of(metadata))
        put(self, "unique", None if unique is None else _unique(unique))
        put(self, "id", None if id is None else job_id(id))
        put(self, "debounce", None if debounce is None else positive(debounce, "debounce"))
        put(self, "throttle", None if throttle is None else _window(throttle, "throttle"))
        if isinstance(self.expires, float) and self.delay is not None and self.expires <= self.delay:
            raise InvalidValue(
                f"expires is {self.expires} s and delay {self.delay} s, so the job could never begin; "
                "both count from the push: let it expire later"
            )

    def __repr__(self) -> str:
        shown = ", ".join(
            f"{field.name}={value!r}" for field in fields(self) if (value := getattr(self, field.name)) is not None
        )
        return f"{type(self).__name__}({shown})"

    def options(self, parent: JobId | None = None) -> str:
        """What of it only the worker reads, as text for `NewJob.options`; "" when there is nothing."""
        if self.timeout is None and self.retry is None and self.metadata is None and parent is None:
            return ""
        retry = None if self.retry is None else store_retry(self.retry)
        return JobOptions(timeout=self.timeout, retry=retry, metadata=self.metadata, parent=parent).encode()


@dataclass(frozen=True, slots=True, init=False, repr=False)
class JobPayload(Delivery):
    """A job and how to deliver it. It changes nothing until it is pushed, and can be pushed more than once.

    Args:
        job: `send_welcome.call(7, "ada@example.org")`, or an instance of a registered class with `handle()`.
        options: see `Delivery`.

    Raises:
        InvalidValue: `job` is neither of these, or an option breaks its rule.
    """

    job: Any  # a JobCall or an instance of the user's own class, whose fields only its user knows

    def __init__(self, job: JobCall[Any] | Runs[Any], **options: Unpack[PushOptions]) -> None:
        Delivery.__init__(self, **options)
        check_job(job)
        object.__setattr__(self, "job", job)

    @classmethod
    def create(cls, job: JobCall[Any] | Runs[Any], **options: Unpack[PushOptions]) -> JobPayload:
        """Everything by name; see `Delivery`."""
        return JobPayload(job, **options)

    @classmethod
    def immediate(cls, job: JobCall[Any] | Runs[Any], **options: Unpack[UntimedOptions]) -> JobPayload:
        """High priority, due now."""
        return JobPayload(job, **_first(options, priority=Priority.HIGH))

    @classmethod
    def delayed(cls, job: JobCall[Any] | Runs[Any], delay: Duration, **options: Unpack[UntimedOptions]) -> JobPayload:
        """Due in `delay` (seconds or timedelta)."""
        return JobPayload(job, delay=delay, **options)

    @classmethod
    def critical(cls, job: JobCall[Any] | Runs[Any], **options: Unpack[UntimedOptions]) -> JobPayload:
        """Critical priority, and a `timeout`: 30 seconds unless given."""
        return JobPayload(job, **_first({"timeout": CRITICAL_TIMEOUT, **options}, priority=Priority.CRITICAL))

    @classmethod
    def background(cls, job: JobCall[Any] | Runs[Any], **options: Unpack[UntimedOptions]) -> JobPayload:
        """Low priority, with a `retry`: `ExponentialBackoff()` unless given, whatever the job type says."""
        return JobPayload(job, **_first({"retry": ExponentialBackoff(), **options}, priority=Priority.LOW))

    def with_id(self, id: JobId | UUID | str) -> JobPayload:
        """A copy with this id.

        Raises:
            InvalidValue: it is neither a UUID nor the text of one.
        """
        options: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(Delivery)}
        options["id"] = job_id(id)
        return JobPayload(self.job, **options)


def check_job(job: object) -> None:
    """Refuse what is no job with its arguments; a function or a class without them is the usual slip.

    Raises:
        InvalidValue: it is no such job.
    """
    if not isinstance(job, JobCall) and (isinstance(job, type) or not callable(getattr(job, "handle", None))):
        raise InvalidValue(
            f"job is {job!r}; give a call such as send_welcome.call(7), or an instance of a registered class "
            "with handle()"
        )


def positive(value: Duration, name: str) -> float:
    """A duration that is not zero, in seconds.

    Raises:
        InvalidValue: it is zero, or no duration.
    """
    if (checked := seconds(value, name)) == 0:
        raise InvalidValue(f"{name} is {value!r}; give more than 0 seconds")
    return checked


def _first(options: UntimedOptions, priority: Priority) -> UntimedOptions:
    if (given := options.get("priority")) is not None:
        raise InvalidValue(f"priority is {given!r}, but this factory sets it; use JobPayload.create(job, …)")
    return {**options, "priority": priority}


def _checked(value: datetime, name: str) -> datetime:
    micros(value, name)
    return value


def _expires(value: Duration | datetime) -> float | datetime:
    return _checked(value, "expires") if isinstance(value, datetime) else positive(value, "expires")


def _unique(value: object) -> str | Unique:
    return value if isinstance(value, Unique) else check_key(value)


def _window(value: Duration, name: str) -> float:
    if (checked := positive(value, name)) > LONGEST_WINDOW:
        raise InvalidValue(f"{name} is {value!r}; give a day at most")
    return checked


def _portable(retry: RetryStrategy) -> RetryStrategy:
    store_retry(check_retry(retry))
    return retry
