"""A history in a PostgreSQL database."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from psycopg import errors

from conveyor import unbroken
from conveyor.drivers.postgres.connection import BoundedConnection, Overdue
from conveyor.drivers.postgres.pool import Pool
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.drivers.postgres.translation import Again, translating
from conveyor.history.moves import encode
from conveyor.history.tables import Rows, Step, check_version, not_migrated, read_sql

SQL, MIGRATIONS = read_sql(Path(__file__).parent)

_SCHEMA: Final = re.compile(r"\bhistory\.")
_TRIES: Final = 5


class PostgresTables:
    """`Tables` in a schema of a server."""

    def __init__(self, url: str) -> None:
        self._settings: Final = PostgresSettings.from_url(url)
        self.url: Final = self._settings.url
        # A schema's name is letters, digits and underscores: see the driver's settings.
        self._quoted: Final = f'"{self._settings.schema}"'
        self._sql: Final = {name: _SCHEMA.sub(f"{self._quoted}.", text).encode() for name, text in SQL.items()}
        self._pool: Final = Pool(self._settings)
        try:
            with translating(self._settings):
                connection = self._pool.take()
                try:
                    self._prepare(connection)
                finally:
                    self._pool.give(connection)
        except BaseException:
            self._pool.close()
            raise

    def run(self, *steps: Step) -> Rows:
        with translating(self._settings):
            return unbroken.step(lambda: self._run(steps))

    def _run(self, steps: tuple[Step, ...]) -> Rows:
        left = _TRIES
        while True:
            connection = self._pool.take()
            try:
                return self._on(connection, steps)
            except Again:
                left -= 1
                if not left:
                    raise
            except Overdue:
                connection.close()
                raise
            finally:
                self._pool.give(connection)

    def _on(self, connection: BoundedConnection, steps: tuple[Step, ...]) -> Rows:
        if len(steps) == 1:
            # A statement alone is a transaction of its own, in one round trip.
            return self._execute(connection, steps[0])
        rows: Rows = []
        with connection.transaction():
            for step in steps:
                rows = self._execute(connection, step)
        return rows

    def _execute(self, connection: BoundedConnection, step: Step) -> Rows:
        name, given = step
        parameters = {key: encode(value).decode() if isinstance(value, list) else value for key, value in given.items()}
        cursor = connection.execute(self._sql[name], parameters, prepare=not connection.is_pooled)
        return cursor.fetchall() if cursor.description else []

    def _prepare(self, connection: BoundedConnection) -> None:
        version = self._version(connection)
        if version == len(MIGRATIONS):
            return
        if not self._settings.migrate:
            raise not_migrated(version, len(MIGRATIONS), self._place)
        with connection.transaction():
            connection.execute(
                b"SELECT pg_advisory_xact_lock(hashtext(%s), hashtext('conveyor history'))", (self._settings.schema,)
            )
            # Again under the lock: another process may have been faster.
            version = self._version(connection)
            if not self._exists(connection):
                connection.execute(f"CREATE SCHEMA {self._quoted}".encode())
            connection.execute(f"SET LOCAL search_path = {self._quoted}, pg_temp".encode())
            for step in MIGRATIONS[version:]:
                connection.execute(step.encode(), prepare=False)
            connection.execute(f"UPDATE history_schema SET version = {len(MIGRATIONS)}".encode())  # noqa: S608 - a number

    def _version(self, connection: BoundedConnection) -> int:
        try:
            with connection.transaction():
                rows = connection.execute(f"SELECT version FROM {self._quoted}.history_schema".encode()).fetchall()  # noqa: S608 - see above
        except (errors.UndefinedTable, errors.InvalidSchemaName):
            return 0
        version: int = rows[0][0]
        check_version(version, len(MIGRATIONS), self._place)
        return version

    def _exists(self, connection: BoundedConnection) -> bool:
        found = connection.execute(b"SELECT 1 FROM pg_namespace WHERE nspname = %s", (self._settings.schema,))
        return bool(found.fetchall())

    @property
    def _place(self) -> str:
        return f"schema {self._settings.schema} of {self._settings.place}"

    def close(self) -> None:
        self._pool.close()
