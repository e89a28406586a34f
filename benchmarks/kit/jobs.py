"""The applications that the benchmarks push to and work for, and the one shape of arguments they all use."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from pathlib import Path
from typing import Final

from conveyor import Conveyor, Encrypted, History, Retention, Signed, Unique, current_job

TEXT: Final = "x" * 100

app: Final = Conveyor()
mixed: Final = Conveyor()
"""Has async jobs too, for which a worker keeps an event loop and a share of its claims."""


asynchronous: Final = Conveyor()
"""Its jobs are async."""


without_history: Final = Conveyor(retention=Retention(finished_age=0))
without_metrics: Final = Conveyor(retention=Retention(metrics_age=0))
unique: Final = Conveyor()
signed: Final = Conveyor(codec=Signed({"bench": b"x" * 32}))
encrypted: Final = Conveyor(codec=Encrypted({"bench": b"x" * 32}))
reporting: Final = Conveyor()
"""Its jobs report their progress."""
HISTORY: Final = Path(
    os.environ.setdefault("CONVEYOR_BENCH_HISTORY", f"{tempfile.gettempdir()}/conveyor-bench-{os.getpid()}.db")
)
"""Where `recorded` keeps its history: workers are told by the environment."""
recorded: Final = Conveyor()
"""Its jobs are recorded in SQL."""
History(f"sqlite:///{HISTORY}").record(recorded)

APPLICATIONS: Final = (
    app,
    mixed,
    asynchronous,
    without_history,
    without_metrics,
    unique,
    signed,
    encrypted,
    reporting,
    recorded,
)


def _noop(number: int, text: str) -> None:
    """Nothing, so that all its cost is conveyor's."""


noop: Final = app.job("bench.noop")(_noop)
mixed.job("bench.noop")(_noop)


def _reporting_noop(number: int, text: str) -> None:  # noqa: ARG001 - all carry the same
    current_job().progress(1, 1)


VARIANTS: Final = {
    "app": noop,
    "without_history": without_history.job("bench.noop")(_noop),
    "without_metrics": without_metrics.job("bench.noop")(_noop),
    "unique": unique.job("bench.noop", unique=Unique())(_noop),
    "signed": signed.job("bench.noop")(_noop),
    "encrypted": encrypted.job("bench.noop")(_noop),
    "reporting": reporting.job("bench.noop")(_reporting_noop),
    "recorded": recorded.job("bench.noop")(_noop),
}
"""The job that does nothing, by the name of its application."""


@asynchronous.job("bench.noop")
async def async_noop(number: int, text: str) -> None:
    """Nothing, on an event loop."""


@app.job("bench.first_line")
def first_line(number: int, text: str) -> int:  # noqa: ARG001 - all carry the same
    """The moment at which it began, in nanoseconds since 1970."""
    return time.time_ns()


@app.job("bench.nap")
def nap(number: int, text: str) -> None:  # noqa: ARG001 - all carry the same
    """A short wait for something else."""
    time.sleep(0.01)


@mixed.job("bench.pause")
async def pause(number: int, text: str) -> None:  # noqa: ARG001 - all carry the same
    """What waits for a network does."""
    await asyncio.sleep(0.1)
