"""The caller's own connection, of whatever library: known by the module of its type, so that no library is loaded here.

SQLAlchemy and Django stand on a client library's connection; `bare` answers that one, in which the caller's transaction
is open or opens with the first statement. What can be done with it is each driver's own matter.
"""

from __future__ import annotations

from conveyor.drivers.joining import django, sqlalchemy


def comes_from(connection: object, library: str) -> bool:
    """Whether its type, or one that this is made from, is the library's."""
    return any(kind.__module__.partition(".")[0] == library for kind in type(connection).__mro__)


def bare(connection: object) -> object:
    """The client library's connection under `connection`; itself, if it is one.

    Raises:
        InvalidValue: it is closed, has no transaction, or is async.
    """
    if comes_from(connection, "sqlalchemy"):
        return sqlalchemy.bare(connection)
    return django.bare(connection) if comes_from(connection, "django") else connection


async def abare(connection: object) -> object:
    """As `bare`, for async connections too."""
    if comes_from(connection, "sqlalchemy"):
        return await sqlalchemy.abare(connection)
    return bare(connection)
