"""Huey: processes, as its documentation says for what needs a processor."""

from __future__ import annotations

from huey import RedisHuey, SqliteHuey

from peers.adapter import STORE, Adapter
from peers.work import work

huey = (
    SqliteHuey("bench", filename=STORE.removeprefix("sqlite:///"))
    if STORE.startswith("sqlite:")
    else RedisHuey("bench", url=STORE)
)
job = huey.task()(work)

ADAPTER = Adapter(
    push=job,
    worker=lambda processes: [
        ["huey_consumer", "peers.huey.huey", "--workers", str(processes), "--worker-type", "process", "--quiet"]
    ],
)
