"""Time's work: tending, and looking for claims whose holder is gone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conveyor.drivers.base import STEP
from conveyor.drivers.redis.encoding import micros, pack
from conveyor.drivers.redis.part import Part
from conveyor.records import Claim, Tended
from conveyor.retention import METRICS_KEPT, Retention

_DAY: Final = 86_400.0


class Time(Part):
    """The operations that time calls for; their promises stand in `drivers/base.py`."""

    def tend(self, types: Sequence[str] = ()) -> Tended:
        return tended(self._run("tend", bounds(self._retention, types)))

    def lapsed(self, limit: int) -> list[Claim]:
        return self.claims(self._run("lapsed", max(0, limit)))

    def held_by(self, workers: Sequence[str]) -> list[Claim]:
        return self.claims(self._run("held_by", *workers))


def bounds(keep: Retention, types: Sequence[str]) -> bytes:
    """What tend.lua has to know."""
    return pack(
        (
            _age(keep.finished_age),
            keep.finished_count,
            _age(keep.dead_age),
            keep.dead_count,
            [each for span, age in METRICS_KEPT.items() for each in (span, micros(min(age, keep.metrics_age)))],
            _age(None if keep.finished_age is None else max(keep.finished_age, _DAY)),
            list(types),
        )
    )


def tended(answer: Sequence[int]) -> Tended:
    """What tend.lua has answered."""
    promoted, expired, unheld, *pruned, _ = answer
    return Tended(
        promoted=promoted,
        expired=expired,
        unheld=unheld,
        pruned=sum(pruned),
        more=STEP in {promoted, expired, unheld, *pruned},
    )


def _age(seconds: float | None) -> int | None:
    return None if seconds is None else micros(seconds)
