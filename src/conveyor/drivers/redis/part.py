"""What every part of the driver stands on."""

from __future__ import annotations

from typing import Any, Final

from conveyor.drivers.redis.connections import Connections
from conveyor.drivers.redis.encoding import pack
from conveyor.priority import Aging
from conveyor.retention import Retention
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

    def _run(self, name: str, *arguments: Any) -> Any:
        """Run a script at the present moment."""
        now = "" if self._clock is None else self._clock()
        return self._connections.run(name, self._key, now, *arguments)
