"""The memory driver and time: tend, lapsed, held_by, wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from conveyor.drivers.base import STEP
from conveyor.drivers.memory.entry import Entry, Place
from conveyor.drivers.memory.room import Room
from conveyor.drivers.memory.state import QueueState, State
from conveyor.records import Claim, JobId, Tended
from conveyor.retention import METRICS_KEPT
from conveyor.times import SECOND

DAY: Final = 86_400.0


class Tending(Room):
    """See `drivers.base.Driver` for what each method promises."""

    def tend(self, types: Sequence[str] = ()) -> Tended:
        with self._step() as (state, now):
            # Pruning comes first: it is about what had ended before.
            pruned = [
                self._prune(state, state.finished, self._retention.finished_age, self._retention.finished_count, now),
                self._prune(state, state.dead, self._retention.dead_age, self._retention.dead_count, now),
                self._prune_metrics(state, now),
            ]
            self._prune_slots(state, now)
            self._forget_workers(state, now)
            expired = self._each_queue(state, lambda queue, left: state.expire(queue, now, left))
            promoted = self._each_queue(state, lambda queue, left: state.promote(queue, now, left))
            unheld = self._each_queue(state, lambda queue, left: self._unhold(state, queue, frozenset(types), left))
            return Tended(
                promoted=promoted,
                expired=expired,
                unheld=unheld,
                pruned=sum(pruned),
                more=STEP in {promoted, expired, unheld, *pruned},
            )

    @staticmethod
    def _each_queue(state: State, step: Callable[[QueueState, int], int]) -> int:
        """Take the step in every queue, by name, until STEP jobs have been touched; answer how many were."""
        touched = 0
        for _, queue in sorted(state.queues.items()):
            touched += step(queue, STEP - touched)
        return touched

    @staticmethod
    def _unhold(state: State, queue: QueueState, types: frozenset[str], limit: int) -> int:
        known = [job for job in queue.held.first() if job.type in types][:limit]
        for job in known:
            with state.moving(job):
                job.place = Place.READY
                job.note = None
        return len(known)

    @staticmethod
    def _prune(state: State, ended: dict[JobId, Entry], age: float | None, count: int | None, now: int) -> int:
        excess = 0 if count is None else len(ended) - count
        pruned = [
            job
            for place, job in enumerate(islice(ended.values(), STEP))
            if place < excess or (age is not None and (job.finished_at or 0) < now - round(age * SECOND))
        ]
        for job in pruned:
            state.delete(job)
        return len(pruned)

    def _prune_metrics(self, state: State, now: int) -> int:
        def is_old(span: int, minute: int) -> bool:
            age = min(self._retention.metrics_age, METRICS_KEPT[span])
            return minute + span <= (now - round(age * SECOND)) // (60 * SECOND)

        pruned = sorted((key for key in state.metrics if is_old(key[0], key[1])), key=lambda key: key[1])[:STEP]
        for key in pruned:
            del state.metrics[key]
        return len(pruned)

    def _prune_slots(self, state: State, now: int) -> None:
        age = self._retention.finished_age
        if age is None:
            return
        oldest = now - round(max(age, DAY) * SECOND)
        # Insertion order is the order in which they were taken.
        pruned = [slot for slot, (_, taken_at) in state.slots.items() if taken_at < oldest][:STEP]
        for slot in pruned:
            del state.slots[slot]

    @staticmethod
    def _forget_workers(state: State, now: int) -> None:
        silent = [name for name, worker in state.workers.items() if worker.beat_at < now - round(DAY * SECOND)]
        for name in silent[:STEP]:
            del state.workers[name]

    def lapsed(self, limit: int) -> list[Claim]:
        with self._step() as (state, now):
            return [job.claimed() for job in state.leases.up_to(now, max(0, limit))]

    def held_by(self, workers: Sequence[str]) -> list[Claim]:
        with self._step() as (state, _):
            return [job.claimed() for job in state.leases.first() if job.worker in workers]

    def wait(self, queues: Sequence[str], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        with self._state.changed:
            while True:
                # Through the property each time: a driver that is closed meanwhile must not wait on.
                state, now = self._state, self._clock()
                serving = [queue for name in queues if (queue := state.queues.get(name)) and not queue.paused]
                due = [key for queue in serving if (key := queue.delayed.first_key()) is not None]
                if any(len(queue.ready) for queue in serving) or any(key <= now for key in due):
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                # A second at most: a clock that a test sets moves without telling.
                state.changed.wait(min([left, 1.0, *((key - now) / SECOND for key in due)]))
