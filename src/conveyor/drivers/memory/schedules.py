"""Schedules as the memory driver keeps them."""

from __future__ import annotations

import msgspec

from conveyor.drivers.memory.room import Room
from conveyor.records import ScheduleBook, ScheduleRecord


class Schedules(Room):
    """See `drivers.base.Driver` for what each method promises."""

    def schedules(self) -> ScheduleBook:
        with self._step() as (state, now):
            return ScheduleBook(now=now, schedules=[state.schedules[name] for name in sorted(state.schedules)])

    def add_schedule(self, schedule: ScheduleRecord) -> bool:
        with self._step() as (state, _):
            return state.schedules.setdefault(schedule.name, schedule) is schedule

    def change_schedule(
        self, name: str, *, spec: str | None = None, paused: bool | None = None, handled_at: int | None = None
    ) -> bool:
        with self._step() as (state, _):
            old = state.schedules.get(name)
            if old is None:
                return False
            state.schedules[name] = msgspec.structs.replace(
                old,
                spec=old.spec if spec is None else spec,
                paused=old.paused if paused is None else paused,
                handled_at=old.handled_at if handled_at is None else max(old.handled_at, handled_at),
            )
            return True

    def remove_schedule(self, name: str) -> bool:
        with self._step() as (state, _):
            return state.schedules.pop(name, None) is not None
