"""Time's work: tending, and looking for claims whose holder is gone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap
from typing import Final

from conveyor.drivers.base import STEP
from conveyor.drivers.postgres.part import Part, micros, to_json
from conveyor.records import Claim, Tended
from conveyor.retention import METRICS_KEPT

_DAY: Final = 86_400.0


class Time(Part):
    """The operations that time calls for; their promises stand in `drivers/base.py`."""

    def tend(self, types: Sequence[str] = ()) -> Tended:
        keep = self._retention
        parameters = {
            "types": to_json(list(types)),
            "now": self._now(),
            "finished_age": _age(keep.finished_age),
            "finished_count": keep.finished_count,
            "dead_age": _age(keep.dead_age),
            "dead_count": keep.dead_count,
            "metrics_kept": to_json({span: micros(min(age, keep.metrics_age)) for span, age in METRICS_KEPT.items()}),
            "slot_age": _age(None if keep.finished_age is None else max(keep.finished_age, _DAY)),
        }
        promoted, expired, unheld, *pruned = self._database.run("tend", parameters)[0]
        return Tended(
            promoted=promoted,
            expired=expired,
            unheld=unheld,
            pruned=sum(pruned),
            # Of the history, days may go as a whole.
            more=any(number >= STEP for number in (promoted, expired, unheld, *pruned)),
        )

    def lapsed(self, limit: int) -> list[Claim]:
        return list(starmap(Claim, self._database.run("lapsed", {"now": self._now(), "limit": max(0, limit)})))

    def held_by(self, workers: Sequence[str]) -> list[Claim]:
        return list(starmap(Claim, self._database.run("held_by", {"workers": to_json(list(workers))})))


def _age(seconds: float | None) -> int | None:
    return None if seconds is None else micros(seconds)
