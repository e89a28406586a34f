"""Which job stands for one that is pushed with a rule of uniqueness of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from conveyor.drivers.sqlite.counters import Tally, of_stage
from conveyor.drivers.sqlite.part import micros
from conveyor.drivers.sqlite.statements import SQL
from conveyor.records import JobId, NewJob
from conveyor.unique import OnConflict, Until

_PROCESSING: Final = 2

Execute = Callable[..., sqlite3.Cursor]


def has_rule(job: NewJob) -> bool:
    """Whether it asks more than push.sql, for which any active job with the key is in the way."""
    return job.unique_until is not Until.FINAL or job.unique_ttl is not None or job.on_conflict is OnConflict.REPLACE


def stand_in(execute: Execute, job: NewJob, row: tuple[Any, ...], tally: Tally) -> JobId | None:
    """The id that answers the push; `None` when push.sql is to decide, to which no active job's key is in the way then.

    Args:
        row: the job as push.sql wants it.
    """
    job_id, now = row[0], row[6]
    if execute(SQL["push_kept"], (job_id, None, None)).fetchone():
        return None
    key = (job.queue, job.unique)
    holder = execute(SQL["rival"], key).fetchone()
    if holder is not None:
        holder_id, stage, retrying, priority, attempt, pushed_at = holder
        if _counts(job, attempt, pushed_at, now):
            if job.on_conflict is OnConflict.REPLACE and stage != _PROCESSING and not retrying:
                execute(SQL["replace"], (holder_id, *row[1:]))
                tally.add(job.queue, priority, of_stage(stage), -1)
                tally.add(job.queue, job.priority, of_stage(row[4]))
            return JobId(UUID(holder_id))
    if job.unique_until is Until.SUCCESS:
        buried = execute(SQL["dead_rival"], key).fetchone()
        if buried is not None and _counts(job, buried[1], buried[2], now):
            return JobId(UUID(buried[0]))
    if holder is not None:
        if job.slot is not None and (owner := execute(SQL["slot_owner"], (job.slot.name, job.slot.at)).fetchone()):
            return JobId(UUID(owner[0]))
        execute(SQL["release_key"], (holder[0],))
    return None


def _counts(job: NewJob, attempt: int, pushed_at: int, now: int) -> bool:
    if job.unique_until is Until.START and attempt > 0:
        return False
    return job.unique_ttl is None or now < pushed_at + micros(job.unique_ttl)
