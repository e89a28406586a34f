"""Huey: processes, as its documentation says for what needs a processor.

A file it looks at every 100 ms by default, on Redis it is told. A worker at rest keeps that pace.
"""

from __future__ import annotations

from huey import RedisHuey, SqliteHuey

from peers.adapter import IS_AT_REST, STORE, Adapter
from peers.work import work

huey = (
    SqliteHuey("bench", filename=STORE.removeprefix("sqlite:///"))
    if STORE.startswith("sqlite:")
    else RedisHuey("bench", url=STORE)
)
job = huey.task()(work)
PACE = () if IS_AT_REST else ("--delay", "0.01", "--backoff", "1", "--max-delay", "0.01")

ADAPTER = Adapter(
    push=job,
    worker=lambda processes: [
        [
            *("huey_consumer", "peers.huey.huey", "--workers", str(processes), "--worker-type", "process", "--quiet"),
            *PACE,
        ]
    ],
)
