"""The memory driver for people: redrive, clear, forget, pause, resume."""

from __future__ import annotations

from collections.abc import Sequence

from conveyor.drivers.memory.entry import WAITING, Entry, Place
from conveyor.drivers.memory.looking import meets
from conveyor.drivers.memory.room import Room
from conveyor.drivers.memory.state import State
from conveyor.records import Edits, Filter, JobStatus, StoredJob


class People(Room):
    """See `drivers.base.Driver` for what each method promises."""

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        with self._step() as (state, now):
            chosen = self._oldest(state, where, frozenset({Place.DEAD}), limit)
            for job in chosen:
                with state.moving(job):
                    self._redrive(state, job, edits or Edits(), now)
            return len(chosen)

    def _redrive(self, state: State, job: Entry, edits: Edits, now: int) -> None:
        job.payload = edits.payloads.get(job.id, job.payload if edits.payload is None else edits.payload)
        job.queue = job.queue if edits.queue is None else edits.queue
        job.priority = job.priority if edits.priority is None else edits.priority
        job.status = JobStatus.PENDING
        job.failures = 0
        job.crashes = 0
        job.expires_at = None
        job.finished_at = None
        job.reason = None
        job.note = None
        job.memory = None
        if job.unique is not None and (job.queue, job.unique) in state.unique:
            job.unique = None
        # Its place in the order is that of a job pushed now.
        state.sequence += 1
        job.sequence = state.sequence
        self._due(job, now, edits.delay)

    def bury(self, letters: Sequence[StoredJob]) -> list[bool]:
        with self._step() as (state, _):
            return [self._bury(state, letter) for letter in letters]

    @staticmethod
    def _bury(state: State, letter: StoredJob) -> bool:
        if letter.id in state.jobs:
            return False
        state.sequence += 1
        state.add(Entry.buried(letter, state.sequence))
        return True

    def clear(self, queue: str) -> int:
        with self._step() as (state, _):
            waiting = [job for job in state.jobs.values() if job.queue == queue and job.place in WAITING]
            for job in waiting:
                state.delete(job)
            return len(waiting)

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        with self._step() as (state, _):
            chosen = self._oldest(state, where, frozenset({Place.DEAD, Place.FINISHED}), limit)
            for job in chosen:
                state.delete(job)
            return len(chosen)

    @staticmethod
    def _oldest(state: State, where: Filter, places: frozenset[Place], limit: int | None) -> list[Entry]:
        """The jobs in these places that meet the filter, oldest id first."""
        chosen = [job for job in state.jobs.values() if job.place in places and meets(job, where)]
        return sorted(chosen, key=lambda job: job.id)[:limit]

    def pause(self, queue: str) -> None:
        with self._step() as (state, _):
            state.queue(queue).paused = True

    def resume(self, queue: str) -> None:
        with self._step() as (state, _):
            if known := state.queues.get(queue):
                known.paused = False
                state.changed.notify_all()
