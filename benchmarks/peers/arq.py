"""arq: async jobs only, one process a command. A worker at rest keeps its default: half a second between two looks."""

from __future__ import annotations

from typing import Any

from arq import ArqRedis, create_pool
from arq.connections import RedisSettings

from peers import loop
from peers.adapter import IS_AT_REST, STORE, Adapter
from peers.work import awork

pools: list[ArqRedis] = []


async def job(context: dict[str, Any], number: int, text: str) -> None:  # noqa: ARG001 - what arq hands over
    """The job."""
    await awork(number, text)


class WorkerSettings:
    """What `arq` serves."""

    functions = (job,)
    redis_settings = RedisSettings.from_dsn(STORE or "redis://localhost")
    max_jobs = 100
    poll_delay = 0.5 if IS_AT_REST else 0.01


async def apush(number: int, text: str) -> None:
    """Push one."""
    if not pools:
        pools.append(await create_pool(WorkerSettings.redis_settings))
    await pools[0].enqueue_job("job", number, text)


ADAPTER = Adapter(
    push=lambda number, text: loop.run(apush(number, text)),
    apush=apush,
    worker=lambda processes: [["arq", "peers.arq.WorkerSettings"]] * processes,
    kinds=("async",),
)
