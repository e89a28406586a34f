"""What every part of the driver stands on."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from conveyor.drivers.sqlite.database import Database
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import SECOND, Clock

T = TypeVar("T")


class Part:
    """The database and the settings; the driver is made of parts like this one."""

    def __init__(self, database: Database, clock: Clock, aging: Aging, retention: Retention) -> None:
        self._database = database
        self._clock = clock
        self._aging = aging
        self._retention = retention
        # A level's share of the score, in the order in which next.sql and peek.sql name them.
        names = ("critical", "high", "normal", "low")
        self._levels = dict(zip(names, aging.offsets.values(), strict=True))


def to_json(value: Any) -> str:
    """As SQLite's JSON functions want it: text."""
    return msgspec.json.encode(value).decode()


def micros(seconds: float) -> int:
    """Seconds as the store's microseconds."""
    return round(seconds * SECOND)
