"""Looking at jobs without touching them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from conveyor.drivers.base import STEP
from conveyor.drivers.postgres.part import Part, to_array
from conveyor.findings import DeadGroup
from conveyor.measures import Memory
from conveyor.records import Counts, Failure, Filter, JobId, JobStatus, Page, QueueCounts, Reason, StoredJob

_Errors: Final = msgspec.json.Decoder(tuple[Failure, ...])
_Memory: Final = msgspec.json.Decoder(Memory)
_COUNTS: Final = Counts.__struct_fields__

_FOLD_AFTER: Final = 2000
"""So many rows of counters are worth being added up for good."""


class Look(Part):
    """The operations that only look; their promises stand in `drivers/base.py`."""

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        jobs = {row[0]: _stored(row) for row in self._database.run("get", {"ids": to_array(ids)})}
        return [jobs.get(job_id) for job_id in ids]

    def find(self, where: Filter, *, limit: int = 100, cursor: JobId | None = None) -> Page:
        conditions = conditions_of(where, places_of(where.statuses))
        # One more than asked for tells whether there is a next page.
        parameters = {**conditions, "below": cursor, "limit": limit + 1}
        jobs = [_stored(row) for row in self._database.run("find", parameters, prepare=False)]
        return Page(jobs[:limit], jobs[limit - 1].id if len(jobs) > limit > 0 else None)

    def counts(self, queues: Sequence[str] | None = None) -> list[QueueCounts]:
        asked = None if queues is None else list(queues)
        by_queue: dict[str, list[Any]] = {}
        parts = 0
        for name, *row in self._database.run("counters", {"queues": asked}, prepare=False):
            by_queue.setdefault(name, []).append(row)
            parts += row[3]
        paused = {name for (name,) in self._database.run("paused")}
        if parts > _FOLD_AFTER:
            self._database.run("fold")
        names = sorted({*by_queue, *paused}) if queues is None else queues
        return [_queue_counts(name, by_queue.get(name, []), paused=name in paused) for name in names]

    def peek(self, queue: str, limit: int = 1) -> list[StoredJob]:
        rows = self._database.run("peek", {"queue": queue, "limit": max(0, min(limit, STEP))})
        return [_stored(row) for row in rows]

    def dead_groups(self, where: Filter) -> list[DeadGroup]:
        rows = self._database.run("dead_groups", conditions_of(where, ["dead"]), prepare=False)
        return [
            DeadGroup(
                queue=queue,
                type=type,
                reason=Reason(reason),
                error_type=error_type,
                fingerprint=fingerprint,
                count=count,
                first=first,
                last=last,
                newest=newest,
            )
            for queue, type, reason, error_type, fingerprint, count, first, last, newest in rows
        ]


def _stored(row: tuple[Any, ...]) -> StoredJob:
    """A row of get.sql, find.sql or peek.sql."""
    # fmt: off
    (id, queue, type, status, priority, payload, options, attempt, failures, crashes, max_crashes, pushed_at, due_at,
     expires_at, unique, lease_until, worker, cancel_requested, started_at, finished_at, result, reason, note, held,
     errors, memory) = row
    return StoredJob(
        id=id, queue=queue, type=type, status=JobStatus(status), priority=priority, payload=payload, options=options,
        attempt=attempt, failures=failures, crashes=crashes, max_crashes=max_crashes, pushed_at=pushed_at,
        due_at=due_at, expires_at=expires_at, unique=unique, lease_until=lease_until, worker=worker,
        cancel_requested=cancel_requested, started_at=started_at, finished_at=finished_at, result=result,
        reason=None if reason is None else Reason(reason), note=note, held=held,
        errors=() if errors is None else _Errors.decode(errors),
        memory=None if memory is None else _Memory.decode(memory),
    )
    # fmt: on


def _queue_counts(name: str, rows: list[Any], *, paused: bool) -> QueueCounts:
    last = [row[1] for row in rows if row[1] is not None]
    oldest = [row[2] for row in rows if row[2] is not None]
    return QueueCounts(
        queue=name,
        paused=paused,
        by_priority={row[0]: Counts(**dict(zip(_COUNTS, row[4:], strict=True))) for row in rows},
        last_activity=max(last, default=None),
        oldest_ready=min(oldest, default=None),
    )


def places_of(statuses: Sequence[JobStatus]) -> list[str]:
    """The tables in which jobs of these statuses are; all for none."""
    return sorted({_place_of(status) for status in statuses}) or ["dead", "history", "job"]


def _place_of(status: JobStatus) -> str:
    return "job" if status.is_active else "dead" if status.is_failure else "history"


def conditions_of(where: Filter, places: Sequence[str]) -> dict[str, Any]:
    """The parameters of find.sql and match.sql, `limit` and `below` aside."""
    # A condition that chooses nothing has the planner expect but a few, and sort all there are for each page.
    chooses = where.statuses and any(_place_of(each) in places and each not in where.statuses for each in JobStatus)
    return {
        "places": list(places),
        "ids": to_array(where.ids) if where.ids else None,
        "queues": list(where.queues) or None,
        "types": list(where.types) or None,
        "statuses": [status.value for status in where.statuses] if chooses else None,
        "reasons": [reason.value for reason in where.reasons] or None,
        "error": where.error or None,
        "fingerprint": where.fingerprint or None,
        "tag": where.tag or None,
        "before": where.before,
        "after": where.after,
    }
