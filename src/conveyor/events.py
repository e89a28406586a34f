"""Events: what has happened, told to handlers here and now, and to jobs."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar, overload

from conveyor.callables import describe
from conveyor.errors import InvalidValue
from conveyor.job import AsyncJob, Job
from conveyor.pushing import apush_prepared, push_prepared

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.handle import JobHandle
    from conveyor.job_type import JobType
    from conveyor.records import NewJob

E = TypeVar("E")
T = TypeVar("T")
J = TypeVar("J", bound=Job[..., Any] | AsyncJob[..., Any])


class Listen(Protocol[E]):
    """What `@app.on(…)` answers: a function stays what it is, and a job too."""

    @overload
    def __call__(self, handler: J, /) -> J: ...
    @overload
    def __call__(self, handler: Callable[[E], T], /) -> Callable[[E], T]: ...


@dataclass(frozen=True, slots=True)
class Listener:
    """A handler, and when it is called: the highest priority first, equal ones in the order of registration."""

    handler: Callable[[Any], Any]
    priority: int
    number: int
    is_async: bool

    @property
    def place(self) -> tuple[int, int]:
        return -self.priority, self.number


class Listeners:
    """Who listens to which events: those of a class, and of the classes that it is derived from."""

    def __init__(self) -> None:
        self._handlers: Final[dict[type, list[Listener]]] = {}
        self._jobs: Final[dict[type, dict[str, JobType]]] = {}

    def add(self, event_type: type, handler: Callable[[Any], Any], priority: int) -> None:
        """Call the handler with each such event.

        Raises:
            InvalidValue: it cannot be called with an event, listens already, or the priority is no whole number.
        """
        _check_event_type(event_type)
        if type(priority) is not int:
            raise InvalidValue(f"priority is {priority!r}; give a whole number, the highest is called first")
        _check_takes_one(handler)
        known = self._handlers.setdefault(event_type, [])
        if any(each.handler == handler for each in known):
            raise InvalidValue(f"{describe(handler)} listens to {event_type.__name__} already; register it once")
        number = sum(map(len, self._handlers.values()))
        known.append(Listener(handler, priority, number, _is_async(handler)))

    def add_job(self, event_types: type | tuple[type, ...], job_type: JobType) -> None:
        """Push the job with each such event. The same job again, of a reloaded module, takes its own place.

        Raises:
            InvalidValue: the job does not take one event, or the types are none.
        """
        kinds = event_types if isinstance(event_types, tuple) else (event_types,)
        if not kinds:
            raise InvalidValue("on is (), which no event is; name one class or more")
        parameter = _check_takes_one(job_type.function)
        if parameter.annotation is inspect.Parameter.empty:
            raise InvalidValue(
                f"{describe(job_type.function)} takes its event as {parameter.name!r} without annotation, so a worker "
                f"would not know what to make of it; write `{parameter.name}: {kinds[0].__name__}`"
            )
        for kind in kinds:
            _check_event_type(kind)
            self._jobs.setdefault(kind, {})[job_type.name] = job_type

    def of(self, event: object) -> list[Listener]:
        """The handlers that are to be called, in order."""
        kinds = type(event).__mro__
        found = [each for kind in kinds for each in self._handlers.get(kind, ())]
        return sorted(found, key=attrgetter("place"))

    def jobs(self, event: object) -> list[NewJob]:
        """The jobs that are to be pushed.

        Raises:
            PayloadError: one of them cannot take this event.
        """
        found = {name: each for kind in type(event).__mro__ for name, each in self._jobs.get(kind, {}).items()}
        return [_new_job(job_type, event) for job_type in found.values()]


class Emits(ABC):
    """The application's side of events."""

    _listeners: Listeners | None = None

    @property
    @abstractmethod
    def _target(self) -> tuple[Conveyor, str | None]:
        """The application, first."""

    @property
    def listeners(self) -> Listeners:
        """Who listens to which events."""
        if self._listeners is None:
            self._listeners = Listeners()
        return self._listeners

    def on(self, event_type: type[E], /, *, priority: int = 0) -> Listen[E]:
        """Call a function with each event of a class, where it is emitted: `@app.on(UserRegistered)`.

        It is called with events of derived classes too, stays the function that it is, and may be async.

        Args:
            event_type: the class: a dataclass, a msgspec.Struct, an attrs class, a pydantic model, or any other.
            priority: the highest is called first; equal ones in the order in which they were registered.

        Raises:
            InvalidValue: the function cannot be called with an event, or listens to it already.
        """

        def register(handler: Any) -> Any:
            self.listeners.add(event_type, handler, priority)
            return handler

        return register

    def emit(self, event: object, *, connection: object | None = None) -> list[JobHandle[Any]]:
        """Tell what has happened: push the jobs that are registered `on` its class, then call the handlers.

        The jobs are pushed in one step, before any handler, so that they are lost neither to a handler that raises nor
        to one that takes the process down. When a handler raises, the others are called all the same, and what was
        raised is raised at the end: of several handlers as an ExceptionGroup.

        Args:
            event: an instance of the class.
            connection: your own open connection to the store: the jobs join its transaction, as with `push`.

        Raises:
            PayloadError: a job cannot take the event. Nothing has been pushed or called.
            InvalidValue: a handler is async, see `aemit`. Nothing has been pushed or called.
            StoreError: the jobs could not be pushed. No handler has been called.
        """
        app, jobs, listeners = self._prepared(event)
        for each in listeners:
            if each.is_async:
                raise InvalidValue(
                    f"{describe(each.handler)} listens to {type(event).__name__} and is async; use await app.aemit(…)"
                )
        handles = push_prepared(app, jobs, connection)
        errors: list[Exception] = []
        for each in listeners:
            try:
                each.handler(event)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are called, and it is raised below
                errors.append(_noted(error, each, event))
        _raise(errors, event)
        return handles

    async def aemit(self, event: object, *, connection: object | None = None) -> list[JobHandle[Any]]:
        """As `emit`. Handlers are called in the same order, one after another, async ones awaited."""
        app, jobs, listeners = self._prepared(event)
        handles = await apush_prepared(app, jobs, connection)
        errors: list[Exception] = []
        for each in listeners:
            try:
                answer = each.handler(event)
                if each.is_async:
                    await answer
            except Exception as error:  # noqa: BLE001 - likewise
                errors.append(_noted(error, each, event))
        _raise(errors, event)
        return handles

    def _prepared(self, event: object) -> tuple[Conveyor, list[NewJob], list[Listener]]:
        if isinstance(event, type):
            raise InvalidValue(f"event is the class {event.__name__}; emit one of it, such as {event.__name__}(…)")
        listeners = self.listeners
        return self._target[0], listeners.jobs(event), listeners.of(event)


