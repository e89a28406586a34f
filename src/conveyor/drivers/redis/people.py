"""What people do by hand: redrive, clear, forget, pause, resume. In bounded steps, so that workers go on meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Final

from conveyor.drivers.base import STEP
from conveyor.drivers.redis.encoding import LEVELS, joined, micros, pack
from conveyor.drivers.redis.look import Look
from conveyor.records import Edits, Filter, JobStatus

DEAD: Final = frozenset({JobStatus.FAILED, JobStatus.EXPIRED})
ENDED: Final = DEAD | {JobStatus.COMPLETED, JobStatus.CANCELLED}


class People(Look):
    """The operations for people; their promises stand in `drivers/base.py`."""

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        changes = edits or Edits()
        level = None if changes.priority is None else LEVELS[changes.priority]
        packed = pack((changes.payload, changes.queue, level, micros(changes.delay)))
        return self._by_steps(where, DEAD, limit, lambda ids: self._run("redrive", ids, packed))

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        return self._by_steps(where, ENDED, limit, lambda ids: self._run("forget", ids))

    def _by_steps(
        self, where: Filter, statuses: frozenset[JobStatus], limit: int | None, act: Callable[[bytes], int]
    ) -> int:
        """Act on the jobs that meet the filter, oldest id first, some at a time; answer on how many."""
        done = 0
        jobs = self.oldest(where, statuses)
        while limit is None or done < limit:
            some = list(islice(jobs, STEP if limit is None else min(STEP, limit - done)))
            if not some:
                break
            done += act(joined(job.id for job in some))
        return done

    def clear(self, queue: str) -> int:
        cleared = 0
        while some := self._run("clear", queue):
            cleared += some
        return cleared

    def pause(self, queue: str) -> None:
        self._run("pause", queue)

    def resume(self, queue: str) -> None:
        self._run("resume", queue)
