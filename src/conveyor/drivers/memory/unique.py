"""Which job is in the way of another one with its unique key."""

from __future__ import annotations

from conveyor.drivers.memory.entry import Entry
from conveyor.drivers.memory.state import State
from conveyor.records import NewJob
from conveyor.times import SECOND
from conveyor.unique import Until


def rival_of(state: State, new: NewJob, now: int) -> Entry | None:
    """The job in the way of `new`, by the rule that `new` itself brings."""
    holder = _holder(state, new)
    if holder is not None and _counts(holder, new, now):
        return holder
    if new.unique_until is Until.SUCCESS:
        buried = (job for job in reversed(state.dead.values()) if (job.queue, job.unique) == (new.queue, new.unique))
        last = next(buried, None)
        if last is not None and _counts(last, new, now):
            return last
    return None


def take_key(state: State, new: NewJob) -> None:
    """Let an active job that is not in the way lose the key."""
    holder = _holder(state, new)
    if holder is not None:
        with state.moving(holder):
            holder.unique = None


def _holder(state: State, new: NewJob) -> Entry | None:
    if new.unique is None:
        return None
    active = state.unique.get((new.queue, new.unique))
    return None if active is None else state.jobs[active]


def _counts(job: Entry, new: NewJob, now: int) -> bool:
    if new.unique_until is Until.START and job.attempt > 0:
        return False
    return new.unique_ttl is None or now < job.pushed_at + round(new.unique_ttl * SECOND)
