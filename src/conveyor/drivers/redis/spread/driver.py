"""The driver for stores of many partitions: its parts put together."""

from __future__ import annotations

from conveyor.drivers.redis.cluster import Cluster
from conveyor.drivers.redis.connections import Connections
from conveyor.drivers.redis.diagnosis import Diagnosis
from conveyor.drivers.redis.opening import prepare_spread
from conveyor.drivers.redis.route import Route
from conveyor.drivers.redis.schedules import Schedules
from conveyor.drivers.redis.sentinel import Sentinels
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.drivers.redis.spread.jobs import SpreadJobs
from conveyor.drivers.redis.spread.people import SpreadPeople
from conveyor.drivers.redis.spread.shared import SpreadShared
from conveyor.drivers.redis.spread.tending import SpreadTime
from conveyor.drivers.redis.spread.wait import SpreadWait
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import Clock


class SpreadDriver(SpreadJobs, SpreadTime, SpreadWait, SpreadPeople, SpreadShared, Schedules, Diagnosis):
    """`drivers.base.Driver` on a cluster, or with queues that are spread over partitions."""

    def __init__(self, settings: RedisSettings, clock: Clock, aging: Aging, retention: Retention) -> None:
        super().__init__(_route(settings), settings.base(0), clock, aging, retention)
        try:
            prepare_spread(self._connections)
        except BaseException:
            self.close()
            raise
        self.url = settings.shown

    def close(self) -> None:
        self._connections.close()
        self._hang_up()


def _route(settings: RedisSettings) -> Route:
    if settings.nodes:
        return Cluster(settings)
    return Connections(settings, Sentinels(settings).primary if settings.sentinels else None)
