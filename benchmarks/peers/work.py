"""What the jobs do, whatever library runs them."""

from __future__ import annotations

import asyncio
import os
import time

from peers import meter

PAUSE = float(os.environ.get("BENCH_PAUSE", "0"))
"""Seconds that a job takes; by itself it does nothing."""


def work(number: int, text: str) -> None:  # noqa: ARG001 - the text is there to be carried
    if PAUSE:
        time.sleep(PAUSE)
    meter.ran(number)


async def awork(number: int, text: str) -> None:  # noqa: ARG001 - likewise
    if PAUSE:
        await asyncio.sleep(PAUSE)
    meter.ran(number)
