"""conveyor, by the same protocol as everybody else and with every default: history and metrics on."""

from __future__ import annotations

from conveyor import Conveyor
from peers.adapter import IS_ASYNC, STORE, Adapter, Arguments
from peers.work import awork, work

app = Conveyor(STORE or None)
job = app.job("work")(awork if IS_ASYNC else work)


def push_many(arguments: Arguments) -> None:
    app.push_many([job.call(*each) for each in arguments])


ADAPTER = Adapter(
    push=job.push,
    apush=job.apush,
    push_many=push_many,
    prepare=app.driver.counts if STORE else None,
    worker=lambda processes: [
        ["conveyor", "work", "--app", "peers.conveyor:app", "--processes", str(processes), "--log-level", "warning"]
    ],
    kinds=("sync", "async"),
)
