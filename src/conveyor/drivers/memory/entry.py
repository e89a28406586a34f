"""One job as the memory store keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from conveyor.drivers.base import MAX_ERRORS
from conveyor.measures import Memory
from conveyor.records import Claim, Failure, JobId, JobStatus, Reason, StoredJob
from conveyor.times import moment


class Place(StrEnum):
    """Which of the store's orders a job stands in. The first five are named like the fields of `Counts`."""

    READY = "ready"
    DELAYED = "delayed"
    HELD = "held"
    PROCESSING = "processing"
    DEAD = "dead"
    FINISHED = "finished"


WAITING: Final = frozenset({Place.READY, Place.DELAYED, Place.HELD})


@dataclass(slots=True, kw_only=True, eq=False)
class Entry:
    """What `StoredJob` shows, and the job's place. What decides its place changes only inside `State.moving`."""

    id: JobId
    sequence: int
    """Grows with every job pushed."""
    queue: str
    type: str
    priority: int
    payload: str
    options: str
    max_crashes: int
    pushed_at: int
    due_at: int
    score: int
    place: Place
    expires_at: int | None
    unique: str | None
    status: JobStatus = JobStatus.PENDING
    attempt: int = 0
    failures: int = 0
    crashes: int = 0
    lease_until: int | None = None
    worker: str | None = None
    cancel_requested: bool = False
    started_at: int | None = None
    finished_at: int | None = None
    result: str | None = None
    reason: Reason | None = None
    note: str | None = None
    errors: list[Failure] = field(default_factory=list[Failure])
    memory: Memory | None = None

    @classmethod
    def buried(cls, letter: StoredJob, sequence: int) -> Entry:
        """A dead letter, as it was."""
        return cls(
            id=letter.id,
            sequence=sequence,
            queue=letter.queue,
            type=letter.type,
            priority=letter.priority,
            payload=letter.payload,
            options=letter.options,
            max_crashes=letter.max_crashes,
            pushed_at=letter.pushed_at,
            due_at=letter.due_at,
            score=0,
            place=Place.DEAD,
            expires_at=letter.expires_at,
            unique=letter.unique,
            status=letter.status,
            attempt=letter.attempt,
            failures=letter.failures,
            crashes=letter.crashes,
            worker=letter.worker,
            started_at=letter.started_at,
            finished_at=letter.finished_at,
            reason=letter.reason,
            note=letter.note,
            errors=list(letter.errors),
            memory=letter.memory,
        )

    def add_error(self, failure: Failure) -> None:
        """Keep the failure; when there are too many, the oldest but the first goes."""
        self.errors.append(failure)
        if len(self.errors) > MAX_ERRORS:
            del self.errors[1]

    def end(self, status: JobStatus, now: int) -> None:
        """Become history or a dead letter."""
        self.status = status
        self.place = Place.DEAD if status.is_failure else Place.FINISHED
        self.finished_at = now
        self.lease_until = None
        self.cancel_requested = False

    def expire(self, now: int) -> None:
        """Become a dead letter: it had not begun before `expires_at`."""
        expiry = "its expiry" if self.expires_at is None else moment(self.expires_at).isoformat()
        self.end(JobStatus.EXPIRED, now)
        self.reason = Reason.EXPIRED
        self.note = None
        self.add_error(
            Failure(
                attempt=self.attempt,
                reason=Reason.EXPIRED,
                error_type="",
                message=f"expired: not begun before {expiry}",
                ended_at=now,
            )
        )

    def claimed(self) -> Claim:
        return Claim(
            id=self.id,
            attempt=self.attempt,
            type=self.type,
            queue=self.queue,
            priority=self.priority,
            payload=self.payload,
            options=self.options,
            failures=self.failures,
            crashes=self.crashes,
            max_crashes=self.max_crashes,
            pushed_at=self.pushed_at,
            due_at=self.due_at,
        )

    def stored(self) -> StoredJob:
        return StoredJob(
            id=self.id,
            queue=self.queue,
            type=self.type,
            status=self.status,
            priority=self.priority,
            payload=self.payload,
            options=self.options,
            attempt=self.attempt,
            failures=self.failures,
            crashes=self.crashes,
            max_crashes=self.max_crashes,
            pushed_at=self.pushed_at,
            due_at=self.due_at,
            expires_at=self.expires_at,
            unique=self.unique,
            lease_until=self.lease_until,
            worker=self.worker,
            cancel_requested=self.cancel_requested,
            started_at=self.started_at,
            finished_at=self.finished_at,
            result=self.result,
            reason=self.reason,
            note=self.note,
            held=self.place is Place.HELD,
            errors=tuple(self.errors),
            memory=self.memory,
        )
