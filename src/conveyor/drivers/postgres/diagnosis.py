"""What a server says of itself: version, settings, room; see `drivers.base.Driver.diagnose`."""

from __future__ import annotations

from typing import Final

from conveyor.drivers.postgres.part import Part
from conveyor.drivers.postgres.statements import MIGRATIONS
from conveyor.findings import Finding

_LONG: Final = 600.0
"""Seconds after which an open transaction keeps too much from being vacuumed."""
_CROWDED: Final = 0.9
"""The share of the server's connections above which the next program may not get one."""


class Diagnosis(Part):
    """The operations on the store itself; their promises stand in `drivers/base.py`."""

    def now(self) -> int:
        moment = self._now()
        if moment is not None:
            self._database.check_open()
            return moment
        present: int = self._database.run("now")[0][0]
        return present

    def diagnose(self) -> list[Finding]:
        version, schema, fsync, commit, is_standby, limit, used, oldest, autovacuum = self._database.run("settings")[0]
        return [
            Finding(is_ok=True, text=f"PostgreSQL {version}, schema {schema} of {len(MIGRATIONS)}"),
            Finding(
                is_ok=fsync == "on",
                text=f"fsync is {fsync}",
                remedy="" if fsync == "on" else "set it on: without it a power cut may destroy the database",
            ),
            Finding(
                is_ok=commit != "off",
                text=f"synchronous_commit is {commit}",
                remedy=""
                if commit != "off"
                else "set it on: a crash of the server may forget claims and outcomes, and jobs then run twice",
            ),
            Finding(
                is_ok=not is_standby,
                text="a standby, which can only be read" if is_standby else "it can be written",
                remedy="name the primary in the store URL" if is_standby else "",
            ),
            Finding(
                is_ok=used < _CROWDED * limit,
                text=f"{used} of {limit} connections are in use",
                remedy="" if used < _CROWDED * limit else "raise max_connections, or put a pooler before the server",
            ),
            Finding(
                is_ok=oldest < _LONG,
                text=f"the oldest transaction has been open for {oldest:.0f} s",
                remedy=""
                if oldest < _LONG
                else "end it: nothing that went since can be vacuumed, and claims grow slow",
            ),
            Finding(
                is_ok=autovacuum == "on",
                text=f"autovacuum is {autovacuum}",
                remedy="" if autovacuum == "on" else "set it on: the tables of jobs live by being vacuumed",
            ),
        ]
