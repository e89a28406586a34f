"""Store files for one measurement each."""

from __future__ import annotations

import gc
import sqlite3
import tempfile
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.kit.jobs import TEXT, app, mixed, noop

BATCH: Final = 500
"""Jobs in one push, claim or settle where they come many at a time."""


@contextmanager
def new_file() -> Generator[Path]:
    """The path of a store that is not there yet, in a directory of its own that goes with it."""
    with tempfile.TemporaryDirectory(prefix="conveyor-bench-") as directory:
        yield Path(directory) / "bench.db"


@contextmanager
def store(path: Path) -> Generator[None]:
    """Let the applications use this file, open and ready for a measurement. Every setting is as it is by default."""
    for application in (app, mixed):
        application.url = f"sqlite:///{path}"
    try:
        app.driver.counts()
        gc.collect()
        yield
    finally:
        for application in (app, mixed):
            application.close()


@contextmanager
def new_store() -> Generator[Path]:
    """Let the applications use a new file."""
    with new_file() as path, store(path):
        yield path


def push_noops(count: int) -> None:
    """Jobs to be drained."""
    for start in range(0, count, BATCH):
        noop.push_many([(number, TEXT) for number in range(start, min(start + BATCH, count))])


def completed() -> int:
    """Jobs that have run since the store was made."""
    return sum(count.completed for queue in app.driver.counts() for count in queue.by_priority.values())


def rows(path: Path, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
    """What plain SQL answers on a store's file."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement, parameters).fetchall()
