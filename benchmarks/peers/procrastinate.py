"""Procrastinate: async jobs, and sync ones on threads."""

from __future__ import annotations

import functools
import sys

import procrastinate

from peers.adapter import IS_ASYNC, STORE, Adapter, Arguments
from peers.work import awork, work

IS_WORKER = not sys.argv[0].endswith("run.py")

app = procrastinate.App(
    connector=(procrastinate.PsycopgConnector if IS_WORKER else procrastinate.SyncPsycopgConnector)(conninfo=STORE)
)
job = app.task(name="work")(awork if IS_ASYNC else work)


def prepare() -> None:
    _open().schema_manager.apply_schema()


def push(number: int, text: str) -> None:
    _open()
    job.defer(number=number, text=text)


def push_many(arguments: Arguments) -> None:
    _open()
    job.batch_defer(*({"number": number, "text": text} for number, text in arguments))


@functools.cache
def _open() -> procrastinate.App:
    app.open()
    return app


ADAPTER = Adapter(
    push=push,
    push_many=push_many,
    prepare=prepare,
    worker=lambda processes: (
        [["procrastinate", "-a", "peers.procrastinate.app", "worker", "--concurrency", "30"]] * processes
    ),
    kinds=("sync", "async"),
)
