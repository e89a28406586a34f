"""The driver's statements on an asyncpg connection. The library itself is not needed here until there is one."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from psycopg import errors

from conveyor.drivers.joining.refusals import is_closed, no_transaction
from conveyor.drivers.postgres.database import Rows
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.drivers.postgres.translation import translate
from conveyor.errors import StoreUnavailable

_NAMED: Final = re.compile(r"%\((\w+)\)s")


def check(connection: object, found: Any) -> None:
    """Make sure that it is open and in a transaction.

    Raises:
        InvalidValue: it is not.
    """
    if found.is_closed():
        raise is_closed(connection)
    if not found.is_in_transaction():
        raise no_transaction(connection, "async with connection.transaction():")


async def fetch(found: Any, statement: bytes, parameters: Mapping[str, Any]) -> Rows:
    """The rows that a statement of `sql/` answers."""
    text, names = _numbered(statement)
    values = [None if (value := parameters[name]) is None else str(value) for name in names]
    return [tuple(row) for row in await found.fetch(text, *values)]


@contextmanager
def translating(settings: PostgresSettings) -> Generator[None]:
    """What asyncpg raises, as ours."""
    library: Any = sys.modules["asyncpg"]  # which made the connection
    try:
        yield
    except library.PostgresError as error:
        try:
            kind = errors.lookup(error.sqlstate or "")
        except KeyError:
            kind = errors.InternalError_
        raise translate(kind(str(error)), settings) from error
    except (library.InterfaceError, OSError) as error:
        raise StoreUnavailable(f"the connection to {settings.place} cannot be used ({error}); open another") from error


@functools.cache
def _numbered(statement: bytes) -> tuple[str, tuple[str, ...]]:
    """The statement with numbers for its parameters, all text: what the caller's codecs make of others is theirs."""
    names: list[str] = []

    def number(match: re.Match[str]) -> str:
        if match[1] not in names:
            names.append(match[1])
        return f"${names.index(match[1]) + 1}::text"

    return _NAMED.sub(number, statement.decode()), tuple(names)
