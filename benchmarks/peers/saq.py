"""SAQ: async jobs only, one process a command."""

from __future__ import annotations

from typing import Any

from saq import Queue

from peers import loop
from peers.adapter import STORE, Adapter
from peers.work import awork

queue = Queue.from_url(STORE)


async def job(context: dict[str, Any], *, number: int, text: str) -> None:  # noqa: ARG001 - what SAQ hands over
    """The job."""
    await awork(number, text)


settings = {"queue": queue, "functions": [job], "concurrency": 100}


async def apush(number: int, text: str) -> None:
    """Push one."""
    await queue.enqueue("job", number=number, text=text)


ADAPTER = Adapter(
    push=lambda number, text: loop.run(apush(number, text)),
    apush=apush,
    worker=lambda processes: [["saq", "peers.saq.settings"]] * processes,
    kinds=("async",),
)
