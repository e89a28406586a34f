"""How long a push takes while a worker with two children drains a backlog from the same store."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, app, noop
from benchmarks.kit.store import Store, completed, new_store, push_noops
from benchmarks.kit.worker import worker

_EVERY: Final = 0.005


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    rounds = [_pushes(store, effort.of(80_000)) for _ in range(3)]
    return [
        Figure(
            what=f"push beside a busy worker, p{percent}",
            unit="ms",
            rounds=tuple(statistics.quantiles(times, n=100, method="inclusive")[percent - 1] for times in rounds),
        )
        for percent in (50, 95, 99)
    ]


def _pushes(store: Store, backlog: int) -> list[float]:
    """Milliseconds of each push, until the backlog is nearly gone."""
    times: list[float] = []
    with new_store(store) as url:
        push_noops(backlog)
        app.driver.pause(noop.job_type.queue)
        with worker(url, "--processes", "2") as busy:
            app.driver.resume(noop.job_type.queue)
            busy.until(lambda: completed() > 0, "it had begun")
            while completed() < backlog * 0.9:
                began = time.perf_counter()
                noop.push(len(times), TEXT)
                times.append((time.perf_counter() - began) * 1000)
                time.sleep(_EVERY)
    return times
