"""The embedded store: one SQLite file beside the program, shared by any number of processes. Decision 0003 says why."""

from conveyor.drivers.sqlite.driver import SqliteDriver, open_url
from conveyor.drivers.sqlite.migrating import open_schema

__all__ = ["SqliteDriver", "open_schema", "open_url"]
