"""The schedules that a store keeps."""

from __future__ import annotations

from typing import Final

import msgspec

from conveyor.drivers.redis.encoding import pack
from conveyor.drivers.redis.part import Part
from conveyor.records import ScheduleBook, ScheduleRecord

_unpack: Final = msgspec.msgpack.Decoder(tuple[str, bool, int]).decode


class Schedules(Part):
    """The operations on schedules; their promises stand in `drivers/base.py`."""

    def schedules(self) -> ScheduleBook:
        now, flat = self._run("schedules")
        found: list[ScheduleRecord] = []
        for name, record in zip(flat[::2], flat[1::2], strict=True):
            try:
                spec, paused, handled_at = _unpack(record)
            except (msgspec.MsgspecError, ValueError):
                # Damaged by a foreign hand: shown as it is, and taken for no rule by whoever reads it.
                spec, paused, handled_at = record.decode("utf-8", "backslashreplace"), False, 0
            found.append(
                ScheduleRecord(
                    name=name.decode("utf-8", "backslashreplace"), spec=spec, paused=paused, handled_at=handled_at
                )
            )
        return ScheduleBook(now=int(now), schedules=sorted(found, key=lambda schedule: schedule.name))

    def add_schedule(self, schedule: ScheduleRecord) -> bool:
        record = pack((schedule.spec, schedule.paused, schedule.handled_at))
        return bool(self._connections.command("HSETNX", f"{self._key}:schedules", schedule.name, record))

    def change_schedule(
        self, name: str, *, spec: str | None = None, paused: bool | None = None, handled_at: int | None = None
    ) -> bool:
        return bool(self._run("change_schedule", name, pack((spec, paused, handled_at))))

    def remove_schedule(self, name: str) -> bool:
        return bool(self._connections.command("HDEL", f"{self._key}:schedules", name))
