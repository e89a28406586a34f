"""Procrastinate: async jobs, and sync ones on threads."""

from __future__ import annotations

import procrastinate

from peers.adapter import IS_ASYNC, STORE, Adapter, Arguments
from peers.work import awork, work

app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=STORE))
sync_app = app.with_connector(procrastinate.SyncPsycopgConnector(conninfo=STORE))
job = app.task(name="work")(awork if IS_ASYNC else work)


def prepare() -> None:
    sync_app.open()
    sync_app.schema_manager.apply_schema()


def push(number: int, text: str) -> None:
    _open().configure_task("work").defer(number=number, text=text)


def push_many(arguments: Arguments) -> None:
    _open().configure_task("work").batch_defer(*({"number": number, "text": text} for number, text in arguments))


opened: list[procrastinate.App] = []


def _open() -> procrastinate.App:
    if not opened:
        sync_app.open()
        opened.append(sync_app)
    return opened[0]


ADAPTER = Adapter(
    push=push,
    push_many=push_many,
    prepare=prepare,
    worker=lambda processes: (
        [["procrastinate", "-a", "peers.procrastinate.app", "worker", "--concurrency", "30"]] * processes
    ),
    kinds=("sync", "async"),
)
