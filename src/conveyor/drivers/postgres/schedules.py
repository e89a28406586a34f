"""Schedules as the server keeps them."""

from __future__ import annotations

import msgspec

from conveyor.drivers.postgres.part import Part
from conveyor.records import ScheduleBook, ScheduleRecord


class Schedules(Part):
    """The operations on schedules; their promises stand in `drivers/base.py`."""

    def schedules(self) -> ScheduleBook:
        rows = self._database.run("schedules", {"now": self._now()})
        return ScheduleBook(
            now=rows[0][0],
            schedules=[
                ScheduleRecord(name=name, spec=spec, paused=paused, handled_at=handled_at)
                for _, name, spec, paused, handled_at in rows
                if name is not None
            ],
        )

    def add_schedule(self, schedule: ScheduleRecord) -> bool:
        return bool(self._database.run("add_schedule", msgspec.structs.asdict(schedule)))

    def change_schedule(
        self, name: str, *, spec: str | None = None, paused: bool | None = None, handled_at: int | None = None
    ) -> bool:
        changes = {"name": name, "spec": spec, "paused": paused, "handled_at": handled_at}
        return bool(self._database.run("change_schedule", changes))

    def remove_schedule(self, name: str) -> bool:
        return bool(self._database.run("remove_schedule", {"name": name}))
