"""The memory driver's hot path: push, claim, extend, settle, cancel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from conveyor.drivers.base import STEP
from conveyor.drivers.joining.nothing import JoinsNothing
from conveyor.drivers.memory.entry import WAITING, Entry, Place
from conveyor.drivers.memory.room import Room
from conveyor.drivers.memory.state import QueueState, State
from conveyor.drivers.memory.unique import rival_of, take_key
from conveyor.errors import InvalidValue
from conveyor.records import CancelAnswer, Claim, ClaimKey, JobId, JobStatus, NewJob, Outcome
from conveyor.times import SECOND
from conveyor.unique import OnConflict


class Jobs(Room, JoinsNothing):
    """See `drivers.base.Driver` for what each method promises."""

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        if connection is not None:
            raise InvalidValue(
                f"connection is {connection!r}, and a store in memory has no connections to join; push without it, "
                "or on a store such as sqlite:///conveyor.db"
            )
        with self._step() as (state, now):
            return [self._push(state, new, now) for new in jobs]

    def _push(self, state: State, new: NewJob, now: int) -> JobId:
        if new.id in state.jobs:
            return new.id
        if new.unique is not None and (rival := rival_of(state, new, now)):
            if new.on_conflict is OnConflict.REPLACE and rival.status is JobStatus.PENDING:
                self._replace(state, rival, new, now)
            return rival.id
        if new.slot is not None:
            if taken := state.slots.get(new.slot):
                return taken[0]
            state.slots[new.slot] = new.id, now
        take_key(state, new)
        due_at, expires_at = _moments(new, now)
        state.sequence += 1
        job = Entry(
            id=new.id,
            sequence=state.sequence,
            queue=new.queue,
            type=new.type,
            priority=new.priority,
            payload=new.payload,
            options=new.options,
            max_crashes=new.max_crashes,
            pushed_at=now,
            due_at=due_at,
            score=self._aging.score(new.priority, due_at),
            place=Place.DELAYED if due_at > now else Place.READY,
            expires_at=expires_at,
            unique=new.unique,
            attempt=new.attempt,
            failures=new.failures,
            crashes=new.crashes,
        )
        state.add(job)
        state.counts(job).pushed += 1
        state.queue(job.queue).last_activity = now
        return job.id

    def _replace(self, state: State, job: Entry, new: NewJob, now: int) -> None:
        """Let a waiting job become what was pushed in its stead."""
        with state.moving(job):
            job.type, job.payload, job.options = new.type, new.payload, new.options
            job.priority, job.max_crashes = new.priority, new.max_crashes
            job.failures = job.crashes = 0
            job.due_at, job.expires_at = _moments(new, now)
            job.score = self._aging.score(job.priority, job.due_at)
            job.place = Place.DELAYED if job.due_at > now else Place.READY
            job.note = None
        state.queue(job.queue).last_activity = now

    def claim(self, queues: Sequence[str], *, limit: int, lease: float, worker: str) -> list[Claim]:
        with self._step() as (state, now):
            serving: list[QueueState] = []
            for name in queues:
                queue = state.queues.get(name)
                if queue is not None and not queue.paused:
                    state.expire(queue, now)
                    state.promote(queue, now, STEP)
                    serving.append(queue)
            claims: list[Claim] = []
            for queue in serving:
                for job in queue.ready.first(max(0, min(limit, STEP) - len(claims))):
                    with state.moving(job):
                        job.status = JobStatus.PROCESSING
                        job.place = Place.PROCESSING
                        job.attempt += 1
                        job.lease_until = now + round(lease * SECOND)
                        job.worker = worker
                        job.started_at = now
                    state.counts(job).popped += 1
                    queue.last_activity = now
                    claims.append(job.claimed())
            return claims

    def extend(self, claims: Sequence[ClaimKey], lease: float) -> list[bool]:
        with self._step() as (state, now):
            answers: list[bool] = []
            for claim in claims:
                job = self._held(state, claim)
                if job is not None:
                    with state.moving(job):
                        job.lease_until = now + round(lease * SECOND)
                answers.append(job is not None)
            return answers

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        with self._step() as (state, now):
            answers: list[bool] = []
            follow_ups: list[NewJob] = []
            for outcome in outcomes:
                job = self._held(state, outcome.claim)
                if job is not None:
                    self._settle(state, job, outcome, now)
                    follow_ups += outcome.follow_ups
                answers.append(job is not None)
            for new in follow_ups:
                self._push(state, new, now)
            return answers

    def _settle(self, state: State, job: Entry, outcome: Outcome, now: int) -> None:
        status = outcome.status
        if job.cancel_requested and status in {JobStatus.PENDING, JobStatus.RETRYING}:
            status = JobStatus.CANCELLED
        with state.moving(job):
            job.failures = outcome.failures
            job.crashes = outcome.crashes
            job.result = outcome.result
            job.reason = outcome.reason
            job.note = outcome.note
            if outcome.failure is not None:
                job.add_error(outcome.failure)
            if status.is_active:
                job.status = status
                self._due(job, now, outcome.delay)
                if outcome.held:
                    job.place = Place.HELD
            else:
                job.end(status, now)
                job.memory = outcome.memory
                if outcome.started_at is not None:
                    job.started_at = outcome.started_at
        self._count_move(state, job, status)
        state.queue(job.queue).last_activity = now

    @staticmethod
    def _count_move(state: State, job: Entry, status: JobStatus) -> None:
        counts = state.counts(job)
        match status:
            case JobStatus.COMPLETED:
                counts.completed += 1
            case JobStatus.FAILED | JobStatus.EXPIRED:
                counts.failed += 1
            case JobStatus.RETRYING:
                counts.retried += 1
            case JobStatus.CANCELLED:
                counts.cancelled += 1
            case JobStatus.PENDING | JobStatus.PROCESSING:
                pass
            case _:
                assert_never(status)

    def cancel(self, ids: Sequence[JobId]) -> list[CancelAnswer]:
        with self._step() as (state, now):
            answers = {job_id: self._cancel(state, job_id, now) for job_id in dict.fromkeys(ids)}
            return [answers[job_id] for job_id in ids]

    def _cancel(self, state: State, job_id: JobId, now: int) -> CancelAnswer:
        job = state.jobs.get(job_id)
        if job is None:
            return CancelAnswer.UNKNOWN
        if job.place is Place.PROCESSING:
            job.cancel_requested = True
            return CancelAnswer.REQUESTED
        if job.place not in WAITING:
            return CancelAnswer.TOO_LATE
        with state.moving(job):
            job.end(JobStatus.CANCELLED, now)
            job.note = None
        self._count_move(state, job, JobStatus.CANCELLED)
        return CancelAnswer.CANCELLED


def _moments(new: NewJob, now: int) -> tuple[int, int | None]:
    """When it becomes due, and when it expires."""
    due_at = max(now, new.run_at if new.run_at is not None else now + round(new.delay * SECOND))
    if new.expires_at is None and new.expires is not None:
        return due_at, now + round(new.expires * SECOND)
    return due_at, new.expires_at
