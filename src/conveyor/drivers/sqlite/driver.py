"""The driver: its parts put together, and how it is opened."""

from __future__ import annotations

from conveyor.drivers.base import Driver
from conveyor.drivers.sqlite.database import Database
from conveyor.drivers.sqlite.diagnosis import Diagnosis
from conveyor.drivers.sqlite.jobs import Jobs
from conveyor.drivers.sqlite.look import Look
from conveyor.drivers.sqlite.people import People
from conveyor.drivers.sqlite.schedules import Schedules
from conveyor.drivers.sqlite.settings import SqliteSettings
from conveyor.drivers.sqlite.shared import Shared
from conveyor.drivers.sqlite.tending import Time
from conveyor.drivers.sqlite.wait import Wait
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import Clock


class SqliteDriver(Jobs, Time, Wait, Look, People, Shared, Schedules, Diagnosis):
    """`drivers.base.Driver` on one SQLite file."""

    def __init__(
        self,
        url: str,
        clock: Clock,
        aging: Aging,
        retention: Retention,
        *,
        create: bool = True,
        beside: object | None = None,
    ) -> None:
        database = Database(SqliteSettings.from_url(url), create=create, beside=beside)
        super().__init__(database, clock, aging, retention)
        self.url = url

    def close(self) -> None:
        self._database.close()
        self._watches.close()


def open_url(
    url: str, *, clock: Clock, aging: Aging, retention: Retention, create: bool = True, beside: object | None = None
) -> Driver:
    """Open the file that a `sqlite:` URL names; with `create`, make it if there is none.

    Raises:
        ConfigError: the URL cannot work.
        SchemaMismatch: the file is not conveyor's, or of a newer release.
        StoreUnavailable: it cannot be opened, read or written.
    """
    return SqliteDriver(url, clock, aging, retention, create=create, beside=beside)
