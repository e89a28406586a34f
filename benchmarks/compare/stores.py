"""New stores, one for each measurement, on servers that are started for the comparison alone."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import tempfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.compare.libraries import POSTGRES, REDIS, SQLITE
from tests import postgres, servers


@dataclass(frozen=True)
class Store:
    """A store with nothing in it."""

    url: str
    directory: Path
    """A new one, for files of the measurement."""
    used: Callable[[], int]
    """Bytes that it takes now."""
    asked: Callable[[], int] | None = None
    """How many commands or statements it has been sent; `None` where there is no server."""


@contextlib.contextmanager
def new_store(kind: str) -> Generator[Store]:
    """A store of this kind."""
    with tempfile.TemporaryDirectory(prefix="conveyor-compare-") as directory:
        path = Path(directory)
        if kind == SQLITE:
            yield Store(f"sqlite:///{path}/bench.db", path, lambda: _file_bytes(path))
        elif kind == REDIS:
            yield _redis(path)
        else:
            assert kind == POSTGRES, kind
            yield _postgres(path)


def version(kind: str) -> str:
    """What holds the jobs, by name and release."""
    if kind == SQLITE:
        return f"SQLite {sqlite3.sqlite_version}"
    if kind == REDIS:
        told = _redis_server().client().info("server")
        return f"Valkey {told['valkey_version']}"
    return f"PostgreSQL {_postgres_server().execute('SHOW server_version')[0][0]}"


def _file_bytes(directory: Path) -> int:
    """The pages of all databases there, what is still in the log included."""
    total = 0
    for file in directory.glob("*.db"):
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            pages, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
            total += pages * size
    return total


def _redis(directory: Path) -> Store:
    client: Any = _redis_server().client()
    client.flushall()
    return Store(
        f"redis://127.0.0.1:{_redis_server().port}/0",
        directory,
        lambda: int(client.info("memory")["used_memory"]),
        # Commands that scripts run are part of the script's own: what counts is how often the server was spoken to.
        lambda: int(client.info("stats")["total_reads_processed"]),
    )


@cache
def _redis_server() -> servers.Server:
    return servers.Server(servers.VALKEY, "--save", "", "--appendonly", "no")


def _postgres(directory: Path) -> Store:
    server = _postgres_server()
    database = f"bench{next(_databases)}"
    server.execute(f"CREATE DATABASE {database}")
    url = f"postgresql://postgres@127.0.0.1:{server.settings['port']}/{database}"

    def ask(question: str) -> int:
        with psycopg.connect(url) as connection:
            row = connection.execute(question.encode()).fetchone()
            return 0 if row is None or row[0] is None else int(row[0])

    return Store(url, directory, lambda: ask(_SIZE), lambda: ask(_ASKED))


_SIZE: Final = """
SELECT sum(pg_total_relation_size(oid)) FROM pg_class
 WHERE relkind = 'r' AND relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
"""

_ASKED: Final = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"

_databases: Final = itertools.count(1)


@cache
def _postgres_server() -> postgres.Server:
    server = postgres.Server(postgres.wheel(), listen_addresses="127.0.0.1", port=str(servers.free_port()))
    server.start()
    return server
