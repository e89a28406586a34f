"""The embedded store: one SQLite file beside the program, shared by any number of processes. Decision 0003 says why."""

from conveyor.drivers.sqlite.driver import SqliteDriver, open_url

__all__ = ["SqliteDriver", "open_url"]
