"""The application: its settings, its registered jobs, its store."""

from __future__ import annotations

import threading
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager
from functools import reduce
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, overload
from uuid import UUID

from conveyor import config
from conveyor.aio import AsyncBridge
from conveyor.callables import default_name
from conveyor.codec import Codec, PlainCodec, check_codec
from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.errors import ConfigError, InvalidValue
from conveyor.events import Emits
from conveyor.forks import after_fork, keep_for_ever
from conveyor.handle import JobHandle
from conveyor.ids import job_id
from conveyor.job import AsyncJob, Job, JobDecorator
from conveyor.job_type import JobType
from conveyor.operations import Operations
from conveyor.payload import PAYLOAD_LIMIT, JobCall, JobPayload, Runs, check_job, check_queue_name, positive
from conveyor.priority import Aging, Priority
from conveyor.pushing import AnyJob, Pushes
from conveyor.queue import Queue
from conveyor.records import JobId, NewJob
from conveyor.registry import Registry
from conveyor.retention import Retention
from conveyor.retry import Duration, ExponentialBackoff, RetryStrategy, check_retry
from conveyor.times import Clock, seconds, system_clock
from conveyor.timetable import Timetable

if TYPE_CHECKING:
    from conveyor.hooks import Hooks
    from conveyor.middleware import Middleware
    from conveyor.schedules import Schedules
    from conveyor.unique import Unique

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Runs[Any])


