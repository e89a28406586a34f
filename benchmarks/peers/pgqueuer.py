"""PgQueuer over asyncpg: async jobs only, in batches of 100, one process a command.

Its command fails at its own option for the log level (1.6.0), so its manager is run as a program would run it.
"""

from __future__ import annotations

import json
import sys

import asyncpg
import uvloop
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from peers import loop
from peers.adapter import IS_AT_REST, STORE, Adapter, Arguments
from peers.work import awork

opened: list[Queries] = []


async def serve(batch: int) -> None:
    """Run jobs until the end of the process."""
    served = PgQueuer(AsyncpgDriver(await asyncpg.connect(STORE)))

    @served.entrypoint("work")
    async def job(job: Job) -> None:
        number, text = json.loads(job.payload or b"")
        await awork(number, text)

    await served.run(batch_size=batch)


async def _queries() -> Queries:
    if not opened:
        opened.append(Queries(AsyncpgDriver(await asyncpg.connect(STORE))))
    return opened[0]


async def apush_many(arguments: Arguments) -> None:
    payloads: list[bytes | None] = [json.dumps(each).encode() for each in arguments]
    await (await _queries()).enqueue(["work"] * len(payloads), payloads, [0] * len(payloads))


async def aprepare() -> None:
    queries = await _queries()
    await queries.install()
    if not IS_AT_REST:
        # What its notes on performance begin their list with. It leaves room in the pages, which would cost it bytes.
        await queries.optimize_autovacuum()


def adapter(batch: int) -> Adapter:
    """Workers that take so many jobs at once."""
    return Adapter(
        push=lambda number, text: loop.run(apush_many([(number, text)])),
        push_many=lambda arguments: loop.run(apush_many(arguments)),
        prepare=lambda: loop.run(aprepare()),
        worker=lambda processes: [["python", "-m", "peers.pgqueuer", str(batch)]] * processes,
        kinds=("async",),
    )


ADAPTER = adapter(100)

if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
