"""One step on the server: a connection, a statement, its rows, and PostgreSQL's errors as ours."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Final

from psycopg import pq

from conveyor import unbroken
from conveyor.drivers.postgres.connection import BoundedConnection, Overdue, connect
from conveyor.drivers.postgres.pool import Pool
from conveyor.drivers.postgres.schema import prepare
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.drivers.postgres.statements import statements_in
from conveyor.drivers.postgres.translation import Again, translating

Rows = list[tuple[Any, ...]]

_TRIES: Final = 5
"""How often a step is tried that stood in another one's way."""


class Database:
    """A conveyor schema on a server. Safe to use from any thread; not across a fork."""

    def __init__(self, settings: PostgresSettings) -> None:
        self.settings: Final = settings
        self._statements: Final = statements_in(settings.schema)
        self._pool: Final = Pool(settings)
        try:
            with self.translating():
                connection = self._pool.take()
                self.is_pooled: Final = connection.is_pooled
                try:
                    prepare(connection, settings)
                finally:
                    self._pool.give(connection)
        except BaseException:
            self._pool.close()
            raise

    def run(self, statement: str, parameters: Mapping[str, Any] | None = None, *, prepare: bool = True) -> Rows:
        """The rows that a statement answers. It is a transaction of its own.

        Args:
            statement: the name of a file in `sql/`.
            parameters: by name.
            prepare: whether the server keeps the statement's plan; without, it makes a new one for these parameters.

        Raises:
            StoreUnavailable: the server did not answer in time, or cannot be reached.
            StoreFull: its disk is full; nothing was written.
        """
        with self.translating():
            return unbroken.step(lambda: self._run(self._statements[statement], parameters, prepare=prepare))

    def _run(self, query: bytes, parameters: Mapping[str, Any] | None, *, prepare: bool) -> Rows:
        left = _TRIES
        while True:
            connection = self._pool.take()
            try:
                return rows_of(connection, query, parameters, prepare=prepare)
            except Again:
                left -= 1
                if not left:
                    raise
            except Overdue:
                connection.close()
                raise
            finally:
                self._pool.give(connection)

    def statement(self, name: str) -> bytes:
        """The text of a statement, for a connection that is not the driver's."""
        return self._statements[name]

    def connect(self) -> BoundedConnection:
        """A connection beside those that steps use."""
        self.check_open()
        return connect(self.settings)

    def translating(self) -> AbstractContextManager[None]:
        """PostgreSQL's errors as ours."""
        return translating(self.settings)

    @property
    def is_closed(self) -> bool:
        return self._pool.is_closed

    def check_open(self) -> None:
        """Make sure that the driver is open.

        Raises:
            StoreUnavailable: it is closed.
        """
        self._pool.check_open()

    def close(self) -> None:
        """Close all connections, those in use when their step is over. Safe to call twice."""
        self._pool.close()


def rows_of(
    connection: BoundedConnection, query: bytes, parameters: Mapping[str, Any] | None, *, prepare: bool = True
) -> Rows:
    """What a statement answers on this connection."""
    if connection.isolation_level is not None:
        with connection.transaction():
            return _fetched(connection, query, parameters, prepare=prepare)
    return _fetched(connection, query, parameters, prepare=prepare)


def _fetched(
    connection: BoundedConnection, query: bytes, parameters: Mapping[str, Any] | None, *, prepare: bool
) -> Rows:
    cursor = connection.execute(query, parameters, prepare=prepare and not connection.is_pooled, binary=True)
    return cursor.fetchall() if cursor.pgresult and cursor.pgresult.status == pq.ExecStatus.TUPLES_OK else []
