"""A job's life in order: what the store still knows of it."""

from __future__ import annotations

from collections.abc import Iterator

from conveyor.cli.words import short_type
from conveyor.records import Failure, JobStatus, StoredJob


def timeline(job: StoredJob) -> list[tuple[int, str]]:
    """Moments (microseconds since 1970) and what happened then, oldest first."""
    return sorted(_events(job), key=lambda event: event[0])


def _events(job: StoredJob) -> Iterator[tuple[int, str]]:
    yield job.pushed_at, f"pushed to {job.errors[0].queue if job.errors and job.errors[0].queue else job.queue}"
    for failure in job.errors:
        yield from _attempt(failure)
    attempts = {failure.attempt for failure in job.errors}
    if job.started_at is not None and job.attempt not in attempts:
        yield job.started_at, f"attempt {job.attempt} began{f' on {job.worker}' if job.worker else ''}"
    if job.status.is_active and job.attempt and job.status is not JobStatus.PROCESSING:
        yield job.due_at, "due again"
    if job.finished_at is not None:
        yield job.finished_at, _end(job)


def _attempt(failure: Failure) -> Iterator[tuple[int, str]]:
    where = f" on {failure.worker}" if failure.worker else ""
    if failure.started_at is not None:
        yield failure.started_at, f"attempt {failure.attempt} began{where}"
    if failure.ended_at is not None:
        error = f": {short_type(failure.error_type)}" if failure.error_type else ""
        yield failure.ended_at, f"attempt {failure.attempt} {failure.reason.value.replace('_', ' ')}{error}"


def _end(job: StoredJob) -> str:
    if job.status.is_failure:
        return f"to the dead letters of {job.queue}"
    return job.status.value
