"""The driver: its parts put together."""

from __future__ import annotations

from conveyor.drivers.redis.connections import Connections
from conveyor.drivers.redis.diagnosis import Diagnosis
from conveyor.drivers.redis.jobs import Jobs
from conveyor.drivers.redis.opening import prepare, refuse_spread
from conveyor.drivers.redis.people import People
from conveyor.drivers.redis.schedules import Schedules
from conveyor.drivers.redis.sentinel import Sentinels
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.drivers.redis.shared import Shared
from conveyor.drivers.redis.tending import Time
from conveyor.drivers.redis.wait import Wait
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import Clock


class RedisDriver(Jobs, Time, Wait, People, Shared, Schedules, Diagnosis):
    """`drivers.base.Driver` on one Redis or Valkey server, or on the primary that sentinels name."""

    def __init__(self, settings: RedisSettings, clock: Clock, aging: Aging, retention: Retention) -> None:
        find = Sentinels(settings).primary if settings.sentinels else None
        super().__init__(Connections(settings, find), settings.prefix, clock, aging, retention)
        try:
            refuse_spread(self._connections)
            prepare(self._connections, self._key)
        except BaseException:
            self.close()
            raise
        self.url = settings.shown

    def close(self) -> None:
        self._connections.close()
        self._hang_up()
