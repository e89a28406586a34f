"""What a history says of jobs: moments in microseconds since 1970."""

from __future__ import annotations

import msgspec

from conveyor.records import Failure, JobId, JobStatus, Reason


class HistoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A job as the history knows it: how it was pushed, and how far it has come."""

    id: JobId
    queue: str
    type: str
    status: JobStatus
    version: int
    """Grows with each step of the job."""
    priority: int
    attempt: int
    failures: int
    crashes: int
    max_crashes: int
    pushed_at: int
    due_at: int
    expires_at: int | None
    changed_at: int
    """When it came to its status."""
    payload: str
    options: str
    unique: str | None
    is_alone: bool
    """Its unique key lets no other job be active, whatever that one has behind it."""
    slot: str | None
    slot_at: int | None
    worker: str | None
    """Who took it last."""
    result: str | None
    reason: Reason | None
    note: str | None


class HistoryEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One step in a job's life."""

    at: int
    status: JobStatus
    """What it came to."""
    attempt: int
    worker: str | None = None
    due_at: int | None = None
    """When it is due again, if it waits."""
    note: str | None = None
    failure: Failure | None = None


class HistoryStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """How many jobs a history has, all together and by what became of them."""

    total: int
    pending: int
    processing: int
    completed: int
    failed: int
    retrying: int
    cancelled: int
    expired: int


class Rebuilt(msgspec.Struct, frozen=True, kw_only=True):
    """What a rebuild did."""

    put_back: int
    """Jobs that the store had lost, and has again."""
    running: int
    """How many of these ran, as far as was known: they run again."""
    kept: int
    """Jobs still to be done that the store has not lost."""
    caught_up: int
    """Jobs of which the store knew more than the history, which knows it now."""
    replaced: int
    """Lost jobs that another one stands for, by its unique key or slot: they are cancelled."""
    dead_letters: int
    """Dead letters that the store had lost, and has again."""
