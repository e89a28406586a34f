"""SQLite: one file."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from benchmarks.kit.store import EVERYWHERE, Bar, Work, push_noops, using
from benchmarks.kit.worker import drain
from benchmarks.stores.sqlite_tape import Tape, rows

_PREFIX: Final = "sqlite:///"

_RAN: Final = """
SELECT count(*), min(started_at), max(finished_at)
  FROM (SELECT started_at, finished_at FROM conveyor_finished WHERE seq > ? ORDER BY seq LIMIT ?)
"""


class SqliteStore:
    """A `kit.store.Store`."""

    scripts: Sequence[str] = (*EVERYWHERE, "import_time", "dependencies")
    many: int = 1_000_000
    bars: Mapping[str, Bar] = {
        "retry": Bar(at_most=20),
        "retry edited": Bar(at_most=20),
        "push": Bar(share=0.6, at_least=6_000),
        "push_many": Bar(share=0.5, at_least=25_000),
        "drain": Bar(share=0.5, at_least=15_000),
        "overhead": Bar(at_most=60),
        "children": Bar(share=0.95),
        "backlog": Bar(share=0.8),
        "async_jobs": Bar(at_most=1.5),
        "latency p50": Bar(at_most=3),
        "latency p99": Bar(at_most=10),
        "idle processor": Bar(at_most=0.3),
        "idle memory": Bar(at_most=90),
        "job_size": Bar(at_most=250),
        "import_time": Bar(at_most=80),
        "dependencies": Bar(at_most=10),
    }

    def version(self) -> str:
        return f"SQLite {sqlite3.sqlite_version}"

    @contextmanager
    def new(self) -> Generator[str]:
        with tempfile.TemporaryDirectory(prefix="conveyor-bench-") as directory:
            yield f"{_PREFIX}{directory}/bench.db"

    def bare_push(self, count: int, push: Work) -> Callable[[], float]:
        del count
        return self.bare(push)

    def bare(self, work: Work, prepare: Work = lambda: None) -> Callable[[], float]:
        tape = Tape()
        with self.new() as url, tape.recording(_path(url)), using(url):
            prepare()
            tape.start()
            work()

        def replay() -> float:
            with self.new() as url:
                return tape.replay(_path(url))

        return replay

    def bare_latencies(self, pauses: Sequence[float]) -> Sequence[float]:
        del pauses
        return ()

    def fill(self, url: str, count: int) -> str:
        with using(url):
            # One of each, for the rest to be copied from.
            push_noops(2)
            drain(self, url, 1)
            push_noops(1)
        _multiply(_path(url), count)
        return f" beside {count:,} finished"

    def last_ended(self, url: str) -> int:
        last: int = rows(_path(url), "SELECT coalesce(max(seq), 0) FROM conveyor_finished")[0][0]
        return last

    def ran(self, url: str, after: int, count: int) -> tuple[int, int, int]:
        found: tuple[int, int, int] = rows(_path(url), _RAN, (after, count))[0]
        return found

    def size(self, url: str) -> int:
        path = _path(url)
        return path.stat().st_size if path.exists() else 0

    def asked(self, url: str) -> int | None:
        del url
        return None

    def spent(self) -> float | None:
        return None


def _path(url: str) -> Path:
    return Path(url.removeprefix(_PREFIX))


def _multiply(path: Path, count: int) -> None:
    """Copy one waiting and one finished job until there are `count` of each: pushing so many would take minutes."""
    with closing(sqlite3.connect(path)) as connection:
        # As UUIDv7 do, the ids grow with time and end in chance; what is finished was pushed before what waits.
        for table, since in (("conveyor_finished", 0x0100_0000), ("conveyor_job", 0x0150_0000)):
            names = [row[1] for row in connection.execute(f"PRAGMA table_info({table})") if row[1] not in ("seq", "id")]
            columns = ", ".join(names)
            connection.execute(
                f"""
                WITH RECURSIVE copy (number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM copy WHERE number < ?)
                INSERT INTO {table} (id, {columns})
                SELECT printf('%08x-0000-7000-8000-%s', ? + number, lower(hex(randomblob(6)))), {columns}
                  FROM copy CROSS JOIN (SELECT * FROM {table} LIMIT 1)
                """,
                (count - connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0], since),
            )
        connection.execute(
            """
            UPDATE conveyor_counter
               SET ready = (SELECT count(*) FROM conveyor_job), finished = (SELECT count(*) FROM conveyor_finished)
            """
        )
        connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
