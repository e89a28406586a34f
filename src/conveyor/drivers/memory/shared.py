"""What workers share through the memory driver: progress, locks, metrics, memos."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from conveyor.drivers.memory.room import Room
from conveyor.drivers.memory.state import State
from conveyor.findings import Finding
from conveyor.measures import JobMetrics
from conveyor.records import ClaimKey, JobId, LockRecord, Progress
from conveyor.times import SECOND


class Shared(Room):
    """See `drivers.base.Driver` for what each method promises."""

    def write_progress(self, claim: ClaimKey, progress: Progress) -> bool:
        with self._step() as (state, now):
            if self._held(state, claim) is None:
                return False
            state.progress[claim.id] = msgspec.structs.replace(progress, updated_at=now)
            return True

    def read_progress(self, ids: Sequence[JobId]) -> list[Progress | None]:
        with self._step() as (state, _):
            return [state.progress.get(job_id) for job_id in ids]

    def acquire_lock(self, name: str, owner: str, ttl: float) -> LockRecord | None:
        with self._step() as (state, now):
            held = self._lock(state, name, now)
            if held is not None and held.owner != owner:
                return None
            if held is None:
                state.fences[name] = state.fences.get(name, 0) + 1
            expires_at = now + round(ttl * SECOND)
            state.locks[name] = LockRecord(name=name, owner=owner, fence=state.fences[name], expires_at=expires_at)
            return state.locks[name]

    def renew_lock(self, name: str, owner: str, ttl: float) -> bool:
        with self._step() as (state, now):
            held = self._lock(state, name, now)
            if held is None or held.owner != owner:
                return False
            state.locks[name] = msgspec.structs.replace(held, expires_at=now + round(ttl * SECOND))
            return True

    def release_lock(self, name: str, owner: str) -> bool:
        with self._step() as (state, now):
            held = self._lock(state, name, now)
            if held is None or held.owner != owner:
                return False
            del state.locks[name]
            return True

    def locks(self) -> list[LockRecord]:
        with self._step() as (state, now):
            return [held for name in sorted(state.locks) if (held := self._lock(state, name, now))]

    @staticmethod
    def _lock(state: State, name: str, now: int) -> LockRecord | None:
        """The lock, if it is held and its time is not over."""
        lock = state.locks.get(name)
        return lock if lock is not None and lock.expires_at > now else None

    def add_metrics(self, metrics: Sequence[JobMetrics]) -> None:
        with self._step() as (state, _):
            for new in metrics:
                key = new.span, new.minute, new.type, new.queue
                old = state.metrics.get(key)
                state.metrics[key] = new if old is None else old.added(new)

    def read_metrics(self, *, since: int, until: int, span: int = 1) -> list[JobMetrics]:
        with self._step() as (state, _):
            keys = [key for key in sorted(state.metrics) if key[0] == span and since <= key[1] < until]
            return [state.metrics[key] for key in keys]

    def write_memo(self, name: str, text: str | None) -> None:
        with self._step() as (state, _):
            if text is None:
                state.memos.pop(name, None)
            else:
                state.memos[name] = text

    def read_memos(self, prefix: str = "") -> dict[str, str]:
        with self._step() as (state, _):
            return {name: state.memos[name] for name in sorted(state.memos) if name.startswith(prefix)}

    def now(self) -> int:
        with self._step() as (_, now):
            return now

    def diagnose(self) -> list[Finding]:
        with self._step():
            return [
                Finding(is_ok=True, text="the store lies in the memory of this process: its jobs are gone when it ends")
            ]
