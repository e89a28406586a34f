"""Time's work: tending, and looking for claims whose holder is gone."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from conveyor.drivers.base import STEP
from conveyor.drivers.sqlite import counters
from conveyor.drivers.sqlite.counters import Tally
from conveyor.drivers.sqlite.jobs import bury_overdue, promote_due
from conveyor.drivers.sqlite.part import Part, micros, to_json
from conveyor.drivers.sqlite.statements import SQL
from conveyor.records import Claim, Tended
from conveyor.retention import METRICS_KEPT
from conveyor.times import SECOND

_Claims: Final = msgspec.json.Decoder(list[Claim])
_DAY: Final = 86_400.0


class Time(Part):
    """The operations that time calls for; their promises stand in `drivers/base.py`."""

    def tend(self, types: Sequence[str] = ()) -> Tended:
        now = self._clock()
        keep = self._retention
        looking: dict[str, Any] = {
            "now": now,
            "types": to_json(list(types)),
            "finished_count": keep.finished_count,
            "finished_cutoff": _before(now, keep.finished_age),
            "dead_count": keep.dead_count,
            "dead_cutoff": _before(now, keep.dead_age),
            "metrics_cutoffs": to_json(
                {
                    span: (now - micros(min(age, keep.metrics_age))) // (60 * SECOND)
                    for span, age in METRICS_KEPT.items()
                }
            ),
            "slot_cutoff": _before(now, None if keep.finished_age is None else max(keep.finished_age, _DAY)),
            "worker_cutoff": _before(now, _DAY),
        }
        if not any(msgspec.json.decode(self._database.read(SQL["untended"], looking)).values()):
            return Tended()
        return self._database.write(lambda writer: _tend(writer, now, looking), hurry=False)

    def lapsed(self, limit: int) -> list[Claim]:
        return _Claims.decode(self._database.read(SQL["lapsed"], {"now": self._clock(), "limit": limit}))

    def held_by(self, workers: Sequence[str]) -> list[Claim]:
        return _Claims.decode(self._database.read(SQL["held_by"], {"workers": to_json(list(workers))}))


def _tend(writer: sqlite3.Connection, now: int, looking: dict[str, Any]) -> Tended:
    tally = Tally()
    # Again under the lock: what another worker has pruned meanwhile must not be pruned twice.
    found: dict[str, Any] = msgspec.json.decode(writer.execute(SQL["untended"], looking).fetchone()[0])
    expired = promoted = 0
    for queue in found["overdue"]:
        expired += bury_overdue(writer, queue, now, tally, STEP - expired)
    for queue in found["due"]:
        promoted += promote_due(writer, queue, now, tally, STEP - promoted)
    unheld = _offer_held(writer, looking["types"], tally) if found["held"] else 0
    pruned = [
        _prune(writer, kind, looking[f"{kind}_cutoff"], min(found[kind], STEP), tally)
        for kind in ("finished", "dead")
        if found[kind]
    ]
    if found["metrics"]:
        cutoffs = {"cutoffs": looking["metrics_cutoffs"], "limit": STEP}
        pruned.append(writer.execute(SQL["prune_metrics"], cutoffs).rowcount)
    for what in ("slot", "worker"):
        if found[f"{what}s"]:
            writer.execute(SQL[f"prune_{what}s"], {"cutoff": looking[f"{what}_cutoff"], "limit": STEP})
    tally.write(writer.execute, None)
    return Tended(
        promoted=promoted,
        expired=expired,
        unheld=unheld,
        pruned=sum(pruned),
        more=STEP in {promoted, expired, unheld, *pruned},
    )


def delete_ended(writer: sqlite3.Connection, ended: Sequence[Sequence[Any]], tally: Tally) -> None:
    """Delete history and dead letters, given as [id, place, queue, priority, …]."""
    for kind, counter in (("finished", counters.FINISHED), ("dead", counters.DEAD)):
        of_kind = [row for row in ended if row[1] == kind]
        if not of_kind:
            continue
        rows = to_json(of_kind)
        writer.execute(SQL[f"delete_{kind}"], {"ended": rows})
        writer.execute(SQL["delete_progress"], {"ended": rows})
        for row in of_kind:
            tally.add(row[2], row[3], counter, -1)


def _prune(writer: sqlite3.Connection, kind: str, cutoff: int | None, excess: int, tally: Tally) -> int:
    rows = writer.execute(SQL[f"prunable_{kind}"], {"step": STEP, "cutoff": cutoff, "excess": excess}).fetchone()[0]
    ended = msgspec.json.decode(rows)
    delete_ended(writer, ended, tally)
    return len(ended)


def _offer_held(writer: sqlite3.Connection, types: str, tally: Tally) -> int:
    rows = writer.execute(SQL["held_of_types"], {"types": types, "limit": STEP}).fetchone()[0]
    held = msgspec.json.decode(rows)
    writer.execute(SQL["promote"], {"seqs": rows.decode()})
    for _, priority, queue in held:
        tally.add(queue, priority, counters.HELD, -1)
        tally.add(queue, priority, counters.READY)
    return len(held)


def _before(now: int, age: float | None) -> int | None:
    return None if age is None else now - micros(age)
