"""Celery: prefork, no results, and the prefetch that its documentation gives for short tasks."""

from __future__ import annotations

from celery import Celery

from peers.adapter import STORE, Adapter
from peers.work import work

app = Celery("peers.celery", broker=STORE)
app.conf.update(worker_prefetch_multiplier=128, task_ignore_result=True, broker_connection_retry_on_startup=True)
job = app.task(name="work")(work)

ADAPTER = Adapter(
    push=job.delay,
    worker=lambda processes: [
        [
            *("celery", "-A", "peers.celery", "worker", "--concurrency", str(processes), "--loglevel", "ERROR"),
            *("-O", "default", "--without-gossip", "--without-mingle", "--without-heartbeat"),
        ]
    ],
)
