"""Joining the caller's own transaction, so that a job exists exactly when the caller's data does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final, TypeGuard
from weakref import WeakSet

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from conveyor.drivers.joining import abare, bare, comes_from
from conveyor.drivers.joining.refusals import is_async, is_closed, no_transaction
from conveyor.drivers.postgres import asyncpg
from conveyor.drivers.postgres.database import Database, Rows
from conveyor.errors import InvalidValue

_BEGIN: Final = "with connection.transaction():"


class Joining:
    """Runs the driver's statements in transactions that are not its own; whoever they belong to commits them."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self._ours: tuple[Any, ...] | None = None
        self._known: Final[WeakSet[Any]] = WeakSet()
        """Connections that are known to be to our server."""

    def run(self, connection: object, statement: str, parameters: Mapping[str, Any]) -> Rows:
        """The rows that a statement answers inside the transaction of a sync `connection`.

        Raises:
            InvalidValue: it has no transaction open, or is none that this store can join.
            StoreUnavailable: the driver is closed, or the server does not answer.
        """
        self._database.check_open()
        return self._run(connection, bare(connection), statement, parameters)

    def _run(self, connection: object, found: object, statement: str, parameters: Mapping[str, Any]) -> Rows:
        if _is_async(found) or comes_from(found, "asyncpg"):
            raise is_async(connection)
        if not _is_sync(found):
            raise self._refused(connection, found)
        _check(connection, found)
        with self._database.translating(), found.cursor(row_factory=tuple_row) as cursor:
            if found not in self._known:
                theirs = cursor.execute(self._database.statement("server")).fetchone()
                self._meet(connection, found, theirs, self._server() if theirs != self._ours else None)
            return cursor.execute(self._database.statement(statement), parameters).fetchall()

    async def arun(self, connection: object, statement: str, parameters: Mapping[str, Any]) -> Rows:
        """As `run`, for async connections too."""
        self._database.check_open()
        found = await abare(connection)
        if comes_from(found, "asyncpg"):
            with asyncpg.translating(self._database.settings):
                asyncpg.check(connection, found)
                # What a pool hands out is a new face of an old connection.
                known = getattr(found, "_con", found)
                if known not in self._known:
                    theirs = (await asyncpg.fetch(found, self._database.statement("server"), {}))[0]
                    await self._ameet(connection, known, theirs)
                return await asyncpg.fetch(found, self._database.statement(statement), parameters)
        if not _is_async(found):
            return self._run(connection, found, statement, parameters)
        _check(connection, found)
        with self._database.translating():
            async with found.cursor(row_factory=tuple_row) as cursor:
                if found not in self._known:
                    await cursor.execute(self._database.statement("server"))
                    await self._ameet(connection, found, await cursor.fetchone())
                await cursor.execute(self._database.statement(statement), parameters)
                return await cursor.fetchall()

    def know(self, connection: object) -> None:
        """This one is to our server: no need to ask."""
        self._known.add(connection)

    def _server(self) -> tuple[Any, ...]:
        return self._database.run("server")[0]

    async def _ameet(self, connection: object, found: object, theirs: tuple[Any, ...] | None) -> None:
        ours = await asyncio.to_thread(self._server) if theirs != self._ours else None
        self._meet(connection, found, theirs, ours)

    def _meet(
        self, connection: object, found: object, theirs: tuple[Any, ...] | None, ours: tuple[Any, ...] | None
    ) -> None:
        """Remember a connection to our server; `ours` is what that says of itself now, for it may have restarted.

        Raises:
            InvalidValue: it is to another one.
        """
        self._ours = ours or self._ours
        if theirs != self._ours:
            there = f"the database {theirs[1]!r}" if theirs else "a database"
            where = "" if theirs and self._ours and theirs[0] == self._ours[0] else " of another server"
            raise InvalidValue(
                f"connection is {connection!r}, to {there}{where}; the store is {self._database.settings.place}: push "
                "through a connection to the store's own database"
            )
        self._known.add(found)

    def _refused(self, connection: object, found: object) -> InvalidValue:
        over = "" if found is connection else f", over {type(found).__module__}.{type(found).__qualname__}"
        return InvalidValue(
            f"connection is {connection!r}{over}; the store is {self._database.settings.place}, which joins the "
            "transactions of psycopg 3, asyncpg, SQLAlchemy (over one of these) and Django (over psycopg 3)"
        )


def _is_sync(found: object) -> TypeGuard[psycopg.Connection[Any]]:
    return isinstance(found, psycopg.Connection)


def _is_async(found: object) -> TypeGuard[psycopg.AsyncConnection[Any]]:
    return isinstance(found, psycopg.AsyncConnection)


def _check(connection: object, found: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> None:
    """Make sure that a psycopg connection has a transaction, or begins one with the next statement."""
    if found.closed:
        raise is_closed(connection)
    status = found.info.transaction_status
    if found.autocommit and status == TransactionStatus.IDLE:
        raise no_transaction(connection, _BEGIN)
    if status == TransactionStatus.INERROR:
        raise InvalidValue(
            f"connection is {connection!r}, whose transaction has failed; roll it back before anything else"
        )
