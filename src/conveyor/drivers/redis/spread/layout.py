"""Which partition a job belongs to. Pure, and never to change: this is where jobs are looked for, by every release."""

from __future__ import annotations

from functools import lru_cache
from zlib import crc32

from conveyor.drivers.redis.settings import PARTITIONS
from conveyor.records import JobId, NewJob


@lru_cache(10_000)
def partitions_of(queue: str, spread: int) -> tuple[int, ...]:
    """Where the jobs of this queue are, when each queue is spread over so many partitions."""
    first = crc32(queue.encode())
    return tuple((first + further) % PARTITIONS for further in range(spread))


def partition_of(job: NewJob, spread: int) -> int:
    """Where this job is pushed to.

    Jobs that may be in each other's way meet there: those of one unique key, else those of one slot of a schedule, else
    those of one id.
    """
    if job.unique is not None or job.slot is None:
        return home_of(job.id, job.queue, job.unique, spread)
    return _chosen(job.queue, f"{job.slot.at}:{job.slot.name}".encode(), spread)


def home_of(id: JobId, queue: str, unique: str | None, spread: int) -> int:
    """Where a job that no schedule has pushed is pushed to."""
    return _chosen(queue, id.bytes if unique is None else unique.encode(), spread)


def _chosen(queue: str, by: bytes, spread: int) -> int:
    partitions = partitions_of(queue, spread)
    return partitions[crc32(by) % spread]
