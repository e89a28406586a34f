"""What a filter means."""

from __future__ import annotations

import msgspec

from conveyor.records import Filter, StoredJob


class _Metadata(msgspec.Struct):
    tags: list[str] = []


class _Options(msgspec.Struct):
    """What of a job's options a filter reads."""

    metadata: _Metadata | None = None


def meets(job: StoredJob, where: Filter) -> bool:
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


def _last_error_holds(job: StoredJob, part: str) -> bool:
    if not job.errors:
        return False
    last = job.errors[-1]
    return part.casefold() in last.error_type.casefold() or part.casefold() in last.message.casefold()


def _tags(options: str) -> list[str]:
    try:
        metadata = msgspec.json.decode(options, type=_Options).metadata if options else None
    except msgspec.MsgspecError:
        return []
    return metadata.tags if metadata else []
