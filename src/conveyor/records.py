"""The records that pass between conveyor and a store: moments in microseconds since 1970, durations in seconds."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NewType
from uuid import UUID

import msgspec

from conveyor.measures import Memory
from conveyor.unique import OnConflict, Until

JobId = NewType("JobId", UUID)
"""A UUIDv7: it names one job for ever and sorts by the moment it was made."""


class JobStatus(StrEnum):
    """Where a job is in its life. `lifecycle.MOVES` says what may follow what."""

    PENDING = "pending"
    """Waiting: for its turn, for its due time, or for a worker that knows its type."""
    PROCESSING = "processing"
    """Claimed by a worker, under a lease."""
    COMPLETED = "completed"
    FAILED = "failed"
    """In the dead letters: its attempts are used up, it gave up, it crashed too often or cannot be read."""
    RETRYING = "retrying"
    """It failed and waits for its next attempt."""
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    """In the dead letters: its last attempt ran past the timeout, or it was not begun before `expires_at`."""

    @property
    def is_final(self) -> bool:
        """Over for good: completed, cancelled or expired; a failed job is kept to be redriven."""
        return self in _FINAL

    @property
    def is_active(self) -> bool:
        """Still to be done: pending, processing or retrying."""
        return self in _ACTIVE

    @property
    def is_failure(self) -> bool:
        """In the dead letters: failed or expired."""
        return self in _FAILURE


_FINAL: Final = frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED, JobStatus.EXPIRED})
_ACTIVE: Final = frozenset({JobStatus.PENDING, JobStatus.PROCESSING, JobStatus.RETRYING})
_FAILURE: Final = frozenset({JobStatus.FAILED, JobStatus.EXPIRED})


class Reason(StrEnum):
    """Why an attempt, or a whole job, came to a bad end."""

    FAILED = "failed"
    """It raised."""
    CRASHED = "crashed"
    """Its process or machine died under it, or its lease lapsed."""
    TIMED_OUT = "timed_out"
    """It ran past its timeout."""
    EXPIRED = "expired"
    """It was not begun before `expires_at`."""
    UNREADABLE = "unreadable"
    """Its stored payload does not fit the job's signature; the payload is kept as it is."""
    GIVEN_UP = "given_up"
    """It raised GiveUp."""


class Slot(msgspec.Struct, frozen=True):
    """One occurrence of a schedule: of all pushes that carry it, one happens."""

    name: str
    at: int


class NewJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job on its way into the store."""

    id: JobId
    queue: str
    type: str
    payload: str
    """The arguments: JSON, or the envelope of a codec."""
    options: str = ""
    """What only the worker reads (timeout, retry, metadata …), as JSON; "" for none."""
    priority: int = 500
    delay: float = 0.0
    """Seconds after the store's now at which it becomes due."""
    run_at: int | None = None
    """The moment at which it becomes due; wins over `delay`."""
    expires: float | None = None
    """Seconds after the store's now by which it must have begun."""
    expires_at: int | None = None
    """The moment by which it must have begun; wins over `expires`."""
    max_crashes: int = 3
    unique: str | None = None
    """While a job with this key is active in this queue, pushing another one changes nothing."""
    unique_until: Until = Until.FINAL
    """Which jobs with the key are in this one's way; they need not have been pushed with the same rule."""
    unique_ttl: float | None = None
    """Only jobs pushed less than so many seconds ago are in its way."""
    on_conflict: OnConflict = OnConflict.IGNORE
    slot: Slot | None = None
    attempt: int = 0
    """How often it was claimed before a store lost it; here it goes on from there. Likewise the next two."""
    failures: int = 0
    crashes: int = 0


