"""gylo, a Rust core on PostgreSQL; it pushes on an async connection only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import gylo
import psycopg

from peers import loop
from peers.adapter import IS_ASYNC, STORE, Adapter, Arguments
from peers.work import awork, work

app = gylo.Gylo()
opened: list[psycopg.AsyncConnection] = []

if IS_ASYNC:

    @app.task
    async def job(number: int, text: str) -> None:
        await awork(number, text)

else:

    @app.task
    def job(number: int, text: str) -> None:
        work(number, text)


async def _connection() -> psycopg.AsyncConnection:
    if not opened:
        opened.append(await psycopg.AsyncConnection.connect(STORE, autocommit=True))
    return opened[0]


async def push(number: int, text: str) -> None:
    await job.enqueue(await _connection(), number, text)


async def push_many(arguments: Arguments) -> None:
    await job.enqueue_many(await _connection(), [(each, {}) for each in arguments])


def prepare() -> None:
    command = [str(Path(sys.executable).parent / "gylo"), "migrate", "--database-url", STORE]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


ADAPTER = Adapter(
    push=lambda number, text: loop.run(push(number, text)),
    push_many=lambda arguments: loop.run(push_many(arguments)),
    prepare=prepare,
    worker=lambda processes: [
        [
            *("gylo", "worker", "--app", "peers.gylo:app", "--database-url", STORE, "--processes", str(processes)),
            *("--python-path", os.environ.get("PYTHONPATH", "")),
        ]
    ],
    kinds=("sync", "async"),
)
