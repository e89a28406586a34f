"""What people do by hand: redrive, clear, forget, pause, resume. In bounded steps, so that workers go on meanwhile."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import msgspec

from conveyor.drivers.base import STEP, each_once
from conveyor.drivers.sqlite import counters
from conveyor.drivers.sqlite.counters import Tally, of_stage
from conveyor.drivers.sqlite.jobs import DELAYED_STAGE, HELD_STAGE, READY_STAGE
from conveyor.drivers.sqlite.look import conditions_of
from conveyor.drivers.sqlite.part import Part, micros, to_json
from conveyor.drivers.sqlite.statements import SQL
from conveyor.drivers.sqlite.tending import delete_ended
from conveyor.records import Edits, Filter, Reason, StoredJob

_Act = Callable[[sqlite3.Connection, list[list[Any]], int], None]
"""Something done to ended jobs, each [id, place, queue, priority], at that moment."""


class People(Part):
    """The operations for people; their promises stand in `drivers/base.py`."""

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        changes = edits or Edits()
        return self._by_steps(
            where, ["dead"], limit, lambda writer, ended, now: _bring_back(writer, ended, now, changes)
        )

    def bury(self, letters: Sequence[StoredJob]) -> list[bool]:
        if not letters:
            return []
        rows = to_json([_row(letter) for letter in letters])

        def bury(writer: sqlite3.Connection) -> list[bool]:
            stored = {UUID(text) for (text,) in writer.execute(SQL["bury_lost"], {"letters": rows}).fetchall()}
            answer = each_once(letters, stored)
            tally = Tally()
            for letter, is_stored in zip(letters, answer, strict=True):
                tally.add(letter.queue, letter.priority, counters.DEAD, int(is_stored))
            tally.write(writer.execute, None)
            return answer

        return self._database.write(bury)

    def clear(self, queue: str) -> int:
        there, newest = msgspec.json.decode(self._database.read(SQL["newest"], {"queue": queue}))
        # The clock may have stepped back since the newest was pushed.
        last = max(self._clock(), newest)
        cleared = 0
        # In this order, so that what is promoted, or offered again, in the meantime is met there.
        for stage in (HELD_STAGE, DELAYED_STAGE, READY_STAGE):
            cleared += self._clear_stage(queue, stage, last, there - cleared)
        return cleared

    def _clear_stage(self, queue: str, stage: int, last: int, most: int) -> int:
        """Delete what was pushed until then, `most` jobs or a little more; answer how many."""
        some = {"queue": queue, "stage": stage, "last": last, "limit": STEP}

        def delete(writer: sqlite3.Connection) -> int:
            tally = Tally()
            rows = writer.execute(SQL["waiting"], some).fetchone()[0].decode()
            waiting = msgspec.json.decode(rows)
            writer.execute(SQL["leave"], {"ended": rows})
            writer.execute(SQL["delete_progress"], {"ended": rows})
            for _, priority in waiting:
                tally.add(queue, priority, of_stage(stage), -1)
            tally.write(writer.execute, None)
            return len(waiting)

        cleared = step = self._database.write(delete)
        while step == STEP and cleared < most:
            step = self._database.write(delete)
            cleared += step
        return cleared

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        return self._by_steps(where, ["dead", "finished"], limit, _delete)

    def _by_steps(self, where: Filter, places: list[str], limit: int | None, act: _Act) -> int:
        """Act on ended jobs; answer on how many.

        Ids grow from step to step, and to the greatest of now: however fast jobs come to an end, this one does too.
        """
        conditions = conditions_of(where, places)
        conditions["last"] = min(conditions["last"], self._database.read(SQL["greatest"]))
        done = 0
        while limit is None or done < limit:
            conditions["limit"] = step = STEP if limit is None else min(STEP, limit - done)
            now = self._clock()
            ended = self._database.write(lambda writer: _some(writer, conditions, now, act))  # noqa: B023 - called at once
            done += len(ended)
            if len(ended) < step:
                break
            # Greater than this id, and less than any that is greater.
            conditions["first"] = f"{ended[-1][0]}!"
        return done

    def pause(self, queue: str) -> None:
        self._database.write(lambda writer: writer.execute(SQL["pause"], {"queue": queue}))

    def resume(self, queue: str) -> None:
        self._database.write(lambda writer: writer.execute(SQL["resume"], {"queue": queue}))


def _some(writer: sqlite3.Connection, conditions: dict[str, Any], now: int, act: _Act) -> list[list[Any]]:
    ended: list[list[Any]] = msgspec.json.decode(writer.execute(SQL["match"], conditions).fetchone()[0])
    if ended:
        act(writer, ended, now)
    return ended


def _bring_back(writer: sqlite3.Connection, ended: list[list[Any]], now: int, edits: Edits) -> None:
    tally = Tally()
    stage = DELAYED_STAGE if edits.delay > 0 else READY_STAGE
    keys = {"ended": to_json(ended), "queue": edits.queue}
    keeping = _key_keepers(msgspec.json.decode(writer.execute(SQL["dead_keys"], keys).fetchone()[0]), ended, edits)
    payloads = {str(id): payload for id, payload in edits.payloads.items()}
    for row in ended:
        row.extend((int(row[0] in keeping), payloads.get(row[0])))
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


def _delete(writer: sqlite3.Connection, ended: list[list[Any]], _now: int) -> None:
    tally = Tally()
    delete_ended(writer, ended, tally)
    tally.write(writer.execute, None)


# fmt: off
def _row(letter: StoredJob) -> list[Any]:
    """The dead letter as bury_lost.sql wants it."""
    return [letter.id, letter.queue, letter.type, letter.priority, letter.status, letter.due_at, letter.pushed_at,
            letter.attempt, letter.failures, letter.crashes, letter.max_crashes, letter.payload, letter.options or None,
            letter.expires_at, letter.unique, letter.worker, letter.started_at, letter.finished_at or letter.pushed_at,
            letter.reason or Reason.FAILED, letter.note, letter.errors, letter.memory]
# fmt: on


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
