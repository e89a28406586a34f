"""Looking at jobs without touching them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from conveyor.drivers.base import STEP
from conveyor.drivers.sqlite.part import Part, to_json
from conveyor.drivers.sqlite.statements import SQL
from conveyor.findings import DeadGroup
from conveyor.records import Counts, Filter, JobId, JobStatus, Page, QueueCounts, StoredJob

_Jobs: Final = msgspec.json.Decoder(list[StoredJob])
_Peeked: Final = msgspec.json.Decoder(tuple[list[JobId], list[StoredJob]])
_Groups: Final = msgspec.json.Decoder(list[DeadGroup])
_Counters: Final = msgspec.json.Decoder(list[tuple[str, int, int | None, int | None, Counts]])

_BEYOND: Final = "g"
"""Greater than any id's text, which has hexadecimal digits only."""


class Look(Part):
    """The operations that only look; their promises stand in `drivers/base.py`."""

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        found = _Jobs.decode(self._database.read(SQL["get"], {"ids": to_json(list(ids))}))
        jobs = {job.id: job for job in found}
        return [jobs.get(job_id) for job_id in ids]

    def find(self, where: Filter, *, limit: int = 100, cursor: JobId | None = None) -> Page:
        conditions = conditions_of(where, places_of(where.statuses))
        below = _BEYOND if cursor is None else str(cursor)
        # One more than asked for tells whether there is a next page.
        jobs = _Jobs.decode(self._database.read(SQL["find"], {**conditions, "below": below, "limit": limit + 1}))
        return Page(jobs[:limit], jobs[limit - 1].id if len(jobs) > limit > 0 else None)

    def counts(self, queues: Sequence[str] | None = None) -> list[QueueCounts]:
        asked = None if queues is None else to_json(list(queues))
        by_queue: dict[str, list[Any]] = {}
        for name, *row in _Counters.decode(self._database.read(SQL["counters"], {"queues": asked})):
            by_queue.setdefault(name, []).append(row)
        paused: list[str] = msgspec.json.decode(self._database.read(SQL["paused"]))
        names = sorted({*by_queue, *paused}) if queues is None else queues
        return [_queue_counts(name, by_queue.get(name, []), paused=name in paused) for name in names]

    def peek(self, queue: str, limit: int = 1) -> list[StoredJob]:
        coming = {"queue": queue, "limit": min(limit, STEP), **self._levels}
        ids, found = _Peeked.decode(self._database.read(SQL["peek"], coming))
        jobs = {job.id: job for job in found}
        return [jobs[job_id] for job_id in ids]

    def dead_groups(self, where: Filter) -> list[DeadGroup]:
        return _Groups.decode(self._database.read(SQL["dead_groups"], conditions_of(where, ["dead"])))


def _queue_counts(name: str, rows: list[Any], *, paused: bool) -> QueueCounts:
    last = [row[1] for row in rows if row[1] is not None]
    oldest = [row[2] for row in rows if row[2] is not None]
    return QueueCounts(
        queue=name,
        paused=paused,
        by_priority={row[0]: row[3] for row in rows},
        last_activity=max(last, default=None),
        oldest_ready=min(oldest, default=None),
    )


def places_of(statuses: Sequence[JobStatus]) -> list[str]:
    """The tables in which jobs of these statuses are; all for none."""
    places = {"job" if s.is_active else "dead" if s.is_failure else "finished" for s in statuses}
    return sorted(places) or ["dead", "finished", "job"]


def conditions_of(where: Filter, places: Sequence[str]) -> dict[str, Any]:
    """The parameters of find.sql, match.sql and dead_groups.sql, `limit` and `below` aside."""

    def any_of(values: Sequence[Any]) -> str | None:
        return to_json(list(values)) if values else None

    return {
        "places": to_json(list(places)),
        "first": min(map(str, where.ids), default=""),
        "last": max(map(str, where.ids), default=_BEYOND),
        "ids": any_of(where.ids),
        "queues": any_of(where.queues),
        "types": any_of(where.types),
        "statuses": any_of(where.statuses),
        "reasons": any_of(where.reasons),
        "error": where.error or None,
        "fingerprint": where.fingerprint or None,
        "tag": where.tag or None,
        "before": where.before,
        "after": where.after,
    }
