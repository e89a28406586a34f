"""The connections of a driver: made when they are needed, and looked at before they are used again."""

from __future__ import annotations

import threading
from typing import Final

from psycopg.pq import TransactionStatus

from conveyor.drivers.postgres.connection import BoundedConnection, connect
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.errors import StoreUnavailable


class Pool:
    """Up to `settings.connections` connections. Safe to use from any thread; not across a fork."""

    def __init__(self, settings: PostgresSettings) -> None:
        self._settings: Final = settings
        self._room: Final = threading.Semaphore(settings.connections)
        self._free: Final[list[BoundedConnection]] = []
        self.is_closed = False

    def take(self) -> BoundedConnection:
        """A connection that nobody else has; give it back.

        Raises:
            psycopg.Error: a new one is needed and cannot be made.
            StoreUnavailable: the others kept all connections busy, or the pool is closed.
        """
        self.check_open()
        if not self._room.acquire(timeout=self._settings.timeout):
            raise StoreUnavailable(
                f"other threads kept all {self._settings.connections} connections to {self._settings.place} busy for "
                f"{self._settings.timeout:g} s; try again with fewer at once, or raise ?connections= in the store URL"
            )
        try:
            while self._free:
                # A list's own steps are atomic: any number of threads may be here.
                try:
                    connection = self._free.pop()
                except IndexError:
                    break
                if connection.is_fresh:
                    return connection
                # The server has closed it: it went away, and may be back.
                connection.close()
            return connect(self._settings)
        except BaseException:
            self._room.release()
            raise

    def give(self, connection: BoundedConnection) -> None:
        """Take a connection back. One that is not at rest is closed."""
        if connection.pgconn.transaction_status == TransactionStatus.IDLE:
            self._free.append(connection)
        else:
            connection.close()
        self._room.release()
        # Asked last: it may have been closed meanwhile.
        if self.is_closed:
            self.close()

    def check_open(self) -> None:
        """Make sure that the pool is open.

        Raises:
            StoreUnavailable: it is not.
        """
        if self.is_closed:
            raise StoreUnavailable(f"the connection to {self._settings.place} is closed; open the store again")

    def close(self) -> None:
        """Close what nobody uses now; what is used is closed when it is given back. Safe to call twice."""
        self.is_closed = True
        while self._free:
            try:
                self._free.pop().close()
            except IndexError:
                return
