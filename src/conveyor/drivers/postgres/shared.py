"""Shared state beside the jobs: workers, progress, locks, metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from conveyor.drivers.postgres.part import Part, micros, to_array, to_json
from conveyor.measures import JobMetrics
from conveyor.records import ClaimKey, JobId, LockRecord, Progress, WorkerRecord

_Worker: Final = msgspec.json.Decoder(WorkerRecord)
_Progress: Final = msgspec.json.Decoder(Progress)
_Buckets: Final = msgspec.json.Decoder(dict[int, int])


class Shared(Part):
    """The operations on shared state; their promises stand in `drivers/base.py`."""

    def beat(self, worker: WorkerRecord) -> list[ClaimKey]:
        parameters = {
            "name": worker.name,
            "record": to_json(worker),
            "children": to_json(worker.children),
            "now": self._now(),
        }
        return [ClaimKey(job_id, attempt) for job_id, attempt in self._database.run("beat", parameters)]

    def workers(self) -> list[WorkerRecord]:
        return [
            msgspec.structs.replace(_Worker.decode(record), beat_at=beat_at)
            for record, beat_at in self._database.run("workers")
        ]

    def leave(self, worker: str) -> None:
        self._database.run("leave", {"name": worker})

    def write_progress(self, claim: ClaimKey, progress: Progress) -> bool:
        row = {"id": claim.id, "attempt": claim.attempt, "record": to_json(progress), "now": self._now()}
        return bool(self._database.run("write_progress", row))

    def read_progress(self, ids: Sequence[JobId]) -> list[Progress | None]:
        found = {
            job_id: msgspec.structs.replace(_Progress.decode(record), updated_at=updated_at)
            for job_id, record, updated_at in self._database.run("read_progress", {"ids": to_array(ids)})
        }
        return [found.get(job_id) for job_id in ids]

    def acquire_lock(self, name: str, owner: str, ttl: float) -> LockRecord | None:
        rows = self._database.run(
            "acquire_lock", {"name": name, "owner": owner, "ttl": micros(ttl), "now": self._now()}
        )
        return LockRecord(name=name, owner=owner, fence=rows[0][0], expires_at=rows[0][1]) if rows else None

    def renew_lock(self, name: str, owner: str, ttl: float) -> bool:
        lock = {"name": name, "owner": owner, "ttl": micros(ttl), "now": self._now()}
        return bool(self._database.run("renew_lock", lock))

    def release_lock(self, name: str, owner: str) -> bool:
        return bool(self._database.run("release_lock", {"name": name, "owner": owner, "now": self._now()}))

    def locks(self) -> list[LockRecord]:
        return [
            LockRecord(name=name, owner=owner, fence=fence, expires_at=expires_at)
            for name, owner, fence, expires_at in self._database.run("locks", {"now": self._now()})
        ]

    def add_metrics(self, metrics: Sequence[JobMetrics]) -> None:
        if not metrics:
            return
        rows: dict[tuple[int, int, str, str], JobMetrics] = {}
        for each in metrics:
            key = each.span, each.minute, each.type, each.queue
            known = rows.get(key)
            rows[key] = each if known is None else known.added(each)
        self._database.run("add_metrics", {"metrics": to_json(list(rows.values()))})

    def read_metrics(self, *, since: int, until: int, span: int = 1) -> list[JobMetrics]:
        return [
            JobMetrics(
                minute=minute,
                type=type,
                queue=queue,
                span=span,
                completed=completed,
                failed=failed,
                retried=retried,
                duration_us=duration_us,
                buckets=_Buckets.decode(buckets),
                waited_us=waited_us,
                waits=_Buckets.decode(waits),
                memory=_Buckets.decode(memory),
            )
            for (
                minute,
                type,
                queue,
                span,
                completed,
                failed,
                retried,
                duration_us,
                buckets,
                waited_us,
                waits,
                memory,
            ) in self._database.run("read_metrics", {"since": since, "until": until, "span": span})
        ]

    def write_memo(self, name: str, text: str | None) -> None:
        if text is None:
            self._database.run("delete_memo", {"name": name})
        else:
            self._database.run("write_memo", {"name": name, "text": text})

    def read_memos(self, prefix: str = "") -> dict[str, str]:
        return dict(self._database.run("read_memos", {"prefix": prefix}))
