"""The driver contract: what every store promises. Each docstring sentence has a test in `tests/contract/`.

One operation is one atomic step on the store (`clear`, `redrive`, `forget`, `tend`, and in a claim the burying of
expired jobs, are many small ones). Moments are microseconds since 1970 by the store's clock, durations are seconds.
A store of many partitions (Redis with `?partitions=`, or a cluster) keeps some promises in each of them alone, see
decision 0013. Methods may be called from any thread. Every method raises StoreUnavailable when the store does not
answer in time, and StoreFull when it has no room; nothing else escapes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final, Protocol
from uuid import UUID

from conveyor.findings import DeadGroup, Finding
from conveyor.measures import JobMetrics
from conveyor.records import (
    CancelAnswer,
    Claim,
    ClaimKey,
    Edits,
    Filter,
    JobId,
    LockRecord,
    NewJob,
    Outcome,
    Page,
    Progress,
    QueueCounts,
    ScheduleBook,
    ScheduleRecord,
    StoredJob,
    Tended,
    WorkerRecord,
)

STEP: Final = 1000
"""How many jobs one bounded step touches at most: a claim's promotion (of each queue), tend, clear, redrive, forget."""

MAX_ERRORS: Final = 50
"""How many failures a job keeps: the first, and the newest ones."""


