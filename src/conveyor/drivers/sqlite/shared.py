"""Shared state beside the jobs: workers, progress, locks, metrics, memos."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final
from uuid import UUID

import msgspec

from conveyor.drivers.sqlite.part import Part, micros, to_json
from conveyor.drivers.sqlite.statements import SQL
from conveyor.measures import JobMetrics
from conveyor.records import ClaimKey, JobId, LockRecord, Progress, WorkerRecord

_Keys: Final = msgspec.json.Decoder(list[ClaimKey])
_Workers: Final = msgspec.json.Decoder(list[WorkerRecord])
_Progresses: Final = msgspec.json.Decoder(list[tuple[UUID, Progress]])
_Locks: Final = msgspec.json.Decoder(list[LockRecord])
_Metrics: Final = msgspec.json.Decoder(list[JobMetrics])
_Memos: Final = msgspec.json.Decoder(list[tuple[str, str]])


class Shared(Part):
    """The operations on shared state; their promises stand in `drivers/base.py`."""

    def beat(self, worker: WorkerRecord) -> list[ClaimKey]:
        def record(writer: sqlite3.Connection) -> list[ClaimKey]:
            writer.execute(SQL["beat"], {"name": worker.name, "record": to_json(worker), "now": self._clock()})
            children = {"workers": to_json(worker.children)}
            return _Keys.decode(writer.execute(SQL["cancel_requests"], children).fetchone()[0])

        return self._database.write(record, hurry=False)

    def workers(self) -> list[WorkerRecord]:
        return _Workers.decode(self._database.read(SQL["workers"]))

    def leave(self, worker: str) -> None:
        self._database.write(lambda writer: writer.execute(SQL["leave_worker"], {"name": worker}))

    def write_progress(self, claim: ClaimKey, progress: Progress) -> bool:
        record = to_json(msgspec.structs.replace(progress, updated_at=self._clock()))
        row = {"id": str(claim.id), "attempt": claim.attempt, "record": record}
        return self._database.write(lambda writer: writer.execute(SQL["write_progress"], row).rowcount > 0)

    def read_progress(self, ids: Sequence[JobId]) -> list[Progress | None]:
        found = dict(_Progresses.decode(self._database.read(SQL["read_progress"], {"ids": to_json(list(ids))})))
        return [found.get(job_id) for job_id in ids]

    def acquire_lock(self, name: str, owner: str, ttl: float) -> LockRecord | None:
        def take(writer: sqlite3.Connection) -> LockRecord | None:
            now = self._clock()
            holder, fence, expires_at = writer.execute(SQL["lock_get"], {"name": name}).fetchone() or (None, 0, 0)
            is_held = holder is not None and expires_at > now
            if is_held and holder != owner:
                return None
            lock = LockRecord(
                name=name, owner=owner, fence=fence if is_held else fence + 1, expires_at=now + micros(ttl)
            )
            writer.execute(SQL["lock_put"], msgspec.structs.asdict(lock))
            return lock

        return self._database.write(take)

    def renew_lock(self, name: str, owner: str, ttl: float) -> bool:
        return self._change_lock(name, owner, owner, ttl)

    def release_lock(self, name: str, owner: str) -> bool:
        return self._change_lock(name, owner, None, 0.0)

    def _change_lock(self, name: str, owner: str, new_owner: str | None, ttl: float) -> bool:
        def change(writer: sqlite3.Connection) -> bool:
            now = self._clock()
            holder, fence, expires_at = writer.execute(SQL["lock_get"], {"name": name}).fetchone() or (None, 0, 0)
            if holder != owner or expires_at <= now:
                return False
            row = {"name": name, "owner": new_owner, "fence": fence, "expires_at": now + micros(ttl)}
            writer.execute(SQL["lock_put"], row)
            return True

        return self._database.write(change)

    def locks(self) -> list[LockRecord]:
        return _Locks.decode(self._database.read(SQL["locks"], {"now": self._clock()}))

    def add_metrics(self, metrics: Sequence[JobMetrics]) -> None:
        if not metrics:
            return

        def add(writer: sqlite3.Connection) -> None:
            recorded = writer.execute(SQL["metrics_of"], {"metrics": to_json(list(metrics))}).fetchone()[0]
            rows = {_key(each): each for each in _Metrics.decode(recorded)}
            for each in metrics:
                known = rows.get(_key(each))
                rows[_key(each)] = each if known is None else known.added(each)
            writer.execute(SQL["put_metrics"], {"metrics": to_json(list(rows.values()))})

        self._database.write(add, hurry=False)

    def read_metrics(self, *, since: int, until: int, span: int = 1) -> list[JobMetrics]:
        bounds = {"since": since, "until": until, "span": span}
        return _Metrics.decode(self._database.read(SQL["read_metrics"], bounds))

    def write_memo(self, name: str, text: str | None) -> None:
        if text is None:
            self._database.write(lambda writer: writer.execute(SQL["delete_memo"], {"name": name}))
        else:
            self._database.write(lambda writer: writer.execute(SQL["write_memo"], {"name": name, "text": text}))

    def read_memos(self, prefix: str = "") -> dict[str, str]:
        return dict(_Memos.decode(self._database.read(SQL["read_memos"], {"prefix": prefix})))


def _key(metrics: JobMetrics) -> tuple[int, int, str, str]:
    return metrics.span, metrics.minute, metrics.type, metrics.queue
