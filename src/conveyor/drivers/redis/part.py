"""What every part of the driver stands on."""

from __future__ import annotations

from typing import Any, Final

from conveyor.drivers.base import Retention
from conveyor.drivers.redis.connections import Connections
from conveyor.drivers.redis.encoding import claims_in, pack
from conveyor.drivers.redis.names import NameTable
from conveyor.drivers.redis.records import all_stored
from conveyor.priority import Aging
from conveyor.records import Claim, StoredJob
from conveyor.times import Clock, system_clock


class Part:
    """The connections and the settings; the driver is made of parts like this one."""

    def __init__(self, connections: Connections, clock: Clock, aging: Aging, retention: Retention) -> None:
        self._connections: Final = connections
        self._key: Final = connections.settings.prefix
        # The server tells the time, unless a test does.
        self._clock: Final = None if clock is system_clock else clock
        self._offsets: Final = pack(list(aging.offsets.values()))
        self._retention: Final = retention
        self._queue_names: Final = NameTable(connections, f"{self._key}:queues")
        self._type_names: Final = NameTable(connections, f"{self._key}:types")

    def _run(self, name: str, *arguments: Any) -> Any:
        """Run a script at the present moment."""
        now = "" if self._clock is None else self._clock()
        return self._connections.run(name, self._key, now, *arguments)

    def _claims(self, blob: bytes) -> list[Claim]:
        return claims_in(blob, self._queue_names.of, self._type_names.of)

    def _stored(self, answer: list[Any]) -> list[StoredJob | None]:
        return all_stored(answer, queue_of=self._queue_names.of, type_of=self._type_names.of)
