"""What people do by hand to jobs in many partitions: redrive, clear, forget, pause, resume."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from heapq import merge
from itertools import islice
from uuid import uuid4

from conveyor.drivers.base import STEP
from conveyor.drivers.redis.encoding import joined
from conveyor.drivers.redis.people import DEAD, ENDED, packed
from conveyor.drivers.redis.route import answers_of
from conveyor.drivers.redis.spread.layout import home_of, partitions_of
from conveyor.drivers.redis.spread.letters import MOVE, Letter, Letters
from conveyor.drivers.redis.spread.look import SpreadLook
from conveyor.drivers.redis.spread.partitions import At, grouped_by
from conveyor.records import Edits, Filter, JobId, JobStatus, StoredJob

_Found = tuple[JobId, int, StoredJob]
"""A job, and the partition where it is."""


class SpreadPeople(SpreadLook, Letters):
    """The operations for people; their promises stand in `drivers/base.py`."""

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        changes = edits or Edits()
        done = 0
        for some in self._by_steps(where, DEAD, limit):
            staying: dict[int, list[JobId]] = {}
            leaving: dict[tuple[int, int], list[JobId]] = {}
            for id, source, job in some:
                target = source
                if changes.queue is not None:
                    target = home_of(id, changes.queue, job.unique, self._spread)
                if target == source or (changes.queue == job.queue):
                    staying.setdefault(source, []).append(id)
                else:
                    leaving.setdefault((source, target), []).append(id)
            runs: list[At] = [
                (source, "redrive", (joined(ids), packed(changes, ids))) for source, ids in staying.items()
            ]
            done += sum(answers_of(self._run_at(runs)))
            for (source, target), ids in leaving.items():
                done += self._move(source, target, ids, packed(changes, ids))
        return done

    def _move(self, source: int, target: int, ids: Sequence[JobId], edits: bytes) -> int:
        """Bring dead letters back in a queue of another partition: they leave this one in letters."""
        stamps = [uuid4().hex for _ in ids]
        head = bytes([target]) + MOVE
        (answer,) = answers_of(self._run_at([(source, "depart", (joined(ids), edits, head, *stamps))]))
        letters = [
            Letter(source, stamp.decode(), head + text) for stamp, text in zip(answer[::2], answer[1::2], strict=True)
        ]
        self._deliver(letters)
        return len(letters)

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        done = 0
        for some in self._by_steps(where, ENDED, limit):
            groups: dict[int, list[JobId]] = {}
            for id, partition, _ in some:
                groups.setdefault(partition, []).append(id)
            done += sum(answers_of(self._run_at((at, "forget", (joined(ids),)) for at, ids in groups.items())))
        return done

    def _by_steps(self, where: Filter, statuses: frozenset[JobStatus], limit: int | None) -> Generator[list[_Found]]:
        """The ended jobs that meet the filter, oldest id first, some at a time."""
        self._connections.check_open()
        left = limit
        found = merge(*(self._oldest_of(number, where, statuses) for number in self._numbers_for(where)))
        while some := list(islice(found, STEP if left is None else min(STEP, left))):
            yield some
            left = left and left - len(some)

    def _oldest_of(self, number: int, where: Filter, statuses: frozenset[JobStatus]) -> Iterable[_Found]:
        return ((job.id, number, job) for job in self._partitions[number].oldest(where, statuses))

    def bury(self, letters: Sequence[StoredJob]) -> list[bool]:
        kept = self._found([letter.id for letter in letters])
        homes = {
            place: home_of(letter.id, letter.queue, letter.unique, self._spread)
            for place, letter in enumerate(letters)
            if kept[place] is None
        }
        answer = [False] * len(letters)
        for partition, places in grouped_by(homes).items():
            stored = self._partitions[partition].bury([letters[place] for place in places])
            for place, is_stored in zip(places, stored, strict=True):
                answer[place] = is_stored
        return answer

    def clear(self, queue: str) -> int:
        cleared = 0
        for partition in partitions_of(queue, self._spread):
            cleared += self._partitions[partition].clear(queue)
        return cleared

    def pause(self, queue: str) -> None:
        self._tell_all(queue, "pause")

    def resume(self, queue: str) -> None:
        self._tell_all(queue, "resume")

    def _tell_all(self, queue: str, name: str) -> None:
        answers_of(self._run_at((partition, name, (queue,)) for partition in partitions_of(queue, self._spread)))
