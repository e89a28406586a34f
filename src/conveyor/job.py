"""What `@app.job` makes of a function: still the function, and the ways to push it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterable
from typing import TYPE_CHECKING, Any, Final, Generic, ParamSpec, Protocol, TypeVar, Unpack, cast, overload

from conveyor.errors import InvalidValue
from conveyor.handle import JobHandle
from conveyor.held import holding
from conveyor.job_type import JobType
from conveyor.payload import Delivery, JobCall, JobPayload, PushOptions, Runs
from conveyor.pushing import apush_prepared, push_prepared
from conveyor.records import NewJob

if TYPE_CHECKING:
    from conveyor.app import Conveyor

__all__ = ["AsyncJob", "Job", "JobDecorator", "JobType", "Pusher"]

_OPTIONS: Final = (*PushOptions.__annotations__, "connection")

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=Runs[Any])


class Pusher(Generic[P, R]):
    """Pushes one function job, always delivered alike. Made by `Job.options`.

    Attributes:
        job_type: the job as it is registered.
    """

    def __init__(
        self, app: Conveyor, job_type: JobType, delivery: Delivery | None = None, connection: object | None = None
    ) -> None:
        self._app: Final = app
        self._delivery: Final = delivery
        self._connection: Final = connection
        self.job_type: Final = job_type

    def push(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """Store a job with these arguments, to be run by a worker.

        Raises:
            PayloadError: the arguments do not fit the function, or take too many bytes.
            StoreError: the store refused it, or does not answer.
        """
        app = self._app
        job_type = self.job_type
        new = job_type.new_job(job_type.dump(args, kwargs), self._delivery)
        if self._connection is None and app.hooks is None and new.unique is None and holding.get() is None:
            return JobHandle(app, app.driver.push((new,))[0])
        return push_prepared(app, (new,), self._connection)[0]

    def push_many(self, calls: Iterable[tuple[Any, ...] | JobCall[R] | JobPayload]) -> list[JobHandle[R]]:
        """Store many jobs in one step, all or none, and answer their handles in order.

        Args:
            calls: each a tuple of positional arguments; or what `call` answers; or a JobPayload of that, which is
                delivered as it says.

        Raises:
            as `push`; InvalidValue: one of the calls is something else, or of another job.
        """
        return push_prepared(self._app, self._prepare(calls), self._connection)

    async def apush(self, *args: P.args, **kwargs: P.kwargs) -> JobHandle[R]:
        """As `push`. Pushes that wait at the same moment share one round trip, and its fate."""
        new = self.job_type.new_job(self.job_type.dump(args, kwargs), self._delivery)
        return (await apush_prepared(self._app, (new,), self._connection))[0]

    async def apush_many(self, calls: Iterable[tuple[Any, ...] | JobCall[R] | JobPayload]) -> list[JobHandle[R]]:
        """As `push_many`."""
        return await apush_prepared(self._app, self._prepare(calls), self._connection)

    def _prepare(self, calls: Iterable[tuple[Any, ...] | JobCall[R] | JobPayload]) -> list[NewJob]:
        prepared = [self._prepared(call) for call in calls]
        if self._delivery is not None and self._delivery.id is not None and len(prepared) > 1:
            raise InvalidValue(f"id is {self._delivery.id}, but {len(prepared)} jobs are pushed; an id names one job")
        return prepared

    def _prepared(self, call: tuple[Any, ...] | JobCall[Any] | JobPayload | Runs[Any]) -> NewJob:
        delivery = self._delivery
        if isinstance(call, tuple):
            return self.job_type.new_job(self.job_type.dump(call, {}), delivery)
        if isinstance(call, JobPayload):
            if delivery is not None:
                raise InvalidValue(f"{call!r} says itself how to deliver it; push it without options(…)")
            delivery, call = call, call.job
        if not isinstance(call, JobCall):
            raise InvalidValue(
                f"push_many was given {call!r}; give tuples of arguments, such as [(7,), (8,)], or {self._name}.call(…)"
            )
        if call.type != self.job_type.name:
            raise InvalidValue(
                f"push_many of {self.job_type.name!r} was given a job of type {call.type!r}; "
                "push mixed jobs with app.push_many"
            )
        return self.job_type.new_job(self.job_type.dump(call.args, call.kwargs), delivery)

    @property
    def _name(self) -> str:
        return getattr(self.job_type.function, "__name__", self.job_type.name)


class _FunctionJob(Pusher[P, R]):
    """What sync and async jobs share."""

    def __init__(self, app: Conveyor, job_type: JobType) -> None:
        super().__init__(app, job_type)
        # Its name, docstring, annotations and signature are the function's own.
        functools.update_wrapper(cast("Callable[..., Any]", self), job_type.function)

    def __repr__(self) -> str:
        return f"<job {self.job_type.name!r}: {self._name}>"

    @property
    def name(self) -> str:
        """The job type, such as "email.welcome"."""
        return self.job_type.name

    def call(self, *args: P.args, **kwargs: P.kwargs) -> JobCall[R]:
        """The job with these arguments, for a JobPayload or for `push` on a queue. Checked when it is pushed."""
        return JobCall(self.job_type.name, args, kwargs)

    def options(self, *, connection: object | None = None, **options: Unpack[PushOptions]) -> Pusher[P, R]:
        """Push with these options: `send_welcome.options(delay=300).push(7)`.

        Args:
            connection: your own open connection to the store's database, of a library that `Conveyor.push` names; with
                an async one, `apush`. The jobs join its transaction, and exist exactly when you commit.
            options: see `Delivery`.

        Raises:
            InvalidValue: an option breaks its rule.
        """
        if unknown := options.keys() - set(_OPTIONS):
            raise InvalidValue(f"no option is called {min(unknown)!r}; there are {', '.join(_OPTIONS)}")
        return Pusher(self._app, self.job_type, Delivery(**options) if options else None, connection)


class Job(_FunctionJob[P, R]):
    """A function that is a job. Called, it is the function, run here and now."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return cast("R", self.job_type.function(*args, **kwargs))


class AsyncJob(_FunctionJob[P, R]):
    """An `async def` function that is a job. Called, it answers the coroutine."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R]:
        return cast("Coroutine[Any, Any, R]", self.job_type.function(*args, **kwargs))


class JobDecorator(Protocol):
    """What `@app.job(…)` answers: a class stays what it is, a function becomes a Job."""

    @overload
    def __call__(self, function: type[C], /) -> type[C]: ...  # type: ignore[overload-overlap]  # pyright: ignore[reportOverlappingOverload] - a class is callable too: the first match is meant
    @overload
    def __call__(self, function: Callable[P, Coroutine[Any, Any, R]], /) -> AsyncJob[P, R]: ...  # type: ignore[overload-overlap]  # likewise
    @overload
    def __call__(self, function: Callable[P, R], /) -> Job[P, R]: ...
