"""The memory driver's eyes: get, find, counts, peek; and what a filter means."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from conveyor.drivers.base import STEP
from conveyor.drivers.memory.entry import Entry, Place
from conveyor.drivers.memory.room import Room
from conveyor.drivers.memory.state import QueueState
from conveyor.findings import DeadGroup, grouped
from conveyor.records import Filter, JobId, Page, QueueCounts, StoredJob


class _Metadata(msgspec.Struct):
    tags: list[str] = []


class _Options(msgspec.Struct):
    """What of a job's options the store reads."""

    metadata: _Metadata | None = None


def meets(job: Entry, where: Filter) -> bool:
    """Whether the job meets every condition of the filter."""
    known_since = job.pushed_at if job.finished_at is None else job.finished_at
    return (
        (not where.ids or job.id in where.ids)
        and (not where.queues or job.queue in where.queues)
        and (not where.types or job.type in where.types)
        and (not where.statuses or job.status in where.statuses)
        and (not where.reasons or job.reason in where.reasons)
        and (where.before is None or known_since < where.before)
        and (where.after is None or known_since >= where.after)
        and (not where.error or _last_error_holds(job, where.error))
        and (not where.fingerprint or (bool(job.errors) and job.errors[-1].fingerprint == where.fingerprint))
        and (not where.tag or where.tag in _tags(job.options))
    )


def _last_error_holds(job: Entry, part: str) -> bool:
    if not job.errors:
        return False
    last = job.errors[-1]
    return part.casefold() in last.error_type.casefold() or part.casefold() in last.message.casefold()


def _tags(options: str) -> list[str]:
    metadata = msgspec.json.decode(options, type=_Options).metadata if options else None
    return metadata.tags if metadata else []


class Looking(Room):
    """See `drivers.base.Driver` for what each method promises."""

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        with self._step() as (state, _):
            return [job.stored() if (job := state.jobs.get(job_id)) else None for job_id in ids]

    def find(self, where: Filter, *, limit: int = 100, cursor: JobId | None = None) -> Page:
        with self._step() as (state, _):
            jobs = [job for job in state.jobs.values() if (cursor is None or job.id < cursor) and meets(job, where)]
            found = [job.stored() for job in sorted(jobs, key=lambda job: job.id, reverse=True)[: limit + 1]]
            return Page(found[:limit], found[limit - 1].id if 0 < limit < len(found) else None)

    def counts(self, queues: Sequence[str] | None = None) -> list[QueueCounts]:
        with self._step() as (state, _):
            return [
                self._counts(name, state.queues.get(name) or QueueState())
                for name in (sorted(state.queues) if queues is None else queues)
            ]

    @staticmethod
    def _counts(name: str, queue: QueueState) -> QueueCounts:
        return QueueCounts(
            queue=name,
            paused=queue.paused,
            by_priority={priority: msgspec.structs.replace(counts) for priority, counts in queue.counts.items()},
            last_activity=queue.last_activity,
            oldest_ready=queue.ready_since.first_key(),
        )

    def peek(self, queue: str, limit: int = 1) -> list[StoredJob]:
        with self._step() as (state, _):
            known = state.queues.get(queue)
            return [job.stored() for job in known.ready.first(max(0, min(limit, STEP)))] if known else []

    def dead_groups(self, where: Filter) -> list[DeadGroup]:
        with self._step() as (state, _):
            return grouped(job.stored() for job in state.jobs.values() if job.place is Place.DEAD and meets(job, where))
