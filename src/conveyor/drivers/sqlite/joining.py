"""Joining the caller's own transaction, so that a job exists exactly when the caller's data does."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from conveyor.drivers.sqlite.database import Database
from conveyor.errors import InvalidValue

T = TypeVar("T")


def join(connection: object, database: Database, work: Callable[[sqlite3.Cursor], T]) -> T:
    """Answer `work(cursor)`, done inside the transaction of `connection`; the caller commits it or rolls it back.

    What raises, or is interrupted, leaves nothing half-done there, should the caller commit all the same.

    Raises:
        InvalidValue: it is no sqlite3 connection, is open on another file, or commits each statement by itself.
    """
    if not isinstance(connection, sqlite3.Connection):
        raise InvalidValue(f"connection is {connection!r}; this store joins the transaction of a sqlite3.Connection")
    cursor = connection.cursor()
    cursor.row_factory = None  # the caller's factory is for the caller's rows
    files = {name: file for _, name, file in cursor.execute("PRAGMA database_list")}
    if not files["main"] or not database.path.samefile(files["main"]):
        raise InvalidValue(
            f"connection is open on {files['main'] or 'a database in memory'}, the store is {database.path}; "
            "push through a connection to the store's own file (see ?share=true to keep both in one)"
        )
    if not connection.in_transaction:
        # With autocommit=True (Python 3.12) commit() does nothing, even about a transaction that we would begin here.
        if connection.isolation_level is None or getattr(connection, "autocommit", None) is True:
            raise InvalidValue(
                "connection has no transaction open; begin one before the push, or push without connection="
            )
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
