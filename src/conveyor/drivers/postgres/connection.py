"""A connection whose every step is bounded: by the server, by TCP, and by the clock of this process."""

from __future__ import annotations

import math
import select
import time
from collections.abc import Generator
from typing import Any, Final, TypeVar, cast

import psycopg
from psycopg import IsolationLevel
from psycopg.rows import TupleRow
from psycopg.types.numeric import Int8Dumper

from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.drivers.postgres.statements import SQL
from conveyor.errors import SchemaMismatch

T = TypeVar("T")

_ISOLATION: Final = "read committed"

_GREET: Final = SQL["greet"].encode()


class Overdue(Exception):
    """The server has not answered in time. The connection is of no more use."""


class BoundedConnection(psycopg.Connection[TupleRow]):
    """A connection on which no step takes longer than `limit` seconds."""

    limit: float = math.inf
    is_pooled: bool = False
    """Whether a pooler stands between us and the server, which may hand each transaction to another session."""

    def wait(self, gen: Generator[Any, Any, T], interval: float = 0.1, timeout: float | None = None) -> T:
        del timeout  # a newer psycopg's own, for what is not used here
        return super().wait(_bounded(gen, time.monotonic() + self.limit), min(interval, self.limit))

    @property
    def is_fresh(self) -> bool:
        """Whether it is open and the server has not said anything since: while idle, it only does to say goodbye."""
        if self.closed:
            return False
        poll = select.poll()
        poll.register(self.pgconn.socket, select.POLLIN)
        return not poll.poll(0)


def bounded(settings: PostgresSettings) -> dict[str, Any]:
    """What libpq is told: to notice in time when nobody is there."""
    return {
        "connect_timeout": math.ceil(settings.timeout),
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": round(settings.timeout * 1000),
        "application_name": "conveyor",
        **settings.parameters,
        "client_encoding": "utf8",
    }


def connect(settings: PostgresSettings) -> BoundedConnection:
    """Connect, within the timeout.

    Raises:
        psycopg.Error: it cannot be reached, or refuses us.
        Overdue: it does not answer.
        SchemaMismatch: the database is not encoded in UTF-8.
    """
    connection = BoundedConnection.connect(**bounded(settings), autocommit=True)
    try:
        _greet(connection, settings)
    except BaseException:
        connection.close()
        raise
    return connection


def _greet(connection: BoundedConnection, settings: PostgresSettings) -> None:
    connection.limit = settings.timeout
    # All integers in one width: else each width would be another statement to prepare.
    connection.adapters.register_dumper(int, Int8Dumper)
    greeting = {"pid": connection.info.backend_pid, "timeout": f"{round(settings.timeout * 1000)}ms"}
    row = connection.execute(_GREET, greeting, prepare=False).fetchone()
    is_direct, encoding, isolation, *_ = row or (True, "UTF8", _ISOLATION)
    if encoding != "UTF8":
        raise SchemaMismatch(
            f"{settings.place} is encoded in {encoding}; name a database that was created with ENCODING 'UTF8'"
        )
    connection.is_pooled = not is_direct
    if connection.is_pooled and isolation != _ISOLATION:
        # The session's level is not ours to set, so each transaction says its own.
        connection.isolation_level = IsolationLevel.READ_COMMITTED
    # Nothing can be kept prepared in a session that is not ours. Elsewhere, whoever executes a statement says so.
    connection.prepare_threshold = 0 if is_direct else None


def _bounded(gen: Generator[Any, Any, T], deadline: float) -> Generator[Any, Any, T]:
    """The same steps, ended by Overdue when one that has to wait is still waiting after the deadline."""
    try:
        wanted = next(gen)
        while True:
            ready = yield wanted
            if not ready and time.monotonic() >= deadline:
                raise Overdue
            wanted = gen.send(ready)
    except StopIteration as end:
        return cast("T", end.value)
