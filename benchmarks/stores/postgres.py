"""PostgreSQL: a server of the benchmarks' own, as durable as it is by default."""

from __future__ import annotations

import gc
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Final
from unittest import mock

import psycopg

from benchmarks.kit.jobs import TEXT
from benchmarks.kit.store import EVERYWHERE, Bar, Work, push_noops, using
from benchmarks.kit.worker import drain
from conveyor.drivers.postgres import database
from conveyor.drivers.postgres.connection import BoundedConnection
from conveyor.ids import new_id
from tests.postgres import Server

_HISTORY: Final = 5
"""Ended jobs for each waiting one, where a store is to be full."""

_MOST_HISTORY: Final = 5_000_000

_TOLD_WITHIN: Final = 10.5
"""Seconds after which a session has told what it has done."""

_ROW: Final = b"""
INSERT INTO conveyor.job (id, queue, type, priority, payload, stage, due, score, pushed_at, max_crashes)
VALUES (%s, 'default', 'bench.noop', 500, %s, 1, %s, %s, %s, 3)
"""

_HOP: Final = b"""
WITH stored AS (INSERT INTO bare (id, text) VALUES (%s, %s) RETURNING id)
SELECT pg_notify('bare', id::text) FROM stored
"""

_RAN: Final = """
SELECT count(*), min(started_at), max(finished_at)
  FROM (SELECT started_at, finished_at FROM conveyor.history WHERE seq > %s ORDER BY seq LIMIT %s) AS ran
"""

_SIZE: Final = """
SELECT coalesce(sum(pg_total_relation_size(oid)), 0)::bigint FROM pg_class
 WHERE relnamespace = to_regnamespace('conveyor') AND relkind IN ('r', 'S')
"""

_COUNTERS: Final = """
SELECT queue, priority, sum(ready), sum(delayed), sum(processing), sum(pushed), sum(popped), sum(completed)
  FROM conveyor.counter GROUP BY queue, priority ORDER BY queue, priority
"""


