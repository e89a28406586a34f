"""Looking at jobs in many partitions: each is asked, and what they answer is put together."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import merge
from itertools import chain, islice

from conveyor.drivers.base import STEP
from conveyor.drivers.redis.encoding import joined
from conveyor.drivers.redis.look import queue_counts
from conveyor.drivers.redis.records import all_stored
from conveyor.drivers.redis.route import answers_of
from conveyor.drivers.redis.settings import PARTITIONS
from conveyor.drivers.redis.spread.layout import partitions_of
from conveyor.drivers.redis.spread.partitions import Partition, Partitions, grouped_by
from conveyor.findings import DeadGroup, grouped
from conveyor.records import Counts, Filter, JobId, Page, QueueCounts, StoredJob


class SpreadLook(Partitions):
    """The operations that only look; their promises stand in `drivers/base.py`."""

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        return self._of_each(
            ids, lambda places: ("get", (joined(ids[place] for place in places),)), all_stored, nothing=None
        )

    def find(self, where: Filter, *, limit: int = 100, cursor: JobId | None = None) -> Page:
        self._connections.check_open()
        below = None if cursor is None else cursor.bytes
        if limit <= 0:
            return Page([], None)
        # One more than asked for tells whether there is a next page.
        every = merge(
            *(partition.every(where, below, limit + 1) for partition in self._partitions_for(where)),
            key=lambda job: job.id,
            reverse=True,
        )
        found = list(islice(every, limit + 1))
        return Page(found[:limit], found[limit - 1].id if len(found) > limit else None)

    def counts(self, queues: Sequence[str] | None = None) -> list[QueueCounts]:
        self._connections.check_open()
        if queues is None:
            found = [queue_counts(answer) for flat in self._run_everywhere("counts", 0) for answer in flat]
            names = sorted({each.queue for each in found})
        else:
            names = list(queues)
            asked = [
                (partition, name) for name in dict.fromkeys(names) for partition in partitions_of(name, self._spread)
            ]
            groups = grouped_by({place: partition for place, (partition, _) in enumerate(asked)})
            runs = [
                (partition, "counts", (1, *(asked[at][1] for at in places))) for partition, places in groups.items()
            ]
            found = [queue_counts(answer) for flat in answers_of(self._run_at(runs)) for answer in flat]
        of_queue: dict[str, list[QueueCounts]] = {}
        for each in found:
            of_queue.setdefault(each.queue, []).append(each)
        return [_together(of_queue[name]) for name in names]

    def peek(self, queue: str, limit: int = 1) -> list[StoredJob]:
        limit = max(0, min(limit, STEP))
        runs = [(at, "peek", (queue, limit, self._offsets)) for at in partitions_of(queue, self._spread)]
        found = [[job for job in all_stored(answer) if job] for answer in answers_of(self._run_at(runs))]
        # In its partition each has its place; between partitions the score decides.
        return list(islice(merge(*found, key=self._score), limit))

    def _score(self, job: StoredJob) -> int:
        return self._aging.offsets[job.priority] + job.due_at

    def dead_groups(self, where: Filter) -> list[DeadGroup]:
        self._connections.check_open()
        return grouped(chain.from_iterable(partition.dead(where) for partition in self._partitions_for(where)))

    def _numbers_for(self, where: Filter) -> list[int]:
        """The partitions where there may be jobs that meet the filter."""
        if not where.queues:
            return list(range(PARTITIONS))
        return sorted({partition for queue in where.queues for partition in partitions_of(queue, self._spread)})

    def _partitions_for(self, where: Filter) -> list[Partition]:
        return [self._partitions[number] for number in self._numbers_for(where)]


def _together(counts: Sequence[QueueCounts]) -> QueueCounts:
    """The counters of a queue, from those of its partitions."""
    by_priority: dict[int, Counts] = {}
    for each in counts:
        for priority, some in each.by_priority.items():
            total = by_priority.setdefault(priority, Counts())
            for name in Counts.__struct_fields__:
                setattr(total, name, getattr(total, name) + getattr(some, name))
    return QueueCounts(
        queue=counts[0].queue,
        paused=any(each.paused for each in counts),
        by_priority=by_priority,
        last_activity=max((each.last_activity for each in counts if each.last_activity is not None), default=None),
        oldest_ready=min((each.oldest_ready for each in counts if each.oldest_ready is not None), default=None),
    )
