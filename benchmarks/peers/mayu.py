"""mayu, a Rust core on Redis. It needs Python 3.13."""

from __future__ import annotations

from mayu import App

from peers.adapter import IS_ASYNC, STORE, Adapter
from peers.work import awork, work

app = App(broker=STORE or "redis://localhost:6379/0")
job = app.task(awork if IS_ASYNC else work)

ADAPTER = Adapter(
    push=job.delay,
    worker=lambda processes: [
        ["mayu", "worker", "peers.mayu:app", "--processes", str(processes), "--log-level", "WARNING"]
    ],
    kinds=("sync", "async"),
)
