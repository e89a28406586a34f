"""Jobs on their way through partitions: push, claim, extend, settle, cancel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from msgspec.structs import replace

from conveyor.drivers.base import STEP
from conveyor.drivers.joining.nothing import JoinsNothing
from conveyor.drivers.redis.encoding import Posted, ids_in, joined, keys_of, micros, pushed, settled
from conveyor.drivers.redis.jobs import CANCELLED, YES, join_nothing
from conveyor.drivers.redis.route import answers_of
from conveyor.drivers.redis.spread.layout import home_of, partition_of, partitions_of
from conveyor.drivers.redis.spread.letters import Letter, Letters, new_letter, posted
from conveyor.drivers.redis.spread.partitions import At, grouped_by
from conveyor.errors import StoreError
from conveyor.records import CancelAnswer, Claim, ClaimKey, JobId, NewJob, Outcome


class SpreadJobs(Letters, JoinsNothing):
    """The operations on jobs; their promises stand in `drivers/base.py`."""

    _turn = 0
    """Grows with each claim, so that no partition is always asked first."""

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        join_nothing(connection)
        if not jobs:
            return []
        groups = grouped_by({place: partition_of(job, self._spread) for place, job in enumerate(jobs)})
        # All or none: what belongs elsewhere goes into letters, which the largest group's script writes.
        source = max(groups, key=lambda partition: len(groups[partition]))
        places = groups.pop(source)
        answers: list[JobId] = [job.id for job in jobs]
        letters = [
            new_letter(source, target, [jobs[place] for place in elsewhere]) for target, elsewhere in groups.items()
        ]
        here = [jobs[place] for place in places]
        if letters:
            script, table, bodies = pushed(here, letters=[posted(letter) for letter in letters])
            (stored,) = answers_of(self._run_at([(source, script, (table, *bodies))]))
            ids = ids_in(stored)
        else:
            ids = self._partitions[source].push(here)
        _put(answers, places, ids)
        delivered = self._deliver(letters)
        for (target, elsewhere), answer in zip(groups.items(), delivered, strict=True):
            if isinstance(answer, StoreError):
                raise answer
            # Where tending was faster, it has the answer; to push again changes nothing.
            given = ids_in(answer) or self._partitions[target].push([jobs[place] for place in elsewhere])
            _put(answers, elsewhere, given)
        for partition, known in ((source, places), *groups.items()):
            self._remember(partition, [answers[place] for place in known])
        return answers

    def claim(self, queues: Sequence[str], *, limit: int, lease: float, worker: str) -> list[Claim]:
        limit = max(0, min(limit, STEP))
        self._turn += 1
        claims: list[Claim] = []
        troubles: list[StoreError] = []
        turns = [
            (partitions, (micros(lease), worker, self._offsets, *names)) for partitions, names in self._turns(queues)
        ]
        for number, (partitions, more) in enumerate(turns):
            left = limit - len(claims)
            if number and not left:
                break
            shares = _shares(left, len(partitions))
            asked = [(at, (share, *more)) for at, share in zip(partitions, shares, strict=True)]
            if not number:
                # What is due or past its expiry is looked after in all queues, whatever the first of them has.
                asked += [(at, (0, *rest)) for elsewhere, rest in turns[1:] for at in elsewhere]
            fuller: list[int] = []
            for (partition, (share, *_)), found in zip(asked, self._claims_at(asked), strict=True):
                if isinstance(found, StoreError):
                    # Whatever one partition's server does, work goes on in the others.
                    troubles.append(found)
                    continue
                claims += found
                if partition in partitions and len(found) == share:
                    fuller.append(partition)
            # Who has given its whole share may have more: all that is left is asked of one after the other.
            while fuller and len(claims) < limit:
                (found,) = self._claims_at([(fuller.pop(), (limit - len(claims), *more))])
                claims += [] if isinstance(found, StoreError) else found
        if troubles and not claims:
            raise troubles[0]
        return claims

    def _turns(self, queues: Sequence[str]) -> Iterator[tuple[tuple[int, ...], list[str]]]:
        """One after the other, partitions to be asked together and for which queues."""
        for partitions, names in groupby(queues, key=lambda queue: partitions_of(queue, self._spread)):
            first = self._turn % len(partitions)
            yield partitions[first:] + partitions[:first], list(names)

    def _claims_at(self, asked: Sequence[tuple[int, Sequence[Any]]]) -> list[list[Claim] | StoreError]:
        """What claim.lua answers in these partitions, or its StoreError."""
        found: list[list[Claim] | StoreError] = []
        for (partition, arguments), first in zip(
            asked, self._run_at((at, "claim", arguments) for at, arguments in asked), strict=True
        ):
            answer = first
            # Nothing is no answer: so much was past its expiry that burying it took all of this step.
            while answer is None:
                (answer,) = self._run_at([(partition, "claim", arguments)])
            if not isinstance(answer, StoreError):
                answer = self._partitions[partition].claims(answer)
                self._remember(partition, [claim.id for claim in answer])
            found.append(answer)
        return found

    def extend(self, claims: Sequence[ClaimKey], lease: float) -> list[bool]:
        return self._of_each(
            [claim.id for claim in claims],
            lambda places: ("extend", (micros(lease), *keys_of([claims[place] for place in places]))),
            _words,
            nothing=False,
        )

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        self._connections.check_open()
        answers = [False] * len(outcomes)
        where: dict[int, int] = {}
        sure: set[int] = set()
        for place, outcome in enumerate(outcomes):
            claim = outcome.claim
            if self._spread == 1:
                where[place] = partitions_of(claim.queue, 1)[0]
                sure.add(place)
            elif claim.id in self._seen:
                where[place] = self._seen[claim.id]
            else:
                where[place] = home_of(claim.id, claim.queue, None, self._spread)
        self._settle_at(where, outcomes, answers)
        if lost := [place for place, answer in enumerate(answers) if not answer and place not in sure]:
            found = zip(lost, self._found([outcomes[place].claim.id for place in lost]), strict=True)
            again = {place: is_at for place, is_at in found if is_at is not None and is_at != where[place]}
            self._settle_at(again, outcomes, answers)
        return answers

    def _settle_at(self, where: Mapping[int, int], outcomes: Sequence[Outcome], answers: list[bool]) -> None:
        """Settle the outcomes at these places in these partitions; then deliver what follows elsewhere."""
        groups = grouped_by(where)
        runs: list[At] = []
        letters: list[list[tuple[int, Letter]]] = []
        for partition, places in groups.items():
            here, away = self._sorted(partition, places, outcomes)
            ids, table, bodies = settled(here, [posted for _, _, posted in away])
            runs.append((partition, "settle", (ids, table, *bodies)))
            letters.append([(place, letter) for place, letter, _ in away])
        trouble: StoreError | None = None
        to_deliver: list[Letter] = []
        for places, written, answer in zip(groups.values(), letters, self._run_at(runs), strict=True):
            if isinstance(answer, StoreError):
                trouble = answer
                continue
            for place, word in zip(places, answer, strict=True):
                answers[place] = word == YES
            to_deliver += [letter for place, letter in written if answers[place]]
        self._deliver(to_deliver)
        if trouble is not None:
            raise trouble

    def _sorted(
        self, partition: int, places: Sequence[int], outcomes: Sequence[Outcome]
    ) -> tuple[list[Outcome], list[tuple[int, Letter, Posted]]]:
        """The outcomes with those follow-ups that belong here too, and the letters with the others."""
        here: list[Outcome] = []
        away: list[tuple[int, Letter, Posted]] = []
        for owner, place in enumerate(places, 1):
            outcome = outcomes[place]
            by_partition: dict[int, list[NewJob]] = {}
            for job in outcome.follow_ups:
                by_partition.setdefault(partition_of(job, self._spread), []).append(job)
            own = by_partition.pop(partition, [])
            here.append(replace(outcome, follow_ups=tuple(own)) if by_partition else outcome)
            for target, jobs in by_partition.items():
                letter = new_letter(partition, target, jobs)
                away.append((place, letter, posted(letter, owner)))
        return here, away

    def cancel(self, ids: Sequence[JobId]) -> list[CancelAnswer]:
        asked = list(dict.fromkeys(ids))
        answers = self._of_each(
            asked,
            lambda places: ("cancel", (joined(asked[place] for place in places),)),
            lambda answer: [CANCELLED[word] for word in answer],
            CancelAnswer.UNKNOWN,
        )
        told = dict(zip(asked, answers, strict=True))
        return [told[id] for id in ids]


def _put(answers: list[JobId], places: Sequence[int], ids: Sequence[JobId]) -> None:
    for place, id in zip(places, ids, strict=True):
        answers[place] = id


def _shares(count: int, partitions: int) -> list[int]:
    """So many, shared out."""
    each, more = divmod(count, partitions)
    return [each + (place < more) for place in range(partitions)]


def _words(answer: Any) -> list[bool]:
    return [word == YES for word in answer]
