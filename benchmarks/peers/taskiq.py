"""Taskiq with its list broker on Redis."""

from __future__ import annotations

from taskiq_redis import ListQueueBroker

from peers import loop
from peers.adapter import IS_ASYNC, STORE, Adapter
from peers.work import awork, work

broker = ListQueueBroker(STORE)
job = broker.task(task_name="work")(awork if IS_ASYNC else work)

ADAPTER = Adapter(
    push=lambda number, text: loop.run(job.kiq(number, text)),
    apush=job.kiq,
    worker=lambda processes: [
        ["taskiq", "worker", "peers.taskiq:broker", "--workers", str(processes), "--log-level", "WARNING"]
    ],
    kinds=("sync", "async"),
)
