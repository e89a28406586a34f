"""Joining the caller's own transaction, so that a job exists exactly when the caller's data does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from typing import Any, TypeVar

from conveyor.drivers.joining import abare, bare, comes_from
from conveyor.drivers.joining.refusals import is_async, is_closed, no_transaction
from conveyor.drivers.sqlite.database import Database
from conveyor.errors import InvalidValue

T = TypeVar("T")


def join(connection: object, database: Database, work: Callable[[sqlite3.Cursor], T]) -> T:
    """Answer `work(cursor)`, done inside the transaction of `connection`; the caller commits it or rolls it back.

    What raises, or is interrupted, leaves nothing half-done there, should the caller commit all the same.

    Raises:
        InvalidValue: it is no connection over sqlite3, is open on another file, or commits each statement by itself.
        StoreUnavailable: the driver is closed.
    """
    database.check_open()
    found = bare(connection)
    if not isinstance(found, sqlite3.Connection):
        raise is_async(connection) if comes_from(found, "aiosqlite") else _refused(connection, found, database)
    return _join(connection, found, database, work)


async def ajoin(connection: object, database: Database, work: Callable[[sqlite3.Cursor], T]) -> T:
    """As `join`; over aiosqlite it is done on the thread of that connection."""
    database.check_open()
    found: Any = await abare(connection)
    if not comes_from(found, "aiosqlite"):
        return join(connection, database, work)
    if found._conn is None:  # noqa: SLF001 - it has no public way to do several things in one go
        raise is_closed(connection)
    done: T = await found._execute(_join, connection, found._conn, database, work)  # noqa: SLF001 - likewise
    return done


@contextmanager
def lent(database: Database) -> Generator[sqlite3.Connection]:
    """A transaction on a connection of its own: committed when the block ends, rolled back when that raises.

    Nobody else writes meanwhile: it begins as one that writes, for one that begins to write later may be refused.

    Raises:
        StoreUnavailable: other writers did not make room in time, or the database is closed.
    """
    database.check_open()
    try:
        connection = database.connect()
    except sqlite3.Error as error:
        raise database.translate(error) from error
    with closing(connection):
        try:
            database.patiently(lambda: connection.execute("BEGIN IMMEDIATE"))
        except sqlite3.Error as error:
            raise database.translate(error) from error
        with connection:
            yield connection


def _join(connection: object, found: sqlite3.Connection, database: Database, work: Callable[[sqlite3.Cursor], T]) -> T:
    try:
        cursor = found.cursor()
    except sqlite3.ProgrammingError as error:
        if "closed" in str(error):
            raise is_closed(connection) from error
        raise InvalidValue(f"connection is {connection!r}, which cannot be used here: {error}") from error
    cursor.row_factory = None  # the caller's factory is for the caller's rows
    files = {name: file for _, name, file in cursor.execute("PRAGMA database_list")}
    if not files["main"] or not database.path.samefile(files["main"]):
        raise InvalidValue(
            f"connection is open on {files['main'] or 'a database in memory'}, the store is {database.path}; "
            "push through a connection to the store's own file (see ?share=true to keep both in one)"
        )
    if not found.in_transaction:
        # With autocommit=True (Python 3.12) commit() does nothing, even about a transaction that we would begin here.
        if found.isolation_level is None or getattr(found, "autocommit", None) is True:
            raise no_transaction(connection, "connection.execute('BEGIN')")
        cursor.execute("BEGIN IMMEDIATE")
    try:
        cursor.execute("SAVEPOINT conveyor_push")
        done = work(cursor)
        cursor.execute("RELEASE conveyor_push")
    except BaseException as error:
        # There is none where it was interrupted before or after, or where a full disk has ended the whole transaction.
        with suppress(sqlite3.Error):
            cursor.execute("ROLLBACK TO conveyor_push")
        if isinstance(error, sqlite3.Error):
            raise database.translate(error) from error
        raise
    finally:
        cursor.close()
    return done


def _refused(connection: object, found: object, database: Database) -> InvalidValue:
    over = "" if found is connection else f", over {type(found).__module__}.{type(found).__qualname__}"
    return InvalidValue(
        f"connection is {connection!r}{over}; the store is {database.path}, which joins the transaction of a "
        "sqlite3.Connection, and of SQLAlchemy, aiosqlite or Django over one"
    )