class Driver(Protocol):
    """One store. Open one with `drivers.open.open_driver(url)`."""

    @property
    def url(self) -> str:
        """The URL it was opened with, secrets left out."""
        ...

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        """Store the jobs, all or none, and answer their ids in order.

        A job due at once is ready; one due later (`run_at`, or `delay` seconds by the store's clock) is delayed. A
        `run_at` in the past means now: it gains no place in the order.
        An id that the store keeps already, waiting, running or ended, is left as it is and answered again.
        A job whose `unique` key is that of an active job in its queue is not stored; the active job's id is answered.
        Its own `unique_until` and `unique_ttl` say which jobs with the key are in its way: with START an active one
        that was claimed before is not, with SUCCESS the dead letter that was last buried with the key is too; with a
        `unique_ttl` only those pushed less than so many seconds ago are. An active job that has the key and is not in
        the way loses it to the job that is stored.
        With REPLACE a PENDING job in the way keeps its id, attempt, errors and `pushed_at`, and its place among those
        equal by score; all else becomes that of the new job, as if pushed now. Any other job in the way is left as it
        is.
        A job whose slot was taken before, under whatever id, is not stored; the id that took the slot is answered.
        Id, key and slot are tried in this order; a job that is not stored takes no slot, and no key from another.
        One that a store has lost brings its `attempt`, `failures` and `crashes`, and goes on counting from there. Such
        a one has no rule of uniqueness of its own.
        With `connection`, the caller's own open connection to the store, the jobs join its transaction: they exist
        exactly when the caller commits. A connection that this store cannot join raises InvalidValue.
        """
        ...

    async def apush(self, jobs: Sequence[NewJob], *, connection: object) -> list[JobId]:
        """As `push` with a `connection`, which may be an async one too; that one's event loop is not blocked."""
        ...

    def transaction(self) -> AbstractContextManager[Any]:
        """A transaction on a connection of its own, for the caller's work: the client library's connection.

        It is committed when the block ends, and rolled back when that raises. A store without any raises InvalidValue.
        """
        ...

    def atransaction(self) -> AbstractAsyncContextManager[Any]:
        """As `transaction`, on an async connection."""
        ...

    def claim(self, queues: Sequence[str], *, limit: int, lease: float, worker: str) -> list[Claim]:
        """Take up to `limit` (at most STEP) ready jobs: each becomes processing, its attempt grows, its lease starts.

        Order: `queues` as given; in a queue by score (see `priority.Aging`), then in the order they were pushed.
        Delayed jobs of these queues that have become due are promoted first, up to STEP of each queue.
        Paused queues are skipped: nothing of theirs is promoted or buried. PENDING jobs whose `expires_at` has come are
        never answered: all in these queues, delayed and held ones too, are buried as EXPIRED, with reason `expired` and
        a failure that says so. (A RETRYING job has begun, and cannot expire.)
        While a job is kept, no two callers receive the same (id, attempt). Does not block: `[]` when nothing is ready;
        see `wait`.
        `lease` is in seconds by the store's clock; a claim not extended in time is answered by `lapsed`.
        """
        ...

    def extend(self, claims: Sequence[ClaimKey], lease: float) -> list[bool]:
        """Let each claim's lease end `lease` seconds from now; answer, in order, which claims still hold their job.

        A lapsed lease can be extended as long as nobody else has taken the job.
        """
        ...

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        """End the runs of many claims in one step; answer, in order, which claims still held their job.

        An outcome whose claim (id, attempt) no longer holds changes nothing, nor do its follow-ups come to exist. Nor
        does one for a job of another queue or priority: its id was deleted and pushed again.
        COMPLETED and CANCELLED jobs become history with `result` or `note`. FAILED and EXPIRED ones become dead letters
        with `reason`. RETRYING and PENDING ones wait again: ready at once with `delay` 0, else delayed; their place in
        the order is that of a job pushed at their due moment. With `delay` None they are ready at once, in the place
        that they had. `held` ones are kept out of the order until `tend` is
        told of their type. `failures` and `crashes` are stored as given, and `failure` is added to the job's errors.
        `follow_ups` are pushed in the same step, by the rules of `push`.
        The unique key is free once the job has ended. A job that is asked to be cancelled and then is handed back
        (PENDING) or fails (RETRYING) ends as CANCELLED instead. The jobs' own moves come before all follow-ups,
        which may carry their unique keys. `memory` is kept with jobs that end.
        """
        ...

    def settle_in(self, connection: object, outcome: Outcome) -> bool:
        """As `settle` of one outcome in the transaction of `connection`: it counts exactly when the caller commits.

        A connection that this store cannot join raises InvalidValue.
        """
        ...

    async def asettle_in(self, connection: object, outcome: Outcome) -> bool:
        """As `settle_in`, on async connections too."""
        ...

    def cancel(self, ids: Sequence[JobId]) -> list[CancelAnswer]:
        """Cancel each job, in order: a waiting one is CANCELLED at once; a running one is marked, see `beat`.

        Asking again changes nothing, and an id that is named twice gets one answer twice. A job that has ended is left
        as it is, dead letters too.
        """
        ...

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def tend(self, types: Sequence[str] = ()) -> Tended:
        """One bounded step of housekeeping, safe to run from every worker at once.

        Promotes jobs that have become due, in all queues. Buries waiting jobs past their `expires_at` as EXPIRED.
        Offers held jobs again whose type is in `types`, at the place their due moment gives them. Prunes what had ended
        before: history and dead letters by the Retention, oldest first, metrics that it or METRICS_KEPT has no more
        use for, and slots taken longer ago than `finished_age` (and a day at least). Forgets workers that have not
        beaten for a day. Each of these touches at most STEP rows.
        """
        ...

    def lapsed(self, limit: int) -> list[Claim]:
        """Up to `limit` claims whose lease is over, the longest first. Looks only: the caller settles them."""
        ...

    def held_by(self, workers: Sequence[str]) -> list[Claim]:
        """The claims that these workers (the names given to `claim`) hold now. Looks only."""
        ...

    # ── wake ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def wait(self, queues: Sequence[str], timeout: float) -> bool:
        """Block until a job of these queues may be ready, at most `timeout` seconds; answer whether one may be.

        Returns at once when one is ready already, and when a delayed one becomes due. Another process's push wakes it
        within 10 ms. It may answer True in vain; it never misses a push for longer than three seconds. Paused queues do
        not wake.
        """
        ...

    # ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        """Each job, in order, wherever it is in its life; `None` for one that is not kept."""
        ...

    def find(self, where: Filter, *, limit: int = 100, cursor: JobId | None = None) -> Page:
        """Jobs that meet the filter, greatest id (newest) first, up to `limit`, after `cursor`."""
        ...

    def counts(self, queues: Sequence[str] | None = None) -> list[QueueCounts]:
        """The counters of these queues, in order, or of all, by name.

        A queue never used counts nothing, and is not in all; one that is paused is. A job that became due counts as
        delayed until a claim or tend promotes it. The cost does not grow with the backlog.
        """
        ...

    def peek(self, queue: str, limit: int = 1) -> list[StoredJob]:
        """The next ready jobs, up to `limit` (at most STEP), in the order `claim` would take them; paused or not."""
        ...

    def dead_groups(self, where: Filter) -> list[DeadGroup]:
        """The dead letters that meet the filter, counted by what they have in common; the most frequent first.

        Groups of one size: the one whose last was latest first.
        """
        ...

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        """Bring dead letters that meet the filter back to PENDING, oldest id first, up to `limit`; answer how many.

        Failures and crashes start from 0, `expires_at` is dropped, the errors are kept and `attempt` goes on growing;
        the place in the order is that of a job pushed now.
        `edits` are applied on the way. A dead letter whose unique key is taken by an active job loses the key.
        It ends, however fast jobs are buried meanwhile: it takes ids up to the greatest that has ended when it begins,
        and each once.
        """
        ...

    def bury(self, letters: Sequence[StoredJob]) -> list[bool]:
        """Store up to STEP dead letters that the store has lost, as they were; answer, in order, which were stored.

        One whose id the store keeps, waiting, running or ended, is not; nor one whose id was named before. They count
        as dead, and not as pushed or failed. To be pruned they come after those that are there.
        """
        ...

    def clear(self, queue: str) -> int:
        """Delete every job of the queue that waits when it begins: ready, delayed and held; answer how many.

        Running ones and dead letters stay. It ends, however fast jobs are pushed meanwhile: those may stay too.
        """
        ...

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        """Delete ended jobs (history and dead letters) that meet the filter, oldest id first; answer how many.

        It ends, however fast jobs do meanwhile: it takes ids up to the greatest that has ended when it begins.
        """
        ...

    def pause(self, queue: str) -> None:
        """Let no job of the queue be claimed until `resume`. Pushes go on, running jobs too. Again changes nothing."""
        ...

    def resume(self, queue: str) -> None:
        """End a pause, and wake waiting workers. Again changes nothing."""
        ...

    # ── workers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def beat(self, worker: WorkerRecord) -> list[ClaimKey]:
        """Record that the worker lives; answer the claims its children hold whose jobs someone asked to cancel."""
        ...

    def workers(self) -> list[WorkerRecord]:
        """Every worker that has beaten and not left, by name."""
        ...

    def leave(self, worker: str) -> None:
        """Forget a worker that stops."""
        ...

    # ── shared state ─────────────────────────────────────────────────────────────────────────────────────────────────

    def write_progress(self, claim: ClaimKey, progress: Progress) -> bool:
        """Record how far a job is; answer False, and change nothing, when the claim no longer holds."""
        ...

    def read_progress(self, ids: Sequence[JobId]) -> list[Progress | None]:
        """The last progress of each job, in order; kept as long as the job's record."""
        ...

    def acquire_lock(self, name: str, owner: str, ttl: float) -> LockRecord | None:
        """Take a lock for `ttl` seconds; `None` when another owner holds it. Its fence is greater than any before.

        An owner that holds it already is answered as by `renew_lock`, with the same fence.
        """
        ...

    def renew_lock(self, name: str, owner: str, ttl: float) -> bool:
        """Let a held lock end `ttl` seconds from now; False when this owner no longer holds it."""
        ...

    def release_lock(self, name: str, owner: str) -> bool:
        """Give a lock up; False when this owner no longer held it."""
        ...

    def locks(self) -> list[LockRecord]:
        """The locks held now, by name."""
        ...

    def schedules(self) -> ScheduleBook:
        """Every schedule that is kept, by name, and the present moment by the store's clock."""
        ...

    def add_schedule(self, schedule: ScheduleRecord) -> bool:
        """Keep a schedule; False, and nothing is changed, when one of its name is kept already."""
        ...

    def change_schedule(
        self, name: str, *, spec: str | None = None, paused: bool | None = None, handled_at: int | None = None
    ) -> bool:
        """Change what is given; `handled_at` only grows. False when no schedule of that name is kept."""
        ...

    def remove_schedule(self, name: str) -> bool:
        """Forget a schedule; False when no schedule of that name is kept. Slots it took stay taken."""
        ...

    def add_metrics(self, metrics: Sequence[JobMetrics]) -> None:
        """Add these to what is recorded for the same minute, span, type and queue."""
        ...

    def read_metrics(self, *, since: int, until: int, span: int = 1) -> list[JobMetrics]:
        """What was recorded of this span for the minutes from `since` up to, not including, `until`.

        By minute, type, queue. Both are minutes since 1970, as in JobMetrics.
        """
        ...

    def write_memo(self, name: str, text: str | None) -> None:
        """Keep a text under a name, in place of the one before, until told otherwise; `None` keeps none."""
        ...

    def read_memos(self, prefix: str = "") -> dict[str, str]:
        """The texts whose names begin with `prefix` (case matters), in the order of the names' code points."""
        ...

    # ── the store itself ─────────────────────────────────────────────────────────────────────────────────────────────

    def now(self) -> int:
        """The present by the store's clock."""
        ...

    def diagnose(self) -> list[Finding]:
        """What the store says of itself: version, settings, permissions; what could do harm comes with a remedy."""
        ...

    def close(self) -> None:
        """Let go of connections and files. Safe to call twice. A closed driver raises StoreUnavailable."""
        ...


def each_once(letters: Sequence[StoredJob], stored: Collection[UUID]) -> list[bool]:
    """What `bury` answers, by the ids that were stored: of two letters with one id the first was."""
    left = set(stored)
    answers: list[bool] = []
    for letter in letters:
        answers.append(letter.id in left)
        left.discard(letter.id)
    return answers
