"""The partitions of a store: how they are asked together, and how it is found out where a job is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar

from conveyor.drivers.redis.encoding import joined
from conveyor.drivers.redis.jobs import YES, Jobs
from conveyor.drivers.redis.part import Part
from conveyor.drivers.redis.people import People
from conveyor.drivers.redis.route import Route, Run, answers_of
from conveyor.drivers.redis.settings import PARTITIONS
from conveyor.priority import Aging
from conveyor.records import JobId
from conveyor.retention import Retention
from conveyor.times import Clock

_REMEMBERED: Final = 20_000
"""Of how many jobs it is remembered where they were seen last."""

_T = TypeVar("_T")

At = tuple[int, str, Sequence[Any]]
"""A partition, a script, and its arguments without the moment."""


class Partition(Jobs, People):
    """One partition: what a store on one server has, under a key base of its own."""


class Partitions(Part):
    """All of them. What is not of jobs, such as locks, workers and schedules, is in the first."""

    def __init__(self, connections: Route, key: str, clock: Clock, aging: Aging, retention: Retention) -> None:
        super().__init__(connections, key, clock, aging, retention)
        bases = [connections.settings.base(number) for number in range(PARTITIONS)]
        self._spread: Final = connections.settings.partitions
        self._partitions: Final = [Partition(connections, base, clock, aging, retention) for base in bases]
        self._bases: Final = bases
        self._seen: Final[dict[JobId, int]] = {}

    def _run_at(self, runs: Iterable[At]) -> list[Any]:
        """Run scripts in their partitions, all at once; in the place of what failed there is its StoreError."""
        now = self._now
        return self._connections.run_all(
            [Run(name, self._bases[partition], (now, *arguments)) for partition, name, arguments in runs]
        )

    def _run_everywhere(self, name: str, *arguments: Any) -> list[Any]:
        """Run a script in every partition."""
        return answers_of(self._run_at((partition, name, arguments) for partition in range(PARTITIONS)))

    def _remember(self, partition: int, ids: Iterable[JobId]) -> None:
        """These jobs were seen there. It is where to look first, no more: a person may move them."""
        if len(self._seen) > _REMEMBERED:
            self._seen.clear()
        for id in ids:
            self._seen[id] = partition

    def _found(self, ids: Sequence[JobId]) -> list[int | None]:
        """Where each of these jobs is; `None` for one that is not kept."""
        found: list[int | None] = [None] * len(ids)
        for partition, answer in enumerate(self._run_everywhere("kept", joined(ids))):
            for place, word in enumerate(answer):
                if word == YES:
                    found[place] = partition
                    self._remember(partition, [ids[place]])
        return found

    def _of_each(
        self,
        ids: Sequence[JobId],
        ask: Callable[[Sequence[int]], tuple[str, Sequence[Any]]],
        read: Callable[[Any], Sequence[_T]],
        nothing: _T,
    ) -> list[_T]:
        """What a script answers of each job, in its partition; `nothing` for one that is not kept.

        Args:
            ids: whose jobs these are.
            ask: the script, and its arguments, for those at these places.
            read: what it has answered of each.
            nothing: what it answers where the job is not.
        """
        self._connections.check_open()
        answers = [nothing] * len(ids)
        seen = {place: self._seen[id] for place, id in enumerate(ids) if id in self._seen}
        self._fill(answers, seen, ask, read)
        if lost := [place for place, answer in enumerate(answers) if answer == nothing]:
            found = dict(zip(lost, self._found([ids[place] for place in lost]), strict=True))
            again = {place: where for place, where in found.items() if where is not None and where != seen.get(place)}
            self._fill(answers, again, ask, read)
        return answers

    def _fill(
        self,
        answers: list[_T],
        where: Mapping[int, int],
        ask: Callable[[Sequence[int]], tuple[str, Sequence[Any]]],
        read: Callable[[Any], Sequence[_T]],
    ) -> None:
        groups = grouped_by(where)
        asked = self._run_at((partition, *ask(places)) for partition, places in groups.items())
        for places, answer in zip(groups.values(), answers_of(asked), strict=True):
            for place, each in zip(places, read(answer), strict=True):
                answers[place] = each


def grouped_by(where: Mapping[int, int]) -> dict[int, list[int]]:
    """By partition, the places of what is there."""
    groups: dict[int, list[int]] = {}
    for place, partition in where.items():
        groups.setdefault(partition, []).append(place)
    return groups
