"""Whether a worker drains as fast with 1,000,000 jobs waiting and 1,000,000 finished as with 10,000 waiting."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import new_file, new_store, push_noops, store
from benchmarks.kit.worker import drain

_FEW: Final = 10_000
_MANY: Final = 1_000_000


def run(effort: Effort) -> Iterable[Figure]:
    many = _MANY // 10 if effort.quick else _MANY
    few: list[float] = []
    full: list[float] = []
    with new_file() as large:
        with store(large):
            # One of each, for the rest to be copied from.
            push_noops(2)
            drain(large, 1)
            push_noops(1)
        _multiply(large, many)
        for _ in range(effort.rounds):
            with new_store() as small:
                push_noops(_FEW)
                few.append(drain(small, _FEW).per_second)
            with store(large):
                full.append(drain(large, _FEW).per_second)
    return [
        Figure(
            what=f"drain of {many:,} waiting beside {many:,} finished, share of {_FEW:,} waiting",
            unit="",
            rounds=tuple(slow / fast for slow, fast in zip(full, few, strict=True)),
            at_least=0.8,
        ),
        Figure(what=f"drain of {many:,} waiting beside {many:,} finished", unit="jobs/s", rounds=tuple(full)),
        Figure(what=f"drain of {_FEW:,} waiting", unit="jobs/s", rounds=tuple(few)),
    ]


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
