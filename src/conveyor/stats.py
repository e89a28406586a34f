"""What a queue holds and has done, in numbers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from conveyor.priority import Priority
from conveyor.records import Counts, QueueCounts
from conveyor.times import SECOND, moment


class QueueStats(msgspec.Struct, frozen=True, kw_only=True):
    """A queue's counters. `ready` to `dead` say how many there are now; `pushed` to `cancelled` count since ever.

    They are kept as jobs move, never counted over jobs: asking costs the same at any backlog. A job that became due
    counts as delayed until a claim or a worker's tending promotes it.
    """

    queue: str
    is_paused: bool
    total: int
    """Everything there is to see now: ready, delayed, held, processing and dead."""
    ready: int
    delayed: int
    """Due later, retries included."""
    held: int
    """Of a job type that no worker knows."""
    processing: int
    dead: int
    """In the dead letters: failed and expired."""
    pushed: int
    popped: int
    completed: int
    failed: int
    """Went to the dead letters."""
    retried: int
    cancelled: int
    by_priority: dict[Priority, Counts]
    """The same numbers for each level, highest first; all four are there."""
    last_activity: datetime | None
    """The last push, claim or settlement; `None` for a queue never used."""
    oldest_age: float | None
    """Seconds that the job which has been ready longest has waited; `None` when none is ready."""

    @classmethod
    def of(cls, counts: QueueCounts, now: int) -> QueueStats:
        """From what the store counted; `now` in microseconds by the application's clock."""
        by_priority = {level: counts.by_priority.get(level.value) or Counts() for level in Priority}
        sums = {name: sum(getattr(level, name) for level in by_priority.values()) for name in Counts.__struct_fields__}
        return cls(
            queue=counts.queue,
            is_paused=counts.paused,
            total=sums["ready"] + sums["delayed"] + sums["held"] + sums["processing"] + sums["dead"],
            by_priority=by_priority,
            last_activity=None if counts.last_activity is None else moment(counts.last_activity),
            # Two machines' clocks may differ by a little; nothing has waited less than not at all.
            oldest_age=None if counts.oldest_ready is None else max(0, now - counts.oldest_ready) / SECOND,
            **sums,
        )
