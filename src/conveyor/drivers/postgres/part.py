"""What every part of the driver stands on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from uuid import UUID

import msgspec

from conveyor.drivers.postgres.database import Database
from conveyor.drivers.postgres.fronts import Fronts
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import SECOND, Clock, system_clock


class Part:
    """The database and the settings; the driver is made of parts like this one."""

    def __init__(self, database: Database, clock: Clock, aging: Aging, retention: Retention) -> None:
        self._database = database
        self._clock = clock
        self._aging = aging
        self._retention = retention
        self._fronts = Fronts(aging)

    def _now(self) -> int | None:
        """The present moment, where a test has given us a clock; `None` for the server's."""
        return None if self._clock is system_clock else self._clock()


def to_json(value: Any) -> str:
    """As the server's JSON functions want it: text."""
    return msgspec.json.encode(value).decode()


def to_array(ids: Iterable[UUID]) -> str:
    """Ids as the server reads an array of them."""
    return f"{{{','.join(map(str, ids))}}}"


def micros(seconds: float) -> int:
    """Seconds as the store's microseconds."""
    return round(seconds * SECOND)
