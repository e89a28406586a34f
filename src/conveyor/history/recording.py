"""A driver that has a history written of what it does."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from conveyor.drivers.base import STEP, Driver
from conveyor.errors import ConveyorError, StoreError, StoreUnavailable
from conveyor.history import moves
from conveyor.history.delegate import Delegate
from conveyor.history.recorder import Told
from conveyor.history.upkeep import Upkeep
from conveyor.records import CancelAnswer, Claim, Edits, Filter, JobId, JobStatus, NewJob, Outcome, StoredJob, Tended
from conveyor.selection import DEAD
from conveyor.unique import OnConflict

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.history.history import History

_ENDED: Final = frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED, *DEAD})

LOOK_EVERY: Final = 5.0
"""Seconds between two looks of a worker for what a history was not told."""


class Recording:
    """Which queues of an application go into a history. Called with the store's driver, it answers one that records.

    Args:
        history: where to.
    """

    def __init__(self, history: History) -> None:
        self.history: Final = history
        self._queues: set[str] | None = set()

    @classmethod
    def of(cls, app: Conveyor, history: History) -> Recording:
        """The one that the application has, made if there is none."""
        for known in app.around_store:
            if isinstance(known, Recording) and known.history is history:
                return known
        made = cls(history)
        app.wrap_store(made)
        return made

    def __call__(self, driver: Driver) -> Driver:
        return RecordingDriver(driver, self)

    @property
    def queues(self) -> Sequence[str] | None:
        """The queues, by name; `None` for all."""
        return None if self._queues is None else sorted(self._queues)

    def add(self, queues: Sequence[str]) -> None:
        """Record these too, or all when there are none."""
        if not queues:
            self._queues = None
        elif self._queues is not None:
            self._queues.update(queues)

    def has(self, queue: str) -> bool:
        """Whether this queue is recorded."""
        return self._queues is None or queue in self._queues


class RecordingDriver(Delegate):
    """The store, and what it does to recorded queues is told to the history."""

    def __init__(self, inner: Driver, recording: Recording) -> None:
        super().__init__(inner)
        self.recording: Final = recording
        self._history: Final = recording.history
        self._upkeep: Final = Upkeep(recording, inner)
        self._looked_at = time.monotonic()

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        # What joins a transaction may never come to be: it is told of when it is claimed.
        if connection is not None or not any(self.recording.has(job.queue) for job in jobs):
            return self.inner.push(jobs, connection=connection)
        now = self._history.clock()
        try:
            fresh = self._history.store([moves.pushed(job, now) for job in jobs if self.recording.has(job.queue)])
        except StoreError as error:
            raise type(error)(f"the history cannot be written, so nothing was pushed: {error}") from error
        try:
            ids = self.inner.push(jobs)
        except StoreUnavailable:
            # Whether it was pushed nobody knows: a rebuild sees to it that it is.
            raise
        except ConveyorError:
            self._tell(sorted(fresh))
            raise
        self._stood_in([(job, id) for job, id in zip(jobs, ids, strict=True) if job.id != id], fresh)
        return ids

    def _stood_in(self, others: Sequence[tuple[NewJob, JobId]], fresh: set[JobId]) -> None:
        """Another job stands for each of these."""
        if not others:
            return
        self._tell([job.id for job, _ in others if job.id in fresh])
        if changed := [id for job, id in others if job.on_conflict is OnConflict.REPLACE]:
            self._tell_as_they_are(changed, moves.BACK, only={JobStatus.PENDING}, note="replaced by another push")

    def claim(self, queues: Sequence[str], *, limit: int, lease: float, worker: str) -> list[Claim]:
        claims = self.inner.claim(queues, limit=limit, lease=lease, worker=worker)
        if self._upkeep.has_doubts:
            self._history.recorder.ask(self._upkeep.settle_doubts)
        if claims:
            now = self._history.clock()
            self._tell([moves.claimed(claim, worker, now) for claim in claims if self.recording.has(claim.queue)])
        return claims

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        held = self.inner.settle(outcomes)
        now = self._history.clock()
        told: list[Told] = []
        for outcome, is_held in zip(outcomes, held, strict=True):
            if not is_held:
                continue
            if self.recording.has(outcome.claim.queue):
                told.append(moves.settled(outcome, None, now))
            told += [moves.pushed(job, now) for job in outcome.follow_ups if self.recording.has(job.queue)]
        self._tell(told)
        return held

    def settle_in(self, connection: object, outcome: Outcome) -> bool:
        # Whether the transaction will be committed nobody knows yet.
        self._doubt(outcome)
        return self.inner.settle_in(connection, outcome)

    async def asettle_in(self, connection: object, outcome: Outcome) -> bool:
        self._doubt(outcome)
        return await self.inner.asettle_in(connection, outcome)

    def _doubt(self, outcome: Outcome) -> None:
        if self.recording.has(outcome.claim.queue):
            self._upkeep.doubt(outcome.claim.id)

    def cancel(self, ids: Sequence[JobId]) -> list[CancelAnswer]:
        answers = self.inner.cancel(ids)
        done = [id for id, answer in zip(ids, answers, strict=True) if answer is CancelAnswer.CANCELLED]
        self._tell_as_they_are(list(dict.fromkeys(done)), moves.CANCELLED, only={JobStatus.CANCELLED})
        return answers

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def tend(self, types: Sequence[str] = ()) -> Tended:
        tended = self.inner.tend(types)
        if time.monotonic() - self._looked_at >= LOOK_EVERY or tended.expired:
            self._looked_at = time.monotonic()
            self._history.recorder.ask(self._upkeep.run_once)
        return tended

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        if where.queues and not any(self.recording.has(queue) for queue in where.queues):
            return self.inner.redrive(where, edits=edits, limit=limit)
        # In steps, each of them told of: interrupted, the history lacks one of them at most.
        done = 0
        ids = self._found(where, frozenset(DEAD).intersection(where.statuses or DEAD))[:limit]
        for start in range(0, len(ids), STEP):
            some = ids[start : start + STEP]
            done += self.inner.redrive(replace(where, ids=tuple(some)), edits=edits)
            self._tell_as_they_are(
                some, moves.BACK, only={JobStatus.PENDING}, note="brought back from the dead letters"
            )
        return done

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        if where.queues and not any(self.recording.has(queue) for queue in where.queues):
            return self.inner.forget(where, limit=limit)
        done = 0
        wanted = _ENDED & frozenset(where.statuses or _ENDED)
        if limit is None and (others := wanted.difference(DEAD)):
            # These no rebuild would bring back.
            done = self.inner.forget(replace(where, statuses=tuple(others)))
            wanted &= frozenset(DEAD)
        # In steps, each of them told of.
        ids = self._found(where, wanted)[:limit]
        for start in range(0, len(ids), STEP):
            some = ids[start : start + STEP]
            before = self.inner.get(some)
            done += self.inner.forget(replace(where, ids=tuple(some)))
            self._tell_forgotten(before)
        return done

    def _tell_forgotten(self, before: Sequence[StoredJob | None]) -> None:
        # Else a rebuild would bring them back, as it does with what was deleted behind the history's back.
        now = self._history.clock()
        dead = [job for job in before if job is not None and job.status in DEAD and self.recording.has(job.queue)]
        with suppress(StoreError):
            self._tell(
                [
                    moves.seen(replace(job, finished_at=now, errors=()), moves.FORGOTTEN, now, moves.DELETED)
                    for job, there in zip(dead, self.inner.get([job.id for job in dead]), strict=True)
                    if there is None
                ]
            )

    def _found(self, where: Filter, statuses: frozenset[JobStatus]) -> list[JobId]:
        """The jobs in one of these statuses that meet the filter, oldest first."""
        where = replace(where, statuses=tuple(statuses))
        found: list[JobId] = []
        cursor: JobId | None = None
        while where.statuses:
            page = self.inner.find(where, limit=STEP, cursor=cursor)
            found += [job.id for job in page.jobs]
            cursor = page.next
            if cursor is None:
                break
        return sorted(found)

    def clear(self, queue: str) -> int:
        if not self.recording.has(queue):
            return self.inner.clear(queue)
        # Before anything is deleted: a history that is away would have a rebuild bring it all back.
        last = self._history.last_open()
        done = self.inner.clear(queue)
        self._history.flush()
        cursor: JobId | None = None
        while page := self._history.open_jobs([queue], limit=STEP, cursor=cursor, last=last):
            waiting = [entry for entry in page if entry.status is not JobStatus.PROCESSING]
            now = self._history.clock()
            stored = self.inner.get([entry.id for entry in waiting])
            self._tell(
                [
                    moves.ended(entry, now, moves.CLEARED)
                    for entry, job in zip(waiting, stored, strict=True)
                    if job is None
                ]
            )
            cursor = page[-1].id
        return done

    def close(self) -> None:
        self._history.close()
        self.inner.close()

    # ── telling ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, told: Sequence[Told]) -> None:
        self._history.recorder.add(told)

    def _tell_as_they_are(self, ids: Sequence[JobId], rank: int, *, only: set[JobStatus], note: str = "") -> None:
        """Tell of jobs that the store has moved, as it has them now."""
        if not ids:
            return
        # Else workers find out in the course of time.
        with suppress(StoreError):
            now = self._history.clock()
            self._tell(
                [
                    moves.seen(job, rank, now, note or None)
                    for job in self.inner.get(ids)
                    if job is not None and job.status in only and self.recording.has(job.queue)
                ]
            )
