"""What people do by hand: redrive, clear, forget, pause, resume. In bounded steps, so that workers go on meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import msgspec

from conveyor.drivers.base import STEP
from conveyor.drivers.sqlite import counters
from conveyor.drivers.sqlite.counters import Tally, of_stage
from conveyor.drivers.sqlite.jobs import DELAYED_STAGE, HELD_STAGE, READY_STAGE
from conveyor.drivers.sqlite.look import conditions_of
from conveyor.drivers.sqlite.part import Part, micros, to_json
from conveyor.drivers.sqlite.statements import SQL
from conveyor.drivers.sqlite.tending import delete_ended
from conveyor.records import Edits, Filter


class People(Part):
    """The operations for people; their promises stand in `drivers/base.py`."""

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        return _by_steps(lambda step: self._redrive_some(where, edits or Edits(), step), limit)

    def _redrive_some(self, where: Filter, edits: Edits, step: int) -> int:
        now, tally = self._clock(), Tally()
        stage = DELAYED_STAGE if edits.delay > 0 else READY_STAGE

        def bring_back(writer: sqlite3.Connection) -> int:
            conditions = conditions_of(where, ["dead"])
            ended: list[list[Any]] = msgspec.json.decode(
                writer.execute(SQL["match"], {**conditions, "limit": step}).fetchone()[0]
            )
            if not ended:
                return 0
            keys = {"ended": to_json(ended), "queue": edits.queue}
            keeping = _key_keepers(
                msgspec.json.decode(writer.execute(SQL["dead_keys"], keys).fetchone()[0]), ended, edits
            )
            for row in ended:
                row.append(int(row[0] in keeping))
                tally.add(edits.queue or row[2], edits.priority or row[3], of_stage(stage))
            redriven = {
                "ended": to_json(ended),
                "queue": edits.queue,
                "priority": edits.priority,
                "payload": edits.payload,
                "stage": stage,
                "due": now + micros(edits.delay),
            }
            writer.execute(SQL["redrive"], redriven)
            writer.execute(SQL["delete_dead"], {"ended": redriven["ended"]})
            for row in ended:
                tally.add(row[2], row[3], counters.DEAD, -1)
            tally.write(writer.execute, None)
            return len(ended)

        return self._database.write(bring_back)

    def clear(self, queue: str) -> int:
        return sum(
            _by_steps(lambda step, stage=stage: self._clear_some(queue, stage, step), None)  # type: ignore[misc]
            for stage in (READY_STAGE, DELAYED_STAGE, HELD_STAGE)
        )

    def _clear_some(self, queue: str, stage: int, step: int) -> int:
        def delete(writer: sqlite3.Connection) -> int:
            tally = Tally()
            some = {"queue": queue, "stage": stage, "limit": step}
            rows = writer.execute(SQL["waiting"], some).fetchone()[0].decode()
            waiting = msgspec.json.decode(rows)
            writer.execute(SQL["leave"], {"ended": rows})
            writer.execute(SQL["delete_progress"], {"ended": rows})
            for _, priority in waiting:
                tally.add(queue, priority, of_stage(stage), -1)
            tally.write(writer.execute, None)
            return len(waiting)

        return self._database.write(delete)

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        return _by_steps(lambda step: self._forget_some(where, step), limit)

    def _forget_some(self, where: Filter, step: int) -> int:
        def delete(writer: sqlite3.Connection) -> int:
            tally = Tally()
            conditions = conditions_of(where, ["dead", "finished"])
            ended = msgspec.json.decode(writer.execute(SQL["match"], {**conditions, "limit": step}).fetchone()[0])
            delete_ended(writer, ended, tally)
            tally.write(writer.execute, None)
            return len(ended)

        return self._database.write(delete)

    def pause(self, queue: str) -> None:
        self._database.write(lambda writer: writer.execute(SQL["pause"], {"queue": queue}))

    def resume(self, queue: str) -> None:
        self._database.write(lambda writer: writer.execute(SQL["resume"], {"queue": queue}))


def _by_steps(some: Callable[[int], int], limit: int | None) -> int:
    """Call `some(step)` until it does less than it may, or `limit` is reached; answer the sum."""
    done = 0
    while limit is None or done < limit:
        step = STEP if limit is None else min(STEP, limit - done)
        did = some(step)
        done += did
        if did < step:
            break
    return done


def _key_keepers(keys: list[tuple[str, str, int]], ended: list[list[Any]], edits: Edits) -> set[str]:
    """The jobs that may keep their unique key: it is free, and no earlier job of this step takes it."""
    queues = {row[0]: edits.queue or row[2] for row in ended}
    taken: set[tuple[str, str]] = set()
    keeping: set[str] = set()
    for job_id, key, free in sorted(keys):
        place = (queues[job_id], key)
        if free and place not in taken:
            taken.add(place)
            keeping.add(job_id)
    return keeping
