"""What becomes of jobs, as a history writes it down. Pure.

A job's version is eight times its attempt, and one of the ranks below: so that it only grows, in whatever order several
processes tell of the job, and telling the same twice changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from conveyor.history.records import HistoryEntry
from conveyor.records import Claim, Failure, JobId, JobStatus, NewJob, Outcome, Reason, StoredJob
from conveyor.times import SECOND
from conveyor.unique import Until

PUSHED: Final = 0
CLAIMED: Final = 1
SETTLED: Final = 2
OVERDUE: Final = 3
"""Buried while it waited."""
BACK: Final = 4
"""Brought back: from the dead letters, or because the store had lost it."""
CANCELLED: Final = 5
"""While it waited."""

FORGOTTEN: Final = 6
"""A dead letter that was deleted."""

RANKS: Final = 8

PUT_BACK: Final = "put back: the store had lost it"
REPLACED: Final = "another job stands for it"
CLEARED: Final = "its queue was cleared"
DELETED: Final = "deleted from the dead letters"

encode: Final = msgspec.json.Encoder().encode


class Move(msgspec.Struct, frozen=True, gc=False):
    """A job that has come to a version."""

    id: JobId
    version: int
    row: list[Any]
    """The job, as move.sql wants it."""
    event: list[Any] | None
    """What happened, as tell.sql wants it; `None` for a job that was pushed."""


def version_of(attempt: int, rank: int) -> int:
    """The version of a job in this attempt, so far."""
    return RANKS * attempt + rank


def pushed(job: NewJob, now: int) -> Move:
    """A job that is pushed."""
    run_at = now + round(job.delay * SECOND) if job.run_at is None else job.run_at
    expires_at = job.expires_at
    if expires_at is None and job.expires is not None:
        expires_at = now + round(job.expires * SECOND)
    slot = job.slot
    version = version_of(job.attempt, PUSHED)
    # fmt: off
    row = [job.id, job.queue, job.type, JobStatus.PENDING, version, job.priority, job.attempt, job.failures,
           job.crashes, job.max_crashes, now, max(run_at, now), expires_at, now, job.payload, job.options, job.unique,
           job.unique is not None and job.unique_until is not Until.START and job.unique_ttl is None,
           None if slot is None else slot.name, None if slot is None else slot.at, None, None, None, None]
    # fmt: on
    return Move(job.id, version, row, None)


def claimed(claim: Claim, worker: str, now: int) -> Move:
    """A job that a worker has taken."""
    return _run(
        claim, CLAIMED, now, JobStatus.PROCESSING, failures=claim.failures, crashes=claim.crashes, worker=worker
    )


def settled(outcome: Outcome, worker: str | None, now: int) -> Move:
    """A run that has ended."""
    claim, status, due_at = outcome.claim, outcome.status, None
    if status.is_active:
        due_at = claim.due_at if outcome.delay is None else now + round(outcome.delay * SECOND)
    return _run(
        claim,
        SETTLED,
        outcome.ended_at or now,
        status,
        failures=outcome.failures,
        crashes=outcome.crashes,
        worker=worker if outcome.failure is None or not outcome.failure.worker else outcome.failure.worker,
        due_at=due_at,
        result=outcome.result,
        reason=outcome.reason,
        note=outcome.note,
        failure=outcome.failure,
    )


def seen(job: StoredJob, rank: int, now: int, note: str | None = None) -> Move:
    """A job as the store has it, which got there by a step of this rank."""
    failure = job.errors[-1] if job.errors and job.status in _FAILED else None
    note = job.note if note is None else note
    at = job.finished_at or now
    if job.status is JobStatus.PROCESSING:
        at = job.started_at or now
    version = version_of(job.attempt, rank)
    # fmt: off
    row = [job.id, job.queue, job.type, job.status, version, job.priority, job.attempt, job.failures, job.crashes,
           job.max_crashes, job.pushed_at, job.due_at, job.expires_at, at, job.payload, job.options, job.unique, False,
           None, None, job.worker, job.result, job.reason, note]
    # fmt: on
    due_at = job.due_at if job.status.is_active else None
    return Move(job.id, version, row, _event(job.id, version, at, job.status, job.worker, due_at, note, failure))


def rank_of(job: StoredJob, before: JobStatus) -> int:
    """By what step a job got where the store has it, which was known in another status before."""
    if job.status is JobStatus.PROCESSING:
        return CLAIMED
    if job.status is JobStatus.CANCELLED:
        return CANCELLED
    if job.reason is Reason.EXPIRED and job.status is JobStatus.EXPIRED:
        return OVERDUE
    if job.status is JobStatus.PENDING and (before.is_failure or not job.attempt):
        return BACK
    return SETTLED


def put_back(entry: HistoryEntry, now: int) -> Move:
    """A job that the store had lost."""
    return _again(entry, JobStatus.PENDING, BACK, now, PUT_BACK)


def ended(entry: HistoryEntry, now: int, note: str) -> Move:
    """A job that will not run."""
    return _again(entry, JobStatus.CANCELLED, CANCELLED, now, note)


def is_forgotten(entry: HistoryEntry) -> bool:
    """Whether it was a dead letter, and was deleted."""
    return entry.version % RANKS == FORGOTTEN


def _again(entry: HistoryEntry, status: JobStatus, rank: int, now: int, note: str) -> Move:
    version = version_of(entry.attempt, rank)
    # fmt: off
    row = [entry.id, entry.queue, entry.type, status, version, entry.priority, entry.attempt, entry.failures,
           entry.crashes, entry.max_crashes, entry.pushed_at, entry.due_at, entry.expires_at, now, entry.payload,
           entry.options, entry.unique, entry.is_alone, entry.slot, entry.slot_at, entry.worker, None, None, note]
    # fmt: on
    due_at = entry.due_at if status.is_active else None
    return Move(entry.id, version, row, _event(entry.id, version, now, status, None, due_at, note, None))


def _run(
    claim: Claim,
    rank: int,
    at: int,
    status: JobStatus,
    *,
    failures: int,
    crashes: int,
    worker: str | None,
    due_at: int | None = None,
    result: str | None = None,
    reason: Reason | None = None,
    note: str | None = None,
    failure: Failure | None = None,
) -> Move:
    version = version_of(claim.attempt, rank)
    # fmt: off
    row = [claim.id, claim.queue, claim.type, status, version, claim.priority, claim.attempt, failures, crashes,
           claim.max_crashes, claim.pushed_at, claim.due_at if due_at is None else due_at, None, at, claim.payload,
           claim.options, None, False, None, None, worker, result, reason, note]
    # fmt: on
    return Move(claim.id, version, row, _event(claim.id, version, at, status, worker, due_at, note, failure))


def _event(  # noqa: PLR0917 - as the table has them
    id: JobId,
    version: int,
    at: int,
    status: JobStatus,
    worker: str | None,
    due_at: int | None,
    note: str | None,
    failure: Failure | None,
) -> list[Any]:
    return [id, version, at, status, worker, due_at, note, None if failure is None else encode(failure).decode()]


_FAILED: Final = frozenset({JobStatus.FAILED, JobStatus.EXPIRED, JobStatus.RETRYING})
