"""Shared state beside the jobs: workers, progress, locks, metrics."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, Final, TypeVar
from uuid import UUID

import msgspec

from conveyor.drivers.redis.encoding import micros, pack
from conveyor.drivers.redis.part import Part
from conveyor.measures import JobMetrics
from conveyor.records import ClaimKey, JobId, LockRecord, Progress, WorkerRecord

_Worker: Final = msgspec.json.Decoder(WorkerRecord)
_Progress: Final = msgspec.json.Decoder(Progress)
_Name: Final = msgspec.msgpack.Decoder(tuple[str, str])
_Metrics: Final = msgspec.msgpack.Decoder(tuple[tuple[int, int, int, int, int], tuple[list[int], list[int], list[int]]])

_Record = TypeVar("_Record", WorkerRecord, Progress)

_MOMENT: Final = 8
"""Bytes in front of a record: the moment at which it was written."""


class Shared(Part):
    """The operations on shared state; their promises stand in `drivers/base.py`."""

    def beat(self, worker: WorkerRecord) -> list[ClaimKey]:
        flat: list[Any] = self._run("beat", worker.name, msgspec.json.encode(worker), *worker.children)
        return [ClaimKey(JobId(UUID(bytes=id)), attempt) for id, attempt in zip(flat[::2], flat[1::2], strict=True)]

    def workers(self) -> list[WorkerRecord]:
        records: list[bytes] = self._connections.command("HVALS", f"{self._key}:workers")
        workers = [worker for record in records if (worker := _dated(_Worker, record, "beat_at"))]
        return sorted(workers, key=lambda worker: worker.name)

    def leave(self, worker: str) -> None:
        self._run("leave", worker)

    def write_progress(self, claim: ClaimKey, progress: Progress) -> bool:
        return bool(self._run("write_progress", claim.id.bytes, claim.attempt, msgspec.json.encode(progress)))

    def read_progress(self, ids: Sequence[JobId]) -> list[Progress | None]:
        if not ids:
            self._connections.check_open()
            return []
        records = self._connections.command("HMGET", f"{self._key}:progress", *[id.bytes for id in ids])
        return [progress_in(record) for record in records]

    def acquire_lock(self, name: str, owner: str, ttl: float) -> LockRecord | None:
        answer = self._run("acquire_lock", name, owner, micros(ttl))
        return answer and LockRecord(name=name, owner=owner, fence=answer[0], expires_at=int(answer[1]))

    def renew_lock(self, name: str, owner: str, ttl: float) -> bool:
        return bool(self._run("change_lock", name, owner, micros(ttl)))

    def release_lock(self, name: str, owner: str) -> bool:
        return bool(self._run("change_lock", name, owner, 0))

    def locks(self) -> list[LockRecord]:
        locks = [
            LockRecord(name=name.decode(), owner=owner.decode(), fence=fence, expires_at=int(ends))
            for name, owner, fence, ends in self._run("locks")
        ]
        return sorted(locks, key=lambda lock: lock.name)

    def add_metrics(self, metrics: Sequence[JobMetrics]) -> None:
        if metrics:
            self._run("add_metrics", pack([_row(row) for row in metrics]))

    def read_metrics(self, *, since: int, until: int, span: int = 1) -> list[JobMetrics]:
        found: list[JobMetrics] = []
        for minute, flat in self._run("read_metrics", span, since, until):
            for name, values in zip(flat[::2], flat[1::2], strict=True):
                # What a foreign hand has damaged tells nothing, and keeps nobody from the rest.
                with contextlib.suppress(msgspec.MsgspecError, ValueError):
                    found.append(_metrics(int(minute), span, name, values))
        return sorted(found, key=lambda row: (row.minute, row.type, row.queue))

    def write_memo(self, name: str, text: str | None) -> None:
        key = f"{self._key}:memos"
        self._connections.command(*(("HDEL", key, name) if text is None else ("HSET", key, name, text)))

    def read_memos(self, prefix: str = "") -> dict[str, str]:
        flat: list[bytes] = self._connections.command("HGETALL", f"{self._key}:memos")
        memos = {
            name.decode("utf-8", "replace"): text.decode("utf-8", "replace")
            for name, text in zip(flat[::2], flat[1::2], strict=True)
        }
        return {name: memos[name] for name in sorted(memos) if name.startswith(prefix)}


def _dated(decoder: msgspec.json.Decoder[_Record], record: bytes, moment: str) -> _Record | None:
    """A record and when it was written; nothing where a foreign hand has damaged it."""
    try:
        found = decoder.decode(record[_MOMENT:])
    except (msgspec.MsgspecError, ValueError):
        return None
    return msgspec.structs.replace(found, **{moment: int.from_bytes(record[:_MOMENT])})


def progress_in(record: bytes | None) -> Progress | None:
    """The progress as write_progress.lua keeps it."""
    return None if record is None else _dated(_Progress, record, "updated_at")


def _row(row: JobMetrics) -> tuple[Any, ...]:
    # Text, for it names a field, and goes through Lua's MessagePack, which has no other.
    name = pack((row.type, row.queue)).decode("latin-1")
    numbers = (row.completed, row.failed, row.retried, row.duration_us, row.waited_us)
    return (row.span, row.minute, name, numbers, (_flat(row.buckets), _flat(row.waits), _flat(row.memory)))


def _flat(buckets: dict[int, int]) -> list[int]:
    return [number for pair in buckets.items() for number in pair]


def _metrics(minute: int, span: int, name: bytes, values: bytes) -> JobMetrics:
    type, queue = _Name.decode(name.decode().encode("latin-1"))
    (completed, failed, retried, duration_us, waited_us), (buckets, waits, memory) = _Metrics.decode(values)
    return JobMetrics(
        minute=minute,
        type=type,
        queue=queue,
        span=span,
        completed=completed,
        failed=failed,
        retried=retried,
        duration_us=duration_us,
        buckets=_buckets(buckets),
        waited_us=waited_us,
        waits=_buckets(waits),
        memory=_buckets(memory),
    )


def _buckets(flat: list[int]) -> dict[int, int]:
    return dict(sorted(zip(flat[::2], flat[1::2], strict=True)))