class Conveyor(Pushes, Timetable, Emits, Operations):
    """Jobs, and the store they wait in. Making one opens nothing: the store is opened when it is first needed.

    Args:
        url: the store, such as `sqlite:///shop.db`. By itself `CONVEYOR_URL`, else `url` in `conveyor.toml`, else the
            file `conveyor.db`; they are read when the store is opened.
        codec: what payloads and results pass on their way into the store and out of it.
        payload_limit: bytes that a job's arguments, or its result, may take in the store.
        retry: the strategy of jobs that have none.
        queue: the queue of jobs that have none.
        timeout: seconds or timedelta that jobs may run which say nothing of it; `None` for no bound.
        aging: seconds (or timedelta) of waiting that one priority level is worth; `None` makes priority strict.
        retention: how long ended jobs are kept.
        middleware: what is called around pushes and runs; see `use`.
        clock: the present in microseconds; for tests.

    Raises:
        InvalidValue: an argument breaks its rule.
        ConfigError: `url` is none.

    Attributes:
        retention: how long ended jobs are kept.
        queue_timeouts: seconds that jobs of a queue may run which say nothing of it, by queue; see `queue`.
        tended_at: when its queues last did what a worker would do for them, in microseconds; see `Queue.pop`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        codec: Codec | None = None,
        payload_limit: int = PAYLOAD_LIMIT,
        retry: RetryStrategy | None = None,
        queue: str = "default",
        timeout: Duration | None = None,
        aging: Duration | None = 250.0,
        retention: Retention | None = None,
        middleware: Iterable[Middleware] = (),
        clock: Clock = system_clock,
    ) -> None:
        if type(payload_limit) is not int or payload_limit < 1:
            raise InvalidValue(f"payload_limit is {payload_limit!r}; give bytes as a whole number from 1 up")
        self.codec: Final = PlainCodec() if codec is None else check_codec(codec)
        self.payload_limit: Final = payload_limit
        self.retry: Final[RetryStrategy] = ExponentialBackoff() if retry is None else check_retry(retry)
        self.default_queue: Final = check_queue_name(queue)
        self.timeout: Final = None if timeout is None else positive(timeout, "timeout")
        self.queue_timeouts: Final[dict[str, float]] = {}
        self.clock = clock
        self.tended_at = 0
        self.hooks: Hooks | None = None
        if middleware:
            self.use(*middleware)
        self.aging: Final = Aging(None if aging is None else seconds(aging, "aging"))
        self.retention: Final = retention or Retention()
        self._registry: Final = Registry()
        self._schedules: Schedules | None = None
        self._url = None if url is None else config.check_url(url)
        self.around_store: Final[list[Callable[[Driver], Driver]]] = []
        self._driver: Driver | None = None
        self._stand_in: Driver | None = None
        self._aio: AsyncBridge | None = None
        self._lock = threading.Lock()
        after_fork(self._open_own_after_fork)

    def __repr__(self) -> str:
        return f"<conveyor of {len(self._registry)} job types>"

    # ── the store ────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def url(self) -> str:
        """The store's URL, secrets included; see the class. It can be set until the store is open.

        Raises:
            ConfigError: `conveyor.toml` cannot be read; or, on setting, the store is open already.
        """
        return self._url or config.store_url()

    @url.setter
    def url(self, url: str) -> None:
        with self._lock:
            if self._driver is not None:
                raise ConfigError(f"the store {self._driver.url} is open already; set the URL before the first push")
            self._url = config.check_url(url)

    @property
    def driver(self) -> Driver:
        """The store, opened when first asked for. A forked child opens its own.

        Raises:
            ConfigError, SchemaMismatch, StoreUnavailable: it cannot be opened.
        """
        return self._driver or self.open()

    def open(self, *, create: bool = True, beside: object | None = None) -> Driver:
        """Open the store now instead of when it is first asked for; again changes nothing.

        Args:
            create: make the store's file if there is none; without, that is StoreUnavailable.
            beside: your own connection to the file, whose open transaction is not waited for.

        Raises:
            ConfigError, SchemaMismatch, StoreUnavailable: it cannot be opened.
        """
        with self._lock:
            if self._driver is None:
                self._driver = self._stand_in or open_driver(
                    self.url,
                    clock=self.clock,
                    aging=self.aging,
                    retention=self.retention,
                    create=create,
                    beside=beside,
                )
                if self._stand_in is None:
                    self._driver = reduce(lambda driver, around: around(driver), self.around_store, self._driver)
            return self._driver

    def wrap_store(self, around: Callable[[Driver], Driver]) -> None:
        """Work with what this makes of the store's driver, from now on and in every process that loads this module."""
        with self._lock:
            self.around_store.append(around)
            if self._driver is not None and self._driver is not self._stand_in:
                self._driver = around(self._driver)

    @property
    def aio(self) -> AsyncBridge:
        """The hop that the async twins take."""
        bridge = self._aio
        if bridge is not None:
            return bridge
        with self._lock:
            if self._aio is None:
                self._aio = AsyncBridge(lambda: self.driver)
            return self._aio

    def close(self) -> None:
        """Let go of the store and of threads. Safe to call twice; the next use opens them again."""
        with self._lock:
            driver, self._driver = self._driver, None
            bridge, self._aio = self._aio, None
        if bridge is not None:
            bridge.close()
        if driver is not None:
            driver.close()

    @contextmanager
    def rehearsed(self, driver: Driver, clock: Clock, hooks: Hooks) -> Generator[None]:
        """Work with these inside the block, and afterwards with its own again, which are left alone; for `testing`."""
        with self._lock:
            before = self._driver, self._stand_in, self.clock, self.hooks
            self._driver, self._stand_in, self.clock, self.hooks = driver, driver, clock, hooks
        try:
            yield
        finally:
            with self._lock:
                self._driver, self._stand_in, self.clock, self.hooks = before

    @property
    def is_rehearsed(self) -> bool:
        """It is in a test that runs its jobs itself."""
        return self._stand_in is not None

    # ── middleware ───────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def middleware(self) -> tuple[Middleware, ...]:
        """What is called around pushes and runs, in the order of its `before_…` hooks."""
        return () if self.hooks is None else self.hooks.middleware

    def use(self, *middleware: Middleware) -> None:
        """Call this middleware around pushes and runs from now on, inside what is called already.

        Workers look when they start: call it where the application is made. Again with the same object changes nothing.

        Raises:
            InvalidValue: it is no instance of a Middleware, or one of its hooks is async that must not be.
        """
        from conveyor.hooks import Hooks

        used = list(self.middleware)
        for new in middleware:
            if not any(new is each for each in used):
                used.append(new)
        if used:
            self.hooks = Hooks(used) if self.hooks is None else self.hooks.anew(used)

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def job_types(self) -> Registry:
        """The registered jobs, by type."""
        return self._registry

    @overload
    def job(self, function: type[C], /) -> type[C]: ...  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload] - a class is callable too: the first match is meant
    @overload
    def job(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncJob[P, R]: ...  # type: ignore[overload-overlap]  # likewise
    @overload
    def job(self, function: Callable[P, R], /) -> Job[P, R]: ...
    @overload
    def job(
        self,
        name: str | None = None,
        /,
        *,
        queue: str | None = None,
        priority: Priority | int | str = Priority.NORMAL,
        timeout: Duration | None = None,
        retry: RetryStrategy | None = None,
        max_crashes: int | None = None,
        expires: Duration | None = None,
        at_most_once: bool = False,
        lock: str | None = None,
        unique: Unique | None = None,
        on: type | tuple[type, ...] | None = None,
    ) -> JobDecorator: ...
    def job(
        self,
        function_or_name: Callable[..., Any] | str | None = None,
        /,
        *,
        queue: str | None = None,
        priority: Priority | int | str = Priority.NORMAL,
        timeout: Duration | None = None,
        retry: RetryStrategy | None = None,
        max_crashes: int | None = None,
        expires: Duration | None = None,
        at_most_once: bool = False,
        lock: str | None = None,
        unique: Unique | None = None,
        on: type | tuple[type, ...] | None = None,
    ) -> Any:
        """Register a job: a function, sync or async, or a class with `handle()` whose fields are its arguments.

        `@app.job` alone will do. A function becomes a Job, which can still be called and keeps its signature; a class
        stays the class it is.

        Args:
            name: the type, under which the store knows it: 1 to 200 visible characters. By itself module and qualified
                name, `shop.jobs.send_welcome`; a name of its own survives moving and renaming the function.
            queue: where it goes unless a push says otherwise; the application's default queue by itself.
            priority: a Priority, its number or its name.
            timeout: seconds or timedelta a run may take; as its queue says by itself, or else the application.
            retry: what follows a failure; as the application says by itself.
            max_crashes: how often its process may die under it before it is buried; 3 by itself.
            expires: seconds or timedelta after it is due by which it must have begun.
            at_most_once: it runs once and never again, whatever happens to that run: no retry, and a crash buries it.
            lock: of all jobs whose locks have one name, workers run one at a time; fields of the name are arguments,
                as in `report:{user_id}`. See `Conveyor.lock`, which shares these names.
            unique: which jobs of it are in the way of a push, unless the push says otherwise.
            on: the class of the events that it is pushed with, or several; see `emit`.

        Raises:
            InvalidValue: a setting breaks its rule, or this cannot be a job.
            DuplicateJobType: another job has that type.
        """

        def register(function: Callable[..., Any]) -> Any:
            job_type = JobType(
                function,
                default_name(function) if name is None else name,
                queue=self.default_queue if queue is None else queue,
                priority=priority,
                timeout=timeout,
                retry=retry,
                default_retry=self.retry,
                max_crashes=max_crashes,
                expires=expires,
                at_most_once=at_most_once,
                lock=lock,
                unique=unique,
                clock=self._now,
                codec=self.codec,
                payload_limit=self.payload_limit,
            )
            if on is not None:
                self.listeners.add_job(on, job_type)
            self._registry.add(job_type)
            if job_type.is_class:
                return function
            kind: type[AsyncJob[..., Any] | Job[..., Any]] = AsyncJob if job_type.is_async else Job
            return kind(self, job_type)

        if function_or_name is None or isinstance(function_or_name, str):
            name = function_or_name
            return register
        name = None
        return register(function_or_name)

    def queue(self, name: str, *, timeout: Duration | None = None) -> Queue:
        """The queue of this name.

        Args:
            name: 1 to 100 letters, digits and `_ . : -`.
            timeout: seconds or timedelta that jobs from this queue may run, where neither push nor job says; by itself
                what was said before, or else what the application says. For workers that load this application: say it
                where the application is made.

        Raises:
            InvalidValue: no queue may have that name, or the timeout is not above 0.
        """
        queue = Queue(self, name)
        if timeout is not None:
            self.queue_timeouts[name] = positive(timeout, "timeout")
        return queue

    def handle(self, id: JobId | UUID | str) -> JobHandle[Any]:
        """A handle on a job by its id, whoever pushed it. Reads nothing yet.

        Raises:
            InvalidValue: it is neither a UUID nor the text of one.
        """
        return JobHandle(self, job_id(id))

    def prepare(self, job: AnyJob, queue: str | None = None, *, parent: JobId | None = None) -> NewJob:
        """What `push` would store. `queue` is where it goes, whatever its job type says.

        Raises:
            PayloadError: the arguments do not fit the job, or take too many bytes.
            UnknownJobType: no such job is registered here.
            InvalidValue: the payload names another queue, or `job` is none of the three.
        """
        delivery = None
        if isinstance(job, JobPayload):
            delivery, job = job, job.job
            if queue is not None and delivery.queue is not None and delivery.queue != queue:
                raise InvalidValue(
                    f"queue is {delivery.queue!r} in a payload that is pushed to {queue!r}; push it to the one it names"
                )
        if isinstance(job, JobCall):
            job_type = self._registry.named(job.type)
            return job_type.new_job(job_type.dump(job.args, job.kwargs), delivery, queue=queue, parent=parent)
        check_job(job)
        job_type = self._registry.of(job)
        return job_type.new_job(job_type.dump_instance(job), delivery, queue=queue, parent=parent)

    @property
    def _conveyor(self) -> Conveyor:
        return self

    @property
    def _target(self) -> tuple[Conveyor, None]:
        return self, None

    def _now(self) -> int:
        return self.clock()

    def _open_own_after_fork(self) -> None:
        keep_for_ever((self._driver, self._aio))
        self._driver = self._aio = None
        self._lock = threading.Lock()
