"""A history in an SQLite file."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from conveyor import unbroken
from conveyor.drivers.sqlite.connection import Connection
from conveyor.drivers.sqlite.settings import SqliteSettings
from conveyor.drivers.sqlite.translation import is_busy, translate
from conveyor.errors import StoreUnavailable
from conveyor.history.moves import encode
from conveyor.history.tables import Rows, Step, check_version, not_migrated, read_sql

SQL, MIGRATIONS = read_sql(Path(__file__).parent)

_READING: Final = frozenset(name for name, text in SQL.items() if text.startswith("SELECT"))


class SqliteTables:
    """`Tables` in a file: one connection, which one thread at a time uses."""

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self._settings: Final = SqliteSettings.from_url(url)
        self._path: Final = self._settings.path.absolute()
        self._lock: Final = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._is_closed = False
        self.run()

    def run(self, *steps: Step) -> Rows:
        return unbroken.step(lambda: self._run(steps))

    def _run(self, steps: tuple[Step, ...]) -> Rows:
        timeout = self._settings.timeout
        if not self._lock.acquire(timeout=timeout):
            raise StoreUnavailable(f"other threads kept {self._path} busy for {timeout:g} s; try again")
        try:
            connection = self._open()
            rows: Rows = []
            with connection:
                if any(name not in _READING for name, _ in steps):
                    self._begin(connection)
                for name, parameters in steps:
                    rows = _run(connection, name, parameters)
            return rows
        except sqlite3.Error as error:
            raise translate(error, self._path, timeout) from error
        finally:
            self._lock.release()

    def _begin(self, connection: sqlite3.Connection) -> None:
        """Take the write lock. SQLite's own waiting sleeps up to 100 ms at a time; short sleeps find the gap sooner."""
        deadline = time.monotonic() + self._settings.timeout
        pause = 0.000_2
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= deadline:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreading, not secrecy
            pause = min(1.5 * pause, 0.005)

    def _open(self) -> sqlite3.Connection:
        """The connection; to the file that the path names now, for what is written to a removed one is lost."""
        if self._is_closed:
            raise StoreUnavailable(f"the history in {self._path} is closed; open it again")
        if self._connection is not None and _inode_of(self._path) == self._inode:
            return self._connection
        self._disconnect()
        if not self._path.parent.is_dir():
            raise StoreUnavailable(f"there is no directory {self._path.parent} for the history; make it")
        if not self._settings.migrate and not self._path.exists():
            raise not_migrated(0, len(MIGRATIONS), str(self._path))
        connection = sqlite3.connect(
            self._path,
            timeout=self._settings.timeout,
            isolation_level=None,
            check_same_thread=False,
            factory=Connection,
        )
        try:
            self._prepare(connection)
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
        except BaseException:
            connection.close()
            raise
        self._connection, self._inode = connection, _inode_of(self._path)
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'FULL' if self._settings.durability == 'full' else 'NORMAL'}")
        if self._version(connection) == len(MIGRATIONS):
            return
        if not self._settings.migrate:
            raise not_migrated(self._version(connection), len(MIGRATIONS), str(self._path))
        with connection:
            connection.execute("BEGIN IMMEDIATE")
            # Again under the lock: another process may have been faster.
            for step in MIGRATIONS[self._version(connection) :]:
                for statement in step.split(";\n"):
                    connection.execute(statement)
            connection.execute("UPDATE conveyor_history_schema SET version = ?", (len(MIGRATIONS),))

    def _version(self, connection: sqlite3.Connection) -> int:
        try:
            version: int = connection.execute("SELECT version FROM conveyor_history_schema").fetchone()[0]
        except sqlite3.OperationalError as error:
            if is_busy(error) or "no such table" not in str(error):
                raise
            return 0
        check_version(version, len(MIGRATIONS), str(self._path))
        return version

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _run(connection: sqlite3.Connection, name: str, parameters: Mapping[str, Any]) -> Rows:
    if "rows" not in parameters:
        named = {key: encode(value).decode() if isinstance(value, list) else value for key, value in parameters.items()}
        return connection.execute(SQL[name], named).fetchall()
    answered: Rows = []
    # Row by row: a statement that takes JSON apart needs three times as long.
    for id, *rest in parameters["rows"]:
        answered += connection.execute(SQL[name], (str(id), *rest)).fetchall()
    return answered


def _inode_of(path: Path) -> int:
    try:
        return os.stat(path).st_ino  # noqa: PTH116 - called for every step
    except FileNotFoundError:
        return 0
