"""What people do by hand: redrive, clear, forget, pause, resume. In bounded steps, so that workers go on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from conveyor.drivers.base import STEP
from conveyor.drivers.redis.encoding import LEVELS, buried, joined, micros, pack
from conveyor.drivers.redis.jobs import YES
from conveyor.drivers.redis.look import Look
from conveyor.records import Edits, Filter, JobId, JobStatus, StoredJob

DEAD: Final = frozenset({JobStatus.FAILED, JobStatus.EXPIRED})
ENDED: Final = DEAD | {JobStatus.COMPLETED, JobStatus.CANCELLED}


class People(Look):
    """The operations for people; their promises stand in `drivers/base.py`."""

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        changes = edits or Edits()

        def bring_back(ids: Sequence[JobId]) -> int:
            done: int = self._run("redrive", joined(ids), packed(changes, ids))
            return done

        return self._by_steps(where, DEAD, limit, bring_back)

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        return self._by_steps(where, ENDED, limit, lambda ids: self._run("forget", joined(ids)))

    def _by_steps(
        self, where: Filter, statuses: frozenset[JobStatus], limit: int | None, act: Callable[[Sequence[JobId]], int]
    ) -> int:
        """Act on the jobs that meet the filter, oldest id first, some at a time; answer on how many."""
        done = 0
        jobs = self.oldest(where, statuses)
        while limit is None or done < limit:
            some = list(islice(jobs, STEP if limit is None else min(STEP, limit - done)))
            if not some:
                break
            done += act([job.id for job in some])
        return done

    def bury(self, letters: Sequence[StoredJob]) -> list[bool]:
        if not letters:
            return []
        table, bodies = buried(letters)
        return [word == YES for word in self._run("bury", table, *bodies)]

    def clear(self, queue: str) -> int:
        cleared = 0
        while some := self._run("clear", queue):
            cleared += some
        return cleared

    def pause(self, queue: str) -> None:
        self._run("pause", queue)

    def resume(self, queue: str) -> None:
        self._run("resume", queue)


def packed(edits: Edits, ids: Sequence[JobId]) -> bytes:
    """What is changed in these dead letters, as the scripts read it."""
    level = None if edits.priority is None else LEVELS[edits.priority]
    # False where there is none: a list of Lua's ends at a nothing.
    each = [edits.payloads.get(id, False) for id in ids] if edits.payloads else None
    return pack((edits.payload, edits.queue, level, micros(edits.delay), each))
