"""What was pushed in a test, to be looked at and asserted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from conveyor.arguments import load_value
from conveyor.errors import InvalidValue
from conveyor.handle import JobHandle
from conveyor.job import AsyncJob, Job
from conveyor.job_type import JobType
from conveyor.options import JobMetadata, JobOptions
from conveyor.payload import JobCall, Runs
from conveyor.priority import Priority
from conveyor.records import JobStatus, StoredJob
from conveyor.times import moment

if TYPE_CHECKING:
    from conveyor.app import Conveyor

AnyType = Job[..., Any] | AsyncJob[..., Any] | type[Runs[Any]] | str
"""A registered function or class, or the name of a job type."""


@dataclass(frozen=True, slots=True)
class PushedJob:
    """A job as a test finds it.

    Attributes:
        type: the job type.
        arguments: by name, those left to their defaults too; of a class job, its fields.
        job: the call of a function job, or the instance of a class job.
        queue: where it was pushed to.
        priority: likewise, how urgent.
        run_at: when it is due, or was.
        unique: its unique key.
        metadata: what was pushed with it.
        status: where it is now.
        handle: a handle on it.
    """

    type: str
    arguments: Mapping[str, Any]
    job: JobCall[Any] | Runs[Any]
    queue: str
    priority: Priority
    run_at: datetime
    unique: str | None
    metadata: JobMetadata
    status: JobStatus
    handle: JobHandle[Any] = field(repr=False)

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.type}({arguments})"


Where = Mapping[str, Any] | Callable[[PushedJob], bool]
"""Which of the jobs: arguments by name, or a function that answers whether a job is meant."""


def read(app: Conveyor, stored: StoredJob) -> PushedJob:
    """A job as the store keeps it, with its arguments read."""
    job_type = app.job_types.get(stored.type)
    if job_type is None:
        arguments: dict[str, Any] = load_value(app.codec.decode(stored.payload, stored.type))
        job: JobCall[Any] | Runs[Any] = JobCall(stored.type, (), arguments)
    else:
        job = job_type.load_job(stored.payload)
        arguments = _arguments(job_type, job)
    return PushedJob(
        type=stored.type,
        arguments=arguments,
        job=job,
        queue=stored.queue,
        priority=Priority(stored.priority),
        run_at=moment(stored.due_at),
        unique=stored.unique,
        metadata=JobOptions.decode(stored.options).metadata or JobMetadata(),
        status=stored.status,
        handle=JobHandle(app, stored.id),
    )


def name_of(app: Conveyor, job: AnyType) -> str:
    """The job type that is meant.

    Raises:
        UnknownJobType: no such job is registered.
        InvalidValue: it is no job at all.
    """
    if isinstance(job, Job | AsyncJob):
        return job.name
    if isinstance(job, str):
        return app.job_types.named(job).name
    for each in app.job_types.values():
        if each.function is job:
            return each.name
    raise InvalidValue(f"{job!r} is no registered job; give the function or class under @app.job, or its type")


def matching(pushed: Sequence[PushedJob], name: str | None, where: Where | None) -> list[PushedJob]:
    """Those that are meant.

    Raises:
        InvalidValue: `where` names an argument that the job does not take.
    """
    return [each for each in pushed if name in (None, each.type) and _meets(each, where)]


def complaint(what: str, where: Where | None, pushed: Sequence[PushedJob], now: datetime) -> str:
    """What is wrong, and all that was pushed."""
    if callable(where):
        what += f" that {getattr(where, '__name__', 'where')} takes"
    elif where is not None:
        what += " with " + ", ".join(f"{name}={value!r}" for name, value in where.items())
    if not pushed:
        return f"{what}; nothing was pushed at all"
    lines = [f"  {each}  {_delivery(each, now)}" for each in pushed]
    return "\n".join([f"{what}. What was pushed:", *lines])


def _delivery(pushed: PushedJob, now: datetime) -> str:
    words = [pushed.status.value, f"queue {pushed.queue}"]
    if pushed.priority is not Priority.NORMAL:
        words.append(f"{pushed.priority.name.lower()} priority")
    if pushed.status.is_active and pushed.run_at > now:
        words.append(f"due in {(pushed.run_at - now).total_seconds():g} s")
    return ", ".join(words)


def _meets(pushed: PushedJob, where: Where | None) -> bool:
    if where is None:
        return True
    if callable(where):
        return where(pushed)
    for name in where:
        if name not in pushed.arguments:
            known = ", ".join(map(repr, pushed.arguments)) or "none"
            raise InvalidValue(f"where names {name!r}, and the arguments of {pushed.type!r} are {known}; name these")
    return all(pushed.arguments[name] == value for name, value in where.items())


def _arguments(job_type: JobType, job: JobCall[Any] | Runs[Any]) -> dict[str, Any]:
    signature = inspect.signature(job_type.function)
    if not isinstance(job, JobCall):
        return {name: getattr(job, name) for name in signature.parameters if hasattr(job, name)}
    bound = signature.bind(*job.args, **job.kwargs)
    bound.apply_defaults()
    return dict(bound.arguments)
