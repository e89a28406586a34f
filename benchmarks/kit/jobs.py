"""The application that the benchmarks push to and work for, and the one shape of arguments they all use."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from conveyor import Conveyor

TEXT: Final = "x" * 100

app: Final = Conveyor()


@app.job("bench.noop")
def noop(number: int, text: str) -> None:
    """Nothing, so that all its cost is conveyor's."""


@app.job("bench.first_line")
def first_line(number: int, text: str) -> int:  # noqa: ARG001 - all carry the same
    """The moment at which it began, in nanoseconds since 1970."""
    return time.time_ns()


@app.job("bench.pause")
async def pause(number: int, text: str) -> None:  # noqa: ARG001 - all carry the same
    """What waits for a network does."""
    await asyncio.sleep(0.1)
