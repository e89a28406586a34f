"""Workers as the memory driver knows them: beats, requests to cancel, leaving."""

from __future__ import annotations

import msgspec

from conveyor.drivers.memory.room import Room
from conveyor.records import ClaimKey, WorkerRecord


class Workers(Room):
    """See `drivers.base.Driver` for what each method promises."""

    def beat(self, worker: WorkerRecord) -> list[ClaimKey]:
        with self._step() as (state, now):
            state.workers[worker.name] = msgspec.structs.replace(worker, beat_at=now)
            return [
                ClaimKey(job.id, job.attempt)
                for job in state.leases.first()
                if job.cancel_requested and job.worker in worker.children
            ]

    def workers(self) -> list[WorkerRecord]:
        with self._step() as (state, _):
            return [state.workers[name] for name in sorted(state.workers)]

    def leave(self, worker: str) -> None:
        with self._step() as (state, _):
            state.workers.pop(worker, None)
