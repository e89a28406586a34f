"""The tables of a file, looked at without opening the store."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import Final
from urllib.parse import quote

from conveyor.drivers.schema import Schema
from conveyor.drivers.sqlite.database import Database
from conveyor.drivers.sqlite.schema import LATEST, script, version_of
from conveyor.drivers.sqlite.settings import SqliteSettings
from conveyor.drivers.sqlite.translation import translate


class SqliteSchema:
    """`drivers.schema.Schema` on one SQLite file. One that is not there has version 0, and is made by `migrate`."""

    def __init__(self, url: str) -> None:
        self.latest: Final = LATEST
        self._settings: Final = SqliteSettings.from_url(url)
        self.place: Final = str(self._settings.path)
        self.version: Final = self._look()

    def _look(self) -> int:
        path = self._settings.path
        if not path.exists():
            return 0
        try:
            where = f"file:{quote(str(path.absolute()))}?mode=ro"
            with closing(sqlite3.connect(where, uri=True, timeout=self._settings.timeout)) as connection:
                return version_of(connection, path, share=self._settings.share)
        except sqlite3.Error as error:
            raise translate(error, path, self._settings.timeout) from error

    def script(self) -> str:
        return script(self._settings.path, self.version)

    def migrate(self) -> int:
        database = Database(replace(self._settings, migrate=True))
        database.close()
        return database.version

    def close(self) -> None:
        """Nothing is kept open."""


def open_schema(url: str) -> Schema:
    """Look at the file that a `sqlite:` URL names.

    Raises:
        ConfigError: the URL cannot work.
        SchemaMismatch: the file is not conveyor's, or of a newer release.
        StoreUnavailable: it cannot be read.
    """
    return SqliteSchema(url)
