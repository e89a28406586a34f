"""PostgreSQL: the store in a schema of its own beside the application's data. Decision 0009 says why it is so."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from conveyor.drivers.base import Driver
from conveyor.drivers.schema import Schema
from conveyor.errors import ConfigError
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import Clock

if TYPE_CHECKING:
    from conveyor.drivers.postgres.driver import PostgresDriver as PostgresDriver

__all__ = ["open_schema", "open_url"]


def open_url(url: str, *, clock: Clock, aging: Aging, retention: Retention) -> Driver:
    """Open the schema that a `postgresql:` URL names; create it if there is none.

    Raises:
        ConfigError: the URL cannot work, or the client library is not installed.
        SchemaMismatch: the schema is not conveyor's, or of a newer release.
        StoreUnavailable: the server cannot be reached.
    """
    with _needing_client():
        from conveyor.drivers.postgres.driver import PostgresDriver
    return PostgresDriver(url, clock, aging, retention)


def open_schema(url: str) -> Schema:
    """Look at the schema that a `postgresql:` URL names.

    Raises:
        as `open_url`.
    """
    with _needing_client():
        from conveyor.drivers.postgres.schema import PostgresSchema
    return PostgresSchema(url)


@contextmanager
def _needing_client() -> Generator[None]:
    try:
        yield
    except ImportError as error:
        # Without its binary, or libpq, psycopg fails with an ImportError that names no module.
        if (error.name or "psycopg").partition(".")[0] not in {"psycopg", "psycopg_binary", "psycopg_c"}:
            raise
        raise ConfigError(
            "a PostgreSQL store needs its client library; run pip install 'conveyor[postgres]'"
        ) from error
