"""Schedules as the file keeps them."""

from __future__ import annotations

from typing import Final

import msgspec

from conveyor.drivers.sqlite.part import Part
from conveyor.drivers.sqlite.statements import SQL
from conveyor.records import ScheduleBook, ScheduleRecord

_Schedules: Final = msgspec.json.Decoder(list[ScheduleRecord])


class Schedules(Part):
    """The operations on schedules; their promises stand in `drivers/base.py`."""

    def schedules(self) -> ScheduleBook:
        return ScheduleBook(now=self._clock(), schedules=_Schedules.decode(self._database.read(SQL["schedules"])))

    def add_schedule(self, schedule: ScheduleRecord) -> bool:
        row = msgspec.structs.asdict(schedule)
        return self._database.write(lambda writer: writer.execute(SQL["add_schedule"], row).rowcount > 0)

    def change_schedule(
        self, name: str, *, spec: str | None = None, paused: bool | None = None, handled_at: int | None = None
    ) -> bool:
        changes = {"name": name, "spec": spec, "paused": paused, "handled_at": handled_at}
        return self._database.write(lambda writer: writer.execute(SQL["change_schedule"], changes).rowcount > 0)

    def remove_schedule(self, name: str) -> bool:
        return self._database.write(lambda writer: writer.execute(SQL["remove_schedule"], {"name": name}).rowcount > 0)
