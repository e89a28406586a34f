"""Looking at jobs without touching them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec

from conveyor.drivers.base import STEP
from conveyor.drivers.redis.encoding import PRIORITIES, joined
from conveyor.drivers.redis.filters import meets
from conveyor.drivers.redis.part import Part
from conveyor.drivers.redis.records import all_stored
from conveyor.findings import DeadGroup, grouped
from conveyor.records import Counts, Filter, JobId, JobStatus, Page, QueueCounts, StoredJob

_CHUNK: Final = 500
"""Jobs fetched at a time on the way through many."""

_LEVELS: Final = frozenset("0123")

_FINISHED: Final = frozenset({JobStatus.COMPLETED, JobStatus.CANCELLED})
_DEAD: Final = frozenset({JobStatus.FAILED, JobStatus.EXPIRED})


class Look(Part):
    """The operations that only look; their promises stand in `drivers/base.py`."""

    _crowd: tuple[int, list[bytes]] | None = None
    """A second that had more ids than are fetched at a time, and the ids, smallest first."""

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        return all_stored(self._run("get", joined(ids))) if ids else []

    def find(self, where: Filter, *, limit: int = 100, cursor: JobId | None = None) -> Page:
        below = None if cursor is None else cursor.bytes
        found: list[StoredJob] = []
        if limit > 0:
            for job in self.every(where, below, limit + 1):
                found.append(job)
                # One more than asked for tells whether there is a next page.
                if len(found) > limit:
                    return Page(found[:limit], found[limit - 1].id)
        return Page(found, None)

    def counts(self, queues: Sequence[str] | None = None) -> list[QueueCounts]:
        if queues is None:
            return sorted(map(queue_counts, self._run("counts", 0)), key=lambda counts: counts.queue)
        return [queue_counts(answer) for answer in self._run("counts", 1, *queues)]

    def peek(self, queue: str, limit: int = 1) -> list[StoredJob]:
        answer = self._run("peek", queue, max(0, min(limit, STEP)), self._offsets)
        return [job for job in all_stored(answer) if job is not None]

    def dead_groups(self, where: Filter) -> list[DeadGroup]:
        self._connections.check_open()
        return grouped(self.dead(where))

    def dead(self, where: Filter) -> Iterable[StoredJob]:
        """The dead letters that meet the filter."""
        dead = (_DEAD & frozenset(where.statuses)) if where.statuses else _DEAD
        return self.every(msgspec.structs.replace(where, statuses=tuple(dead)), None, _CHUNK) if dead else ()

    def every(self, where: Filter, below: bytes | None, enough: int) -> Generator[StoredJob]:
        """The jobs that meet the filter, greatest id first. The first look is for as many as may be `enough`."""
        size = min(enough, _CHUNK)
        rest = _but_ids(where)
        for ids in _chunks(self._ids(where, below, rising=False, size=size), size):
            for job in all_stored(self._run("get", b"".join(ids))):
                if job is not None and meets(job, rest):
                    yield job

    def oldest(self, where: Filter, statuses: frozenset[JobStatus]) -> Generator[StoredJob]:
        """The ended jobs that meet the filter, smallest id first."""
        rest = _but_ids(where)
        for ids in _chunks(self._ids(where, None, rising=True, among=statuses), _CHUNK):
            for job in all_stored(self._run("get", b"".join(ids))):
                if job is not None and job.status in statuses and meets(job, rest):
                    yield job

    def _ids(
        self,
        where: Filter,
        below: bytes | None,
        *,
        rising: bool,
        among: frozenset[JobStatus] = frozenset(JobStatus),
        size: int = _CHUNK,
    ) -> Iterator[bytes]:
        """The ids of jobs among which all are that the filter may mean; fetched `size` at first, where that can be."""
        asked = among & frozenset(where.statuses or JobStatus)
        if where.ids:
            ids = {id.bytes for id in where.ids}
        elif asked <= _DEAD:
            return self._dead_rising() if rising else self._dead_falling(below, size)
        elif asked <= _DEAD | _FINISHED and rising:
            ids = self._finished().union(self._dead_rising())
        elif asked <= {JobStatus.PROCESSING}:
            ids = set(self._connections.command("HKEYS", f"{self._key}:running"))
        else:
            return self._all_ids(below)
        return iter(sorted((id for id in ids if below is None or id < below), reverse=not rising))

    def _dead_falling(self, below: bytes | None, size: int) -> Generator[bytes]:
        """The ids of dead letters, greatest first; so many are fetched first."""
        key, top = f"{self._key}:dead-ids", b"+" if below is None else b"(" + below
        while ids := self._connections.command("ZREVRANGEBYLEX", key, top, "-", "LIMIT", 0, size):
            yield from ids
            top, size = b"(" + ids[-1], _CHUNK

    def _dead_rising(self) -> Generator[bytes]:
        """The ids of dead letters, smallest first, up to the greatest there is when it begins."""
        key, bottom = f"{self._key}:dead-ids", b"-"
        greatest = self._connections.command("ZREVRANGE", key, 0, 0)
        while greatest and (
            ids := self._connections.command("ZRANGEBYLEX", key, bottom, b"[" + greatest[0], "LIMIT", 0, _CHUNK)
        ):
            yield from ids
            bottom = b"(" + ids[-1]

    def _finished(self) -> set[bytes]:
        """The ids of completed and cancelled jobs."""
        ids: set[bytes] = set()
        after = "-"
        while entries := self._connections.command("XRANGE", f"{self._key}:finished", after, "+", "COUNT", 10 * _CHUNK):
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
                ids = self._ids_of(second, is_continued=below is not None)
                yield from reversed(ids if below is None else ids[: bisect_left(ids, below)])
            top = f"({int(seconds[-1])}"

    def _ids_of(self, second: int, *, is_continued: bool) -> list[bytes]:
        """The ids that were made in this second, smallest first."""
        key = f"{self._key}:job:{second}"
        if is_continued and self._crowd is not None:
            # One second may have the ids of many pages; each would fetch and sort them all again.
            known, ids = self._crowd
            if known == second and self._connections.command("HLEN", key) == len(ids):
                return ids
        start = (second >> 6).to_bytes(4)
        ids = sorted([start + field for field in self._connections.command("HKEYS", key)])
        if len(ids) > _CHUNK:
            self._crowd = (second, ids)
        return ids


def _but_ids(where: Filter) -> Filter:
    """What is left to ask of jobs that were chosen by their ids: to look for each among a thousand takes long."""
    return msgspec.structs.replace(where, ids=())


def _chunks(ids: Iterable[bytes], size: int) -> Generator[list[bytes]]:
    """So many at first, then some more at a time."""
    rest = iter(ids)
    while chunk := list(islice(rest, size)):
        yield chunk
        size = _CHUNK


def queue_counts(answer: Any) -> QueueCounts:
    """What counts.lua has answered of one queue."""
    name, paused, oldest, flat, ready = answer
    by_priority: dict[int, Counts] = {}
    last_activity = None
    for field, value in zip(flat[::2], flat[1::2], strict=True):
        level, _, counter = field.decode("latin-1").partition(":")
        if not value.lstrip(b"-").isdigit():
            # A foreign hand has been there; the next that is counted begins anew.
            continue
        if not counter:
            last_activity = int(value)
        elif level in _LEVELS and counter in Counts.__struct_fields__:
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
