"""What people do by hand: redrive, clear, forget, pause, resume. In bounded steps, so that workers go on meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final
from uuid import UUID

from conveyor.drivers.base import STEP, each_once
from conveyor.drivers.postgres.database import Rows
from conveyor.drivers.postgres.look import conditions_of
from conveyor.drivers.postgres.part import Part, micros, to_array, to_json
from conveyor.records import Edits, Filter, JobId, Reason, StoredJob

DELAYED_STAGE: Final = 0
READY_STAGE: Final = 1
HELD_STAGE: Final = 3


class People(Part):
    """The operations for people; their promises stand in `drivers/base.py`."""

    def redrive(self, where: Filter, *, edits: Edits | None = None, limit: int | None = None) -> int:
        changes = edits or Edits()
        redriven = {
            "queue": changes.queue,
            "priority": changes.priority,
            "payload": changes.payload,
            "delay": micros(changes.delay),
            "lifts": to_json(self._aging.offsets),
        }

        def bring_back(ids: Sequence[UUID]) -> Rows:
            if changes.payloads:
                each = {str(id): changes.payloads.get(JobId(id)) for id in ids}
                return self._database.run("redrive_each", {**redriven, "payloads": to_json(each), "now": self._now()})
            return self._database.run("redrive", {**redriven, "ids": to_array(ids), "now": self._now()})

        return self._by_steps(where, ["dead"], limit, bring_back)

    def forget(self, where: Filter, *, limit: int | None = None) -> int:
        return self._by_steps(
            where, ["dead", "history"], limit, lambda ids: self._database.run("forget", {"ids": to_array(ids)})
        )

    def _by_steps(
        self, where: Filter, places: list[str], limit: int | None, act: Callable[[Sequence[UUID]], Rows]
    ) -> int:
        """Act on ended jobs; answer on how many.

        Ids grow from step to step, and to the greatest of now: however fast jobs come to an end, this one does too.
        """
        greatest = self._database.run("greatest")
        conditions = {**conditions_of(where, places), "last": greatest[0][0] if greatest else None, "above": None}
        done = 0
        while greatest and (limit is None or done < limit):
            step = STEP if limit is None else min(STEP, limit - done)
            rows = self._database.run("match", {**conditions, "limit": step}, prepare=False)
            if rows:
                done += act([job_id for (job_id,) in rows])[0][0]
            if len(rows) < step:
                break
            conditions["above"] = rows[-1][0]
        return done

    def bury(self, letters: Sequence[StoredJob]) -> list[bool]:
        if not letters:
            return []
        stored = {id for (id,) in self._database.run("bury", {"letters": to_json([_row(each) for each in letters])})}
        return each_once(letters, stored)

    def clear(self, queue: str) -> int:
        last: int = self._database.run("newest")[0][0]
        # In this order, so that what is promoted, or offered again, in the meantime is met there.
        return sum(self._clear_stage(queue, stage, last) for stage in (HELD_STAGE, DELAYED_STAGE, READY_STAGE))

    def _clear_stage(self, queue: str, stage: int, last: int) -> int:
        some = {"queue": queue, "stage": stage, "last": last, "limit": STEP}
        went: int = self._database.run("clear", some)[0][0]
        cleared = went
        while went == STEP:
            went = self._database.run("clear", some)[0][0]
            cleared += went
        return cleared

    def pause(self, queue: str) -> None:
        self._database.run("pause", {"queue": queue})

    def resume(self, queue: str) -> None:
        self._database.run("resume", {"queue": queue})


# fmt: off
def _row(letter: StoredJob) -> list[Any]:
    """The dead letter as bury.sql wants it."""
    return [letter.id, letter.due_at, letter.pushed_at, letter.expires_at, letter.started_at,
            letter.finished_at or letter.pushed_at, letter.attempt, letter.failures, letter.crashes, letter.max_crashes,
            letter.priority, letter.queue, letter.type, letter.payload, letter.options or None, letter.unique,
            letter.worker, letter.status, letter.reason or Reason.FAILED, letter.note,
            [to_json(failure) for failure in letter.errors], letter.memory]
# fmt: on
