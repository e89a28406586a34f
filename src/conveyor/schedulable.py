"""What a schedule can push."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from conveyor.errors import InvalidValue
from conveyor.job import AsyncJob, Job
from conveyor.payload import JobCall, JobPayload, Runs, check_job
from conveyor.records import NewJob
from conveyor.schedule import Overlap, Rule

if TYPE_CHECKING:
    from conveyor.app import Conveyor

Schedulable = Job[..., Any] | AsyncJob[..., Any] | JobPayload | JobCall[Any] | Runs[Any] | str
"""What a schedule can push: a registered function, whose arguments follow; a payload; a call; an instance of a class
job; or the name of a job type."""


@dataclass(frozen=True, slots=True)
class Declared:
    """A schedule that stands in the code. What it pushes is prepared anew each time, as any push is."""

    name: str
    rule: Rule
    job: JobPayload | JobCall[Any] | Runs[Any]


def call_of(job: Schedulable, args: tuple[Any, ...]) -> JobPayload | JobCall[Any] | Runs[Any]:
    """The job with its arguments, as `push` takes it.

    Raises:
        InvalidValue: it is no job, or its arguments are given twice.
    """
    if isinstance(job, Job | AsyncJob):
        return job.call(*args)
    if isinstance(job, str):
        return JobCall(job, args)
    if not isinstance(job, JobPayload):
        check_job(job)
    if args:
        raise InvalidValue(f"{job!r} has its arguments already, and {args!r} follow it; give them once")
    return job


def type_of(app: Conveyor, job: JobPayload | JobCall[Any] | Runs[Any]) -> str:
    """Its job type."""
    inner = job.job if isinstance(job, JobPayload) else job
    return inner.type if isinstance(inner, JobCall) else app.job_types.of(inner).name


def prepared(app: Conveyor, rule: Rule, job: JobPayload | JobCall[Any] | Runs[Any]) -> NewJob:
    """What is pushed for a slot, but for the slot.

    Raises:
        PayloadError, UnknownJobType: it cannot be pushed.
        InvalidValue: it says what the schedule says.
    """
    if isinstance(job, JobPayload):
        for option in ("id", "delay", "run_at", "debounce", "throttle"):
            if (given := getattr(job, option)) is not None:
                raise InvalidValue(
                    f"{option} is {given!r} in what a schedule pushes, which gives its jobs their own; drop it"
                )
        if isinstance(job.expires, datetime):
            raise InvalidValue(f"expires is {job.expires!r} in what a schedule pushes; give seconds or timedelta")
    new = app.prepare(job)
    if rule.overlap is Overlap.SKIP and new.unique is not None:
        raise InvalidValue(
            f"unique is {new.unique!r} and overlap is 'skip', which is a unique key of the schedule; drop one of them"
        )
    return new
