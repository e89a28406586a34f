"""potatoq, which speaks Celery's language."""

from __future__ import annotations

from potatoq import Potatoq

from peers.adapter import STORE, Adapter
from peers.work import work

app = Potatoq("peers.potatoq", broker=STORE or None)
app.conf.update(task_ignore_result=True)
job = app.task(name="work")(work)

ADAPTER = Adapter(
    push=job.delay,
    worker=lambda processes: [
        ["potatoq", "-A", "peers.potatoq", "worker", "--concurrency", str(processes), "--loglevel", "WARNING"]
    ],
)
