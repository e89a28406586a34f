"""The applications that the benchmarks push to and work for, and the one shape of arguments they all use."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from conveyor import Conveyor

TEXT: Final = "x" * 100

app: Final = Conveyor()
mixed: Final = Conveyor()
"""Has async jobs too, for which a worker keeps an event loop and a share of its claims."""


asynchronous: Final = Conveyor()
"""Its jobs are async."""


def _noop(number: int, text: str) -> None:
    """Nothing, so that all its cost is conveyor's."""


noop: Final = app.job("bench.noop")(_noop)
mixed.job("bench.noop")(_noop)


@asynchronous.job("bench.noop")
async def async_noop(number: int, text: str) -> None:
    """Nothing, on an event loop."""


@app.job("bench.first_line")
def first_line(number: int, text: str) -> int:  # noqa: ARG001 - all carry the same
    """The moment at which it began, in nanoseconds since 1970."""
    return time.time_ns()


@mixed.job("bench.pause")
async def pause(number: int, text: str) -> None:  # noqa: ARG001 - all carry the same
    """What waits for a network does."""
    await asyncio.sleep(0.1)
