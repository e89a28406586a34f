"""Looking at jobs without touching them."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any, Final

import msgspec

from conveyor.drivers.base import STEP, grouped
from conveyor.drivers.redis.encoding import PRIORITIES, joined
from conveyor.drivers.redis.filters import meets
from conveyor.drivers.redis.part import Part
from conveyor.drivers.redis.records import all_stored
from conveyor.findings import DeadGroup
from conveyor.records import Counts, Filter, JobId, JobStatus, Page, QueueCounts, StoredJob

_CHUNK: Final = 500
"""Jobs fetched at a time on the way through many."""

_FINISHED: Final = frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED})
_DEAD: Final = frozenset({JobStatus.FAILED, JobStatus.EXPIRED})


class Look(Part):
    """The operations that only look; their promises stand in `drivers/base.py`."""

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        return all_stored(self._run("get", joined(ids))) if ids else []

    def find(self, where: Filter, *, limit: int = 100, cursor: JobId | None = None) -> Page:
        below = None if cursor is None else cursor.bytes
        found: list[StoredJob] = []
        if limit > 0:
            for job in self._every(where, below):
                found.append(job)
                # One more than asked for tells whether there is a next page.
                if len(found) > limit:
                    return Page(found[:limit], found[limit - 1].id)
        return Page(found, None)

    def counts(self, queues: Sequence[str] | None = None) -> list[QueueCounts]:
        if queues is None:
            return sorted(map(_queue_counts, self._run("counts", 0)), key=lambda counts: counts.queue)
        return [_queue_counts(answer) for answer in self._run("counts", 1, *queues)]

    def peek(self, queue: str, limit: int = 1) -> list[StoredJob]:
        answer = self._run("peek", queue, max(0, min(limit, STEP)), self._offsets)
        return [job for job in all_stored(answer) if job is not None]

    def dead_groups(self, where: Filter) -> list[DeadGroup]:
        dead = (_DEAD & frozenset(where.statuses)) if where.statuses else _DEAD
        if not dead:
            self._connections.check_open()
            return []
        return grouped(self._every(msgspec.structs.replace(where, statuses=tuple(dead)), None))

    def _every(self, where: Filter, below: bytes | None) -> Generator[StoredJob]:
        """The jobs that meet the filter, greatest id first."""
        for ids in _chunks(self._ids(where, below, rising=False)):
            for job in all_stored(self._run("get", b"".join(ids))):
                if job is not None and meets(job, where):
                    yield job

    def _oldest(self, where: Filter, statuses: frozenset[JobStatus]) -> Generator[JobId]:
        """The ids of the ended jobs that meet the filter, smallest first."""
        for ids in _chunks(self._ids(where, None, rising=True, among=statuses)):
            for job in all_stored(self._run("get", b"".join(ids))):
                if job is not None and job.status in statuses and meets(job, where):
                    yield job.id

    def _ids(
        self, where: Filter, below: bytes | None, *, rising: bool, among: frozenset[JobStatus] = frozenset(JobStatus)
    ) -> Generator[bytes]:
        """The ids of jobs among which all are that the filter may mean."""
        asked = among & frozenset(where.statuses or JobStatus)
        if where.ids:
            ids: set[bytes] | None = {id.bytes for id in where.ids}
        elif asked <= _DEAD:
            ids = self._ended("dead")
        elif asked <= _DEAD | _FINISHED and rising:
            ids = self._ended("dead") | self._ended("finished")
        elif asked <= {JobStatus.PROCESSING}:
            ids = set(self._connections.command("HKEYS", f"{self._key}:running"))
        else:
            ids = None
        if ids is None:
            yield from self._all_ids(below)
        else:
            yield from sorted((id for id in ids if below is None or id < below), reverse=not rising)

    def _ended(self, which: str) -> set[bytes]:
        """The ids in an order of ended jobs."""
        ids: set[bytes] = set()
        after = "-"
        while entries := self._connections.command("XRANGE", f"{self._key}:{which}", after, "+", "COUNT", 10 * _CHUNK):
            ids.update(fields[1][:16] for _, fields in entries)
            after = f"({entries[-1][0].decode()}"
        return ids

    def _all_ids(self, below: bytes | None) -> Generator[bytes]:
        """Every id, greatest first: the hashes that hold the records are in the order of ids."""
        top = "+inf" if below is None else str(int.from_bytes(below[:6]) // 1024)
        while seconds := self._connections.command(
            "ZREVRANGEBYSCORE", f"{self._key}:seconds", top, "-inf", "LIMIT", 0, 100
        ):
            for second in map(int, seconds):
                start = (second >> 6).to_bytes(4)
                fields = self._connections.command("HKEYS", f"{self._key}:job:{second}")
                ids = [start + field for field in fields]
                yield from sorted((id for id in ids if below is None or id < below), reverse=True)
            top = f"({int(seconds[-1])}"


def _chunks(ids: Generator[bytes]) -> Generator[list[bytes]]:
    """Some at a time; the first few soon, for most who look want the newest only."""
    chunk: list[bytes] = []
    size = 100
    for id in ids:
        chunk.append(id)
        if len(chunk) == size:
            yield chunk
            chunk, size = [], _CHUNK
    if chunk:
        yield chunk


def _queue_counts(answer: Any) -> QueueCounts:
    name, paused, oldest, flat, ready = answer
    by_priority: dict[int, Counts] = {}
    last_activity = None
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        level, _, counter = field.decode().partition(":")
        if not counter:
            last_activity = int(value)
        else:
            setattr(by_priority.setdefault(PRIORITIES[int(level)], Counts()), counter, int(value))
    for level, number in enumerate(ready):
        if number:
            by_priority.setdefault(PRIORITIES[level], Counts()).ready = number
    return QueueCounts(
        queue=name.decode(),
        paused=bool(paused),
        by_priority=by_priority,
        last_activity=last_activity,
        oldest_ready=int(oldest) if oldest else None,
    )