def _new_job(job_type: JobType, event: object) -> NewJob:
    payload = job_type.dump_instance(job_type.function(event)) if job_type.is_class else job_type.dump((event,), {})
    return job_type.new_job(payload)


def _is_async(handler: Callable[..., Any]) -> bool:
    if isinstance(handler, AsyncJob) or inspect.iscoroutinefunction(handler):
        return True
    return inspect.iscoroutinefunction(getattr(handler, "__call__", None))  # noqa: B004 - an object whose call is async


def _check_event_type(event_type: object) -> None:
    if not isinstance(event_type, type):
        raise InvalidValue(f"{event_type!r} is no class; give the class of the events, such as UserRegistered")


def _check_takes_one(function: Callable[..., Any]) -> inspect.Parameter:
    """The parameter that takes the event."""
    signature = inspect.signature(function)
    try:
        signature.bind(object())
    except TypeError:
        raise InvalidValue(
            f"{describe(function)}{signature} cannot be called with an event alone; let it take one, and give a "
            "default to whatever else it takes"
        ) from None
    return next(iter(signature.parameters.values()))


def _noted(error: Exception, listener: Listener, event: object) -> Exception:
    error.add_note(f"raised by {describe(listener.handler)}, which listens to {type(event).__name__}")
    return error


def _raise(errors: Sequence[Exception], event: object) -> None:
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise ExceptionGroup(f"{len(errors)} handlers of {type(event).__name__} raised; its jobs are pushed", errors)
