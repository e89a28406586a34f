"""The driver: its parts put together."""

from __future__ import annotations

from conveyor.drivers.postgres.database import Database
from conveyor.drivers.postgres.diagnosis import Diagnosis
from conveyor.drivers.postgres.jobs import Jobs
from conveyor.drivers.postgres.look import Look
from conveyor.drivers.postgres.people import People
from conveyor.drivers.postgres.schedules import Schedules
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.drivers.postgres.shared import Shared
from conveyor.drivers.postgres.tending import Time
from conveyor.drivers.postgres.wait import Wait
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import Clock


class PostgresDriver(Jobs, Time, Wait, Look, People, Shared, Schedules, Diagnosis):
    """`drivers.base.Driver` on a PostgreSQL server."""

    def __init__(self, url: str, clock: Clock, aging: Aging, retention: Retention) -> None:
        settings = PostgresSettings.from_url(url)
        super().__init__(Database(settings), clock, aging, retention)
        self.url = settings.url

    def close(self) -> None:
        self._database.close()
        self._close_listeners()
        self._lending.close()
