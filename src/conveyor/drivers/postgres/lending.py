"""Connections for work that is not ours: kept from one transaction to the next, as clean as its owner leaves them."""

from __future__ import annotations

import asyncio
import contextlib
import select
import weakref
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from conveyor.drivers.postgres.connection import bounded
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.drivers.postgres.translation import translating

Sync = psycopg.Connection[TupleRow]
Async = psycopg.AsyncConnection[TupleRow]


class Lending:
    """What a driver lends to jobs. Threads have a connection each; on an event loop some have, and the others wait."""

    def __init__(self, settings: PostgresSettings, *, is_pooled: bool) -> None:
        self._settings: Final = settings
        self._parameters: Final[dict[str, Any]] = {
            **bounded(settings),
            # What is prepared in one session of a pooler is not there in the next.
            **({"prepare_threshold": None} if is_pooled else {}),
        }
        self._free: Final[list[Sync]] = []
        self._on_loop: Final[WeakKeyDictionary[asyncio.AbstractEventLoop, _OnLoop]] = WeakKeyDictionary()

    @contextmanager
    def transaction(self) -> Generator[Sync]:
        """A transaction, committed when the block ends and rolled back when that raises.

        Raises:
            StoreUnavailable: there is no connection to be had.
            psycopg.Error: the commit has failed.
        """
        connection = _pop_fresh(self._free)
        if connection is None:
            with translating(self._settings):
                connection = psycopg.connect(**self._parameters, autocommit=True)
        try:
            with connection.transaction():
                yield connection
        finally:
            if _is_as_before(connection):
                self._free.append(connection)
            else:
                if connection.pgconn.transaction_status == TransactionStatus.ACTIVE:
                    # The job was told to stop while the server works, which would go on with what it has locked.
                    with contextlib.suppress(psycopg.Error):
                        connection.cancel_safe(timeout=self._settings.timeout)
                connection.close()

    @asynccontextmanager
    async def atransaction(self) -> AsyncGenerator[Async]:
        """As `transaction`."""
        loop = asyncio.get_running_loop()
        here = self._on_loop.get(loop)
        if here is None:
            here = self._on_loop[loop] = _OnLoop(self._settings.connections)
            weakref.finalize(loop, _close_all, here.free)
        async with here.room:
            connection = _pop_fresh(here.free)
            if connection is None:
                with translating(self._settings):
                    connection = await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True)
            try:
                async with connection.transaction():
                    yield connection
            finally:
                if _is_as_before(connection):
                    here.free.append(connection)
                else:
                    await connection.close()

    def close(self) -> None:
        """Close what nobody has now."""
        _close_all(self._free)
        for here in self._on_loop.values():
            _close_all(here.free)


class _OnLoop:
    """What one event loop has."""

    def __init__(self, connections: int) -> None:
        self.room: Final = asyncio.Semaphore(connections)
        self.free: Final[list[Async]] = []


def _pop_fresh(free: list[Any]) -> Any:
    """One that the server has not ended; `None` when there is none."""
    while free:
        try:
            connection = free.pop()
        except IndexError:  # another thread was faster
            return None
        poll = select.poll()
        if not connection.closed:
            poll.register(connection.pgconn.socket, select.POLLIN)
            if not poll.poll(0):
                return connection
        _close(connection)
    return None


def _is_as_before(connection: Sync | Async) -> bool:
    return connection.pgconn.transaction_status == TransactionStatus.IDLE and connection.autocommit


def _close_all(free: list[Any]) -> None:
    while free:
        with contextlib.suppress(IndexError):
            _close(free.pop())


def _close(connection: Sync | Async) -> None:
    closing = connection.close()
    if closing is not None:
        # An async connection closes without waiting for anything, so that it needs no loop, which may be gone.
        with contextlib.suppress(StopIteration):
            closing.send(None)
