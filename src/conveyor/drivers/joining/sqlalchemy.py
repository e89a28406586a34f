"""What lies under SQLAlchemy's connections and sessions, sync and async."""

from __future__ import annotations

from typing import Any

from conveyor.drivers.joining.refusals import is_async, is_closed
from conveyor.errors import InvalidValue


def bare(given: Any) -> object:
    """The driver's connection under a Connection, a Session or a scoped_session, whose transaction has begun.

    It begins as with any statement, and ends with the session's or connection's own `commit` or `rollback`.

    Raises:
        InvalidValue: it is closed, or async.
    """
    if _is_async(given):
        raise is_async(given)
    _check(given)
    # A session has connections, of which this is the one that it uses now.
    connection = given if hasattr(given, "exec_driver_sql") else given.connection()
    _check_open(given, connection)
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.driver_connection


async def abare(given: Any) -> object:
    """As `bare`, for an AsyncConnection, an AsyncSession or an async_scoped_session too.

    Raises:
        InvalidValue: it is closed.
    """
    if not _is_async(given):
        return bare(given)
    _check(given)
    connection = given if hasattr(given, "exec_driver_sql") else await given.connection()
    _check_open(given, connection)
    if not connection.in_transaction():
        await connection.begin()
    found = (await connection.get_raw_connection()).driver_connection
    # Over asyncpg a transaction begins with the first statement.
    if hasattr(found, "is_in_transaction") and not found.is_in_transaction():
        await connection.exec_driver_sql("SELECT 1")
    return found


def _is_async(given: Any) -> bool:
    return any(kind.__module__.startswith("sqlalchemy.ext.asyncio") for kind in type(given).__mro__)


def _check(given: object) -> None:
    if not hasattr(type(given), "connection"):
        raise InvalidValue(f"connection is {given!r}; give a Connection or Session of SQLAlchemy, sync or async")


def _check_open(given: Any, connection: Any) -> None:
    if connection.closed:
        raise is_closed(given)