class Claim(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The right to run a job once. (id, attempt) is the fence: every write on a running job carries it."""

    id: JobId
    attempt: int
    """How often the job has been claimed, this time included."""
    type: str
    queue: str
    priority: int
    payload: str
    options: str
    failures: int
    crashes: int
    max_crashes: int
    pushed_at: int
    due_at: int = 0
    """When it became ready to be claimed."""


class Failure(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one attempt came to a bad end; kept with the job, oldest first."""

    attempt: int
    reason: Reason
    error_type: str
    """The exception's dotted type, such as "builtins.ValueError"."""
    message: str
    traceback: str = ""
    worker: str = ""
    started_at: int | None = None
    ended_at: int | None = None
    queue: str = ""
    """Where the attempt was claimed: a redrive may move the job."""
    fingerprint: str = ""
    """The same for failures of one cause; see `failures.fingerprint_of`. Empty when it never ran."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """What became of a claim. Computed in `lifecycle.py`, applied by a driver's `settle`."""

    claim: Claim
    status: JobStatus
    delay: float | None = 0.0
    """Seconds after the store's now at which a PENDING or RETRYING job becomes due; `None` leaves it its place."""
    failures: int
    crashes: int
    result: str | None = None
    failure: Failure | None = None
    """Added to the job's failures."""
    reason: Reason | None = None
    """Why it goes to the dead letters (FAILED, EXPIRED)."""
    note: str | None = None
    """Why it was cancelled, or why it is held."""
    held: bool = False
    """PENDING, but not offered until a worker knows its type."""
    started_at: int | None = None
    ended_at: int | None = None
    follow_ups: tuple[NewJob, ...] = ()
    """Jobs that come to exist in the same step, if the claim still holds."""
    memory: Memory | None = None
    """What the run took, if it was measured; kept with jobs that end."""


class StoredJob(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a store knows about a job."""

    id: JobId
    queue: str
    type: str
    status: JobStatus
    priority: int
    payload: str
    options: str
    attempt: int
    failures: int
    crashes: int
    max_crashes: int
    pushed_at: int
    due_at: int
    """When it became, or becomes, ready to be claimed."""
    expires_at: int | None = None
    unique: str | None = None
    lease_until: int | None = None
    worker: str | None = None
    """Who holds it, or who held it last."""
    cancel_requested: bool = False
    """Only while it runs."""
    started_at: int | None = None
    """When its attempt was claimed; once the job has ended, when the last one began, if the outcome says so."""
    finished_at: int | None = None
    """When it ended, or went to the dead letters, by the store's clock."""
    result: str | None = None
    reason: Reason | None = None
    note: str | None = None
    held: bool = False
    errors: tuple[Failure, ...] = ()
    memory: Memory | None = None
    """What the run took that ended the job, if it was measured."""


class CancelAnswer(StrEnum):
    """What `cancel` did."""

    CANCELLED = "cancelled"
    """It was waiting, and will not run."""
    REQUESTED = "requested"
    """It is running; its worker has been asked to stop it."""
    TOO_LATE = "too_late"
    """It had ended already; nothing was changed."""
    UNKNOWN = "unknown"
    """No such job is kept."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which jobs: all conditions must hold; an empty one always does."""

    ids: tuple[JobId, ...] = ()
    queues: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    statuses: tuple[JobStatus, ...] = ()
    reasons: tuple[Reason, ...] = ()
    error: str = ""
    """A part of the last failure's type or message, case ignored."""
    fingerprint: str = ""
    """The last failure's fingerprint, exactly."""
    tag: str = ""
    """One of the tags in the job's metadata, exactly."""
    before: int | None = None
    """Pushed before this moment, or, for a finished job, finished before it."""
    after: int | None = None
    """Pushed (finished) at this moment or later."""


class Page(msgspec.Struct, frozen=True):
    """Some of what `find` found, newest id first, and where to go on."""

    jobs: list[StoredJob]
    next: JobId | None
    """Hand it in as `cursor` for the next page; `None` at the end."""


class Edits(msgspec.Struct, frozen=True, kw_only=True):
    """What to change in jobs that are redriven; `None` leaves a field as it is."""

    payload: str | None = None
    payloads: dict[JobId, str] = {}
    """Those of single jobs, which go before `payload`."""
    queue: str | None = None
    priority: int | None = None
    delay: float = 0.0


class Counts(msgspec.Struct, kw_only=True):
    """Counters of one priority in one queue. The first five say how many there are now, the others count since ever."""

    ready: int = 0
    delayed: int = 0
    held: int = 0
    processing: int = 0
    dead: int = 0
    pushed: int = 0
    popped: int = 0
    completed: int = 0
    failed: int = 0
    """Went to the dead letters."""
    retried: int = 0
    cancelled: int = 0


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The counters of one queue."""

    queue: str
    paused: bool
    by_priority: dict[int, Counts]
    last_activity: int | None
    """The moment of the last push, claim or settle."""
    oldest_ready: int | None
    """The moment at which the job that has been ready longest became so."""


class RunningJob(msgspec.Struct, frozen=True, kw_only=True):
    """A job that a worker runs."""

    id: JobId
    attempt: int
    type: str
    """Empty when the worker cannot tell."""
    started_at: int


class WorkerRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A worker as it reported itself at its last beat."""

    name: str
    host: str
    pid: int
    started_at: int
    queues: tuple[str, ...]
    state: str
    """starting, running or draining."""
    children: tuple[str, ...] = ()
    """The names under which it claims."""
    slots: int = 0
    """How many jobs it may run at a time, sync and async ones together."""
    running: int = 0
    jobs: tuple[RunningJob, ...] = ()
    """What it runs: those that have run longest, at most 20."""
    rss_bytes: int = 0
    last_claim_at: int | None = None
    """When the store last answered a claim of it."""
    trouble: str = ""
    """Why it is not ready to work; empty when it is."""
    beat_at: int = 0
    """Set by the store."""


class ClaimKey(msgspec.Struct, frozen=True):
    """The fence alone."""

    id: JobId
    attempt: int


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far a job is."""

    current: float
    total: float | None = None
    message: str = ""
    updated_at: int = 0
    """Set by the store."""
    rate: float | None = None
    """What it gets done a second, over the last 10 to 20 s; `None` until there is something to go by."""

    @property
    def percentage(self) -> float | None:
        """How much of the total is done, from 0 to 100; `None` without a total."""
        if self.total is None:
            return None
        return max(0.0, min(100.0, 100 * self.current / self.total)) if self.total > 0 else 100.0

    @property
    def eta(self) -> float | None:
        """Seconds it still took at this rate when it was updated; `None` when nobody can tell."""
        if self.total is None or not self.rate:
            return None
        return max(0.0, (self.total - self.current) / self.rate)


class LockRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A lock that is held."""

    name: str
    owner: str
    fence: int
    """Grows with every acquisition of this lock, for ever."""
    expires_at: int


class ScheduleRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a store keeps of a schedule."""

    name: str
    spec: str = ""
    """When it pushes what, as JSON; "" for one that is declared in code."""
    paused: bool = False
    handled_at: int
    """The moment up to which its slots have been taken, or passed over."""


class ScheduleBook(msgspec.Struct, frozen=True, kw_only=True):
    """The schedules a store keeps, and the moment by its clock."""

    now: int
    schedules: list[ScheduleRecord]


class Tended(msgspec.Struct, frozen=True, kw_only=True):
    """What one step of tending did."""

    promoted: int = 0
    expired: int = 0
    unheld: int = 0
    pruned: int = 0
    """Jobs and metrics."""
    more: bool = False
    """A step reached its bound: tend again soon."""
