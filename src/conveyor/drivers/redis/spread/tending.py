"""Time's work in many partitions; it delivers the letters that nobody has."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from conveyor.drivers.redis.route import answers_of
from conveyor.drivers.redis.settings import PARTITIONS
from conveyor.drivers.redis.spread.letters import Letters
from conveyor.drivers.redis.tending import bounds, tended
from conveyor.errors import StoreError
from conveyor.records import Claim, Tended


class SpreadTime(Letters):
    """The operations that time calls for; their promises stand in `drivers/base.py`."""

    def tend(self, types: Sequence[str] = ()) -> Tended:
        keep = self._retention
        ended = self._run_everywhere("ended")
        finished = _shares(keep.finished_count, [each[0] for each in ended])
        dead = _shares(keep.dead_count, [each[1] for each in ended])
        answers = self._run_at(
            (number, "tend", (bounds(replace(keep, finished_count=finished[number], dead_count=dead[number]), types),))
            for number in range(PARTITIONS)
        )
        # What follows in other partitions waits in the outboxes of those that answered, whatever the others do.
        self._deliver_from(
            [number for number, each in enumerate(answers) if not isinstance(each, StoreError) and each[-1]]
        )
        steps = [tended(answer) for answer in answers_of(answers)]
        return Tended(
            promoted=sum(step.promoted for step in steps),
            expired=sum(step.expired for step in steps),
            unheld=sum(step.unheld for step in steps),
            pruned=sum(step.pruned for step in steps),
            more=any(step.more for step in steps),
        )

    def lapsed(self, limit: int) -> list[Claim]:
        return self._all_claims("lapsed", max(0, limit))[: max(0, limit)]

    def held_by(self, workers: Sequence[str]) -> list[Claim]:
        return self._all_claims("held_by", *workers)

    def _all_claims(self, name: str, *arguments: object) -> list[Claim]:
        found: list[Claim] = []
        for partition, answer in enumerate(self._run_everywhere(name, *arguments)):
            claims = self._partitions[partition].claims(answer)
            self._remember(partition, [claim.id for claim in claims])
            found += claims
        return found


def _shares(count: int | None, kept: Sequence[int]) -> list[int | None]:
    """How many of `count` each partition may keep, so that each loses its part of what is too many."""
    total = sum(kept)
    if count is None or total <= count:
        return [None] * len(kept)
    shares = [each * count // total for each in kept]
    # What the division has left over goes to those that lost most by it: none is given more than it has.
    by_loss = sorted(range(len(kept)), key=lambda number: -(kept[number] * count % total))
    for number in by_loss[: count - sum(shares)]:
        shares[number] += 1
    return list(shares)