class PostgresStore:
    """A `kit.store.Store`. Each store is a database of the server."""

    scripts: Sequence[str] = (*EVERYWHERE, "flat_cost")
    many: int = 1_000_000
    bars: Mapping[str, Bar] = {
        "retry": Bar(at_most=20),
        "retry edited": Bar(at_most=20),
        "push": Bar(share=0.7),
        "push_many": Bar(share=0.5, at_least=20_000),
        "drain": Bar(share=0.6, at_least=12_000),
        "drain_async": Bar(share=0.5, at_least=10_000),
        "overhead": Bar(at_most=60),
        "backlog": Bar(share=0.8),
        "async_jobs": Bar(at_most=1.5),
        "latency p50": Bar(at_most=2.5),
        "latency p99": Bar(at_most=8),
        "idle processor": Bar(at_most=0.3),
        "idle memory": Bar(at_most=90),
        "idle asked": Bar(at_most=3),
        "job_size": Bar(at_most=220),
    }

    def __init__(self, binaries: Path) -> None:
        self._binaries = binaries
        self._numbers = itertools.count(1)

    @cached_property
    def _server(self) -> Server:
        server = Server(self._binaries)
        server.start()
        return server

    def version(self) -> str:
        release: str = self._server.execute("SHOW server_version")[0][0]
        return f"PostgreSQL {release} on the same cores, default durability, psycopg {psycopg.__version__}"

    @contextmanager
    def new(self) -> Generator[str]:
        name = f"bench_{next(self._numbers)}"
        self._server.execute(f"CREATE DATABASE {name}")
        try:
            yield f"postgresql://postgres@/{name}?host={self._server.directory}"
        finally:
            self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def bare_push(self, count: int, push: Work) -> Callable[[], float]:
        """As many rows of a job, each in a transaction of its own, by a prepared INSERT of psycopg."""
        del push
        payload = f'{{"args":[1,"{TEXT}"]}}'

        def inserts() -> float:
            with self.new() as url:
                with using(url):
                    pass
                with psycopg.connect(url, autocommit=True) as connection:
                    gc.collect()
                    began = time.perf_counter()
                    for number in range(count):
                        connection.execute(_ROW, (new_id(), payload, number, number, number), prepare=True)
                    return time.perf_counter() - began

        return inserts

    def bare(self, work: Work, prepare: Work = lambda: None) -> Callable[[], float]:
        """The driver's own statements, each prepared and executed by psycopg."""
        said: list[tuple[bytes, Any]] = []
        rows_of = database.rows_of

        def record(connection: BoundedConnection, query: bytes, parameters: Any, **how: bool) -> database.Rows:
            said.append((query, parameters))
            return rows_of(connection, query, parameters, **how)

        with self.new() as url:
            with mock.patch.object(database, "rows_of", record), using(url):
                prepare()
                start = len(said)
                work()
                end = len(said)
            counters = _rows(url, _COUNTERS)

        def replay() -> float:
            with self.new() as url:
                with using(url):
                    pass
                with psycopg.connect(url, autocommit=True) as connection:
                    for query, parameters in said[:start]:
                        connection.execute(query, parameters, prepare=True, binary=True)
                    gc.collect()
                    began = time.perf_counter()
                    for query, parameters in said[start:end]:
                        connection.execute(query, parameters, prepare=True, binary=True).fetchall()
                    seconds = time.perf_counter() - began
                if (replayed := _rows(url, _COUNTERS)) != counters:
                    raise AssertionError(f"the replay counts {replayed}, the recorded store {counters}")
            return seconds

        return replay

    def bare_latencies(self, pauses: Sequence[float]) -> Sequence[float]:
        """By a row and a NOTIFY in one transaction, and another one in which somebody else takes the row."""
        with self.new() as url, psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE bare (id bigint PRIMARY KEY, text text, taken boolean)")
            command = [sys.executable, "-m", "benchmarks.stores.postgres_consumer", url, str(len(pauses))]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as consumer:
                assert consumer.stdout is not None
                consumer.stdout.readline()
                sent: list[int] = []
                for number, pause in enumerate(pauses):
                    time.sleep(pause)
                    sent.append(time.time_ns())
                    connection.execute(_HOP, (number, TEXT), prepare=True)
                return [(int(line) - began) / 1e6 for began, line in zip(sent, consumer.stdout, strict=True)]

    def fill(self, url: str, count: int) -> str:
        with using(url):
            # One of each, for the rest to be copied from.
            push_noops(2)
            drain(self, url, 1)
            push_noops(1)
        finished = min(count * _HISTORY, _MOST_HISTORY)
        _multiply(url, count, finished)
        return f" beside {finished:,} finished"

    def last_ended(self, url: str) -> int:
        last: int = _rows(url, "SELECT coalesce(max(seq), 0) FROM conveyor.history")[0][0]
        return last

    def ran(self, url: str, after: int, count: int) -> tuple[int, int, int]:
        number, first, last = _rows(url, _RAN, (after, count))[0]
        return number, first or 0, last or 0

    def size(self, url: str) -> int:
        found: int = _rows(url, _SIZE)[0][0]
        return found

    def asked(self, url: str) -> int | None:
        # Each statement is a transaction. Idle sessions say what they have done after ten seconds at the latest.
        time.sleep(_TOLD_WITHIN)
        name = url.partition("@/")[2].partition("?")[0]
        counted: int = self._server.execute(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s", (name,)
        )[0][0]
        return counted

    def spent(self) -> float | None:
        return None


def _rows(url: str, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
    """What plain SQL answers on a store."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(statement.encode(), parameters).fetchall()


def _multiply(url: str, count: int, finished: int) -> None:
    """Copy one waiting and one finished job until there are so many of each: pushing them would take minutes.

    What ended lies over the last days. It is not in `ended`, where it would be found to be too much and be pruned.
    """
    own = {"job": ("id", "seq"), "history": ("id", "seq", "finished_at")}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path = conveyor")
        for table, copies in (("history", finished), ("job", count)):
            described = connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (table,)
            )
            columns = ", ".join(name for (name,) in described if name not in own[table])
            values = {
                # As UUIDv7 do, the ids grow with time and end in chance; what is finished was pushed before what waits.
                "id": "(lpad(to_hex(%s + n / 1000), 8, '0') || '-0000-7000-8000-' "
                "|| right(gen_random_uuid()::text, 12))::uuid" % (0x0150_0000 if table == "job" else 0x0100_0000),
                "seq": f"nextval('{table}_seq')",
                "finished_at": f"finished_at - {5 * 86_400_000_000} + n::bigint * {5 * 86_400_000_000 // copies}",
            }
            connection.execute(
                f"INSERT INTO {table} ({', '.join(own[table])}, {columns}) "
                f"SELECT {', '.join(values[name] for name in own[table])}, {columns} "
                f"FROM generate_series(1, {copies}) AS n CROSS JOIN (SELECT * FROM {table} LIMIT 1) AS one".encode()
            )
        connection.execute(
            "INSERT INTO counter (queue, priority, ready, pushed) SELECT queue, priority, %s, %s FROM job LIMIT 1",
            (count, count),
        )
        connection.execute("VACUUM (ANALYZE)")
        connection.execute("CHECKPOINT")
