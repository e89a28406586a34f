"""Joining the caller's own transaction, so that a job exists exactly when the caller's data does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from conveyor.drivers.postgres.database import Database, Rows
from conveyor.errors import InvalidValue


def store_in(connection: object, database: Database, statement: str, parameters: Mapping[str, Any]) -> Rows:
    """The rows that a statement answers inside the transaction of `connection`; the caller commits it or rolls it back.

    Raises:
        InvalidValue: it is no psycopg connection.
    """
    if not isinstance(connection, psycopg.Connection):
        raise InvalidValue(f"connection is {connection!r}; this store joins the transaction of a psycopg.Connection")
    with database.translating(), connection.cursor(row_factory=tuple_row) as cursor:
        return cursor.execute(database.statement(statement), parameters).fetchall()
