"""gylo, a Rust core on PostgreSQL."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gylo
import psycopg

from peers.adapter import IS_ASYNC, STORE, Adapter, Arguments
from peers.work import awork, work

app = gylo.Gylo()
opened: list[psycopg.Connection] = []

if IS_ASYNC:

    @app.task
    async def job(number: int, text: str) -> None:
        await awork(number, text)

else:

    @app.task
    def job(number: int, text: str) -> None:
        work(number, text)


def _connection() -> psycopg.Connection:
    if not opened:
        opened.append(psycopg.connect(STORE, autocommit=True))
    return opened[0]


def push_many(arguments: Arguments) -> None:
    job.enqueue_many(_connection(), [(each, {}) for each in arguments])


def prepare() -> None:
    command = [str(Path(sys.executable).parent / "gylo"), "migrate", "--database-url", STORE]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


ADAPTER = Adapter(
    push=lambda number, text: job.enqueue(_connection(), number, text),
    push_many=push_many,
    prepare=prepare,
    worker=lambda processes: [
        [
            *("gylo", "worker", "--app", "peers.gylo:app", "--database-url", STORE, "--processes", str(processes)),
            *("--python-path", os.environ.get("PYTHONPATH", "")),
        ]
    ],
    kinds=("sync", "async"),
)
