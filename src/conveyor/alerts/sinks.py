"""Where alerts go: the log, functions, jobs. The web and the mail have files of their own."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable
from uuid import UUID

import msgspec

from conveyor.alerts.alert import Alert, AlertState, Severity, title
from conveyor.callables import default_name
from conveyor.errors import InvalidValue, PayloadError
from conveyor.job import AsyncJob, Job
from conveyor.payload import JobCall, JobPayload, check_type_name
from conveyor.pushing import push_prepared
from conveyor.records import NewJob

if TYPE_CHECKING:
    from logging import Logger

    from conveyor.app import Conveyor

# As in logging, which is slow to import, and programs that only push have no use for it.
_INFO: Final = 20
_LEVELS: Final = {Severity.INFO: _INFO, Severity.WARNING: 30, Severity.CRITICAL: 50}


@runtime_checkable
class Sink(Protocol):
    """Where alerts go. The same alert may come again, with the same id, when a worker died while it was told."""

    @property
    def name(self) -> str:
        """By which it is known beside the other sinks of a rule, and in the store; holds no secret."""
        ...

    def send(self, alert: Alert) -> None:
        """Take the alert; whatever is raised means that it was not taken, and it comes again later."""
        ...


class LogSink:
    """The log, under the name `conveyor.alerts`: at the level of the severity, and at INFO when it ends.

    Args:
        logger: another logger.
    """

    def __init__(self, logger: Logger | None = None) -> None:
        from logging import getLogger

        self._logger: Final = logger or getLogger("conveyor.alerts")
        self.name: Final = "log" if logger is None else f"log {logger.name}"

    def send(self, alert: Alert) -> None:
        """A line, with the alert's fields beside it."""
        level = _LEVELS[alert.severity] if alert.state is AlertState.FIRING else _INFO
        fields = {"event": "alert", "alert": msgspec.to_builtins(alert)}
        self._logger.log(level, "%s", title(alert), extra=fields)


class CallSink:
    """A function that is called with the alert, in the supervisor of a worker.

    What takes long or might crash belongs in a job instead.

    Args:
        function: takes an Alert; what it raises means that it comes again.
        name: see `Sink`; the function's name by itself.

    Raises:
        InvalidValue: it cannot be called, or is async.
    """

    def __init__(self, function: Callable[[Alert], object], *, name: str | None = None) -> None:
        self._function: Final = _function(function)
        self.name: Final = name or default_name(function)

    def send(self, alert: Alert) -> None:
        """Call it."""
        self._function(alert)


class JobSink:
    """A job that is pushed with the alert as its one argument, once for each alert, however often it is tried.

    Args:
        app: the application whose job it is.
        job: a registered function, which may take the alert as `Alert` or as a dict; or the name of a job type.
        queue: another queue than the job's own.

    Raises:
        InvalidValue: it is no such job.
        PayloadError: it takes something else than an alert.
    """

    def __init__(
        self, app: Conveyor, job: Job[..., Any] | AsyncJob[..., Any] | str, *, queue: str | None = None
    ) -> None:
        self._app: Final = app
        self.type: Final = _type_of(job)
        self._queue: Final = queue
        self.name: Final = f"job {self.type}"
        if self.type in app.job_types:
            self.check()

    def check(self) -> None:
        """Find out whether the job takes an alert.

        Raises:
            UnknownJobType, PayloadError: it does not.
        """
        self._prepared(sample())

    def send(self, alert: Alert) -> None:
        """Push it."""
        push_prepared(self._app, (self._prepared(alert),))

    def _prepared(self, alert: Alert) -> NewJob:
        """The push; the alert as an object where the job takes one, and as what JSON makes of it elsewhere."""
        try:
            return self._with(alert, alert)
        except PayloadError:
            return self._with(alert, msgspec.to_builtins(alert))

    def _with(self, alert: Alert, argument: object) -> NewJob:
        payload = JobPayload(JobCall(self.type, (argument,)), id=alert.id, queue=self._queue)
        return self._app.prepare(payload)


def _function(function: object) -> Callable[[Alert], object]:
    import inspect

    if not callable(function) or isinstance(function, type):
        raise InvalidValue(f"a sink is {function!r}; give a sink, a function that takes the alert, or a job")
    if inspect.iscoroutinefunction(function):
        raise InvalidValue(f"the sink {function!r} is async; give a function, or an async job")
    return function


def _type_of(job: object) -> str:
    if isinstance(job, Job | AsyncJob):
        return job.name
    if isinstance(job, str):
        return check_type_name(job)
    raise InvalidValue(f"job is {job!r}; give a registered function, or the name of a job type")


def sample() -> Alert:
    """An alert that says nothing, to try things with."""
    at = datetime(2000, 1, 1, tzinfo=UTC)
    return Alert(
        id=str(UUID(int=7 << 76 | 2 << 62)),
        rule="sample",
        state=AlertState.TEST,
        severity=Severity.INFO,
        subject="",
        message="",
        value=0.0,
        threshold=0.0,
        since=at,
        at=at,
        store="",
    )
