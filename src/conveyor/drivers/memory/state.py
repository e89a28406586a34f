"""What a memory store holds, and the one way in which a job changes its place."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from threading import Condition, RLock

from conveyor.drivers.memory.entry import WAITING, Entry, Place
from conveyor.drivers.memory.order import Order
from conveyor.measures import JobMetrics
from conveyor.records import (
    Counts,
    JobId,
    JobStatus,
    LockRecord,
    Progress,
    ScheduleRecord,
    Slot,
    WorkerRecord,
)


class QueueState:
    """The waiting jobs of one queue, and its counters."""

    __slots__ = ("counts", "delayed", "expiring", "held", "last_activity", "paused", "ready", "ready_since")

    def __init__(self) -> None:
        self.paused = False
        self.last_activity: int | None = None
        self.counts: dict[int, Counts] = {}
        self.ready = Order()
        """By score."""
        self.ready_since = Order()
        """The same jobs by due moment."""
        self.delayed = Order()
        self.held = Order()
        self.expiring = Order()
        """Those of the waiting jobs that can expire, by `expires_at`."""


class State:
    """Everything, under one lock. `changed` is told when a job may have become ready."""

    def __init__(self) -> None:
        self.changed = Condition(RLock())
        self.sequence = 0
        self.jobs: dict[JobId, Entry] = {}
        self.queues: dict[str, QueueState] = {}
        self.leases = Order()
        """The running jobs, by the end of their lease."""
        self.finished: dict[JobId, Entry] = {}
        """Completed and cancelled jobs, in the order in which they ended."""
        self.dead: dict[JobId, Entry] = {}
        """Dead letters, likewise."""
        self.unique: dict[tuple[str, str], JobId] = {}
        """By queue and key, the active job."""
        self.slots: dict[Slot, tuple[JobId, int]] = {}
        """Who took the slot, and when."""
        self.progress: dict[JobId, Progress] = {}
        self.workers: dict[str, WorkerRecord] = {}
        self.locks: dict[str, LockRecord] = {}
        self.fences: dict[str, int] = {}
        self.schedules: dict[str, ScheduleRecord] = {}
        self.metrics: dict[tuple[int, int, str, str], JobMetrics] = {}
        """By span, minute, type, queue."""
        self.memos: dict[str, str] = {}

    def queue(self, name: str) -> QueueState:
        """The queue, made if it was never used."""
        return self.queues.setdefault(name, QueueState())

    def counts(self, job: Entry) -> Counts:
        """The counters of the job's queue and priority."""
        return self.queue(job.queue).counts.setdefault(job.priority, Counts())

    def add(self, job: Entry) -> None:
        """Take in a new job."""
        self.jobs[job.id] = job
        self._enter(job)

    def delete(self, job: Entry) -> None:
        """Keep nothing of the job; a slot that it took stays taken."""
        self._leave(job)
        del self.jobs[job.id]
        self.progress.pop(job.id, None)

    @contextmanager
    def moving(self, job: Entry) -> Generator[None]:
        """Change the job inside the block: its places, current counters and unique key follow."""
        self._leave(job)
        try:
            yield
        finally:
            self._enter(job)

    def promote(self, queue: QueueState, now: int, limit: int) -> int:
        """Make delayed jobs that have become due ready; answer how many."""
        due = queue.delayed.up_to(now, limit)
        for job in due:
            with self.moving(job):
                job.place = Place.READY
        return len(due)

    def expire(self, queue: QueueState, now: int, limit: int | None = None) -> int:
        """Bury waiting jobs whose `expires_at` has come; answer how many."""
        overdue = queue.expiring.up_to(now, limit)
        for job in overdue:
            with self.moving(job):
                job.expire(now)
            self.counts(job).failed += 1
        return len(overdue)

    def _enter(self, job: Entry) -> None:
        for order, key in self._orders(job):
            order.add(key, job)
        if (ended := self._ended(job)) is not None:
            ended[job.id] = job
        self._count(job, 1)
        if job.unique is not None and job.status.is_active:
            self.unique[job.queue, job.unique] = job.id
        if job.place in WAITING:
            self.changed.notify_all()

    def _leave(self, job: Entry) -> None:
        for order, key in self._orders(job):
            order.remove(key, job)
        if (ended := self._ended(job)) is not None:
            del ended[job.id]
        self._count(job, -1)
        if job.unique is not None and job.status.is_active:
            del self.unique[job.queue, job.unique]

    def _count(self, job: Entry, step: int) -> None:
        if job.place is not Place.FINISHED:
            counts = self.counts(job)
            setattr(counts, job.place, getattr(counts, job.place) + step)

    def _ended(self, job: Entry) -> dict[JobId, Entry] | None:
        match job.place:
            case Place.FINISHED:
                return self.finished
            case Place.DEAD:
                return self.dead
            case _:
                return None

    def _orders(self, job: Entry) -> list[tuple[Order, int]]:
        """The orders that the job stands in, and its key in each."""
        queue = self.queue(job.queue)
        orders: list[tuple[Order, int]] = []
        match job.place:
            case Place.READY:
                orders += [(queue.ready, job.score), (queue.ready_since, job.due_at)]
            case Place.DELAYED:
                orders.append((queue.delayed, job.due_at))
            case Place.HELD:
                orders.append((queue.held, job.due_at))
            case Place.PROCESSING:
                assert job.lease_until is not None  # noqa: S101 - what the lines above mean, for the type checker
                orders.append((self.leases, job.lease_until))
            case Place.DEAD | Place.FINISHED:
                pass
        # A RETRYING job has begun, and cannot expire.
        if job.status is JobStatus.PENDING and job.expires_at is not None:
            orders.append((queue.expiring, job.expires_at))
        return orders
