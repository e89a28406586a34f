"""How long an idle worker takes from a push to the first line of the job."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, first_line
from benchmarks.kit.store import new_store
from benchmarks.kit.worker import worker
from conveyor import JobHandle

_PUSHES = 300


def run(effort: Effort) -> Iterable[Figure]:
    rounds = [_latencies() for _ in range(3 if not effort.quick else 1)]

    def percentile(share: float, at_most: float | None = None) -> Figure:
        found = [
            statistics.quantiles(latencies, n=1000, method="inclusive")[round(share * 10) - 1] for latencies in rounds
        ]
        return Figure(what=f"pick-up latency, p{share:g}", unit="ms", rounds=tuple(found), at_most=at_most)

    return [
        percentile(50, at_most=3),
        percentile(95),
        percentile(99, at_most=10),
        Figure(what="pick-up latency, longest", unit="ms", rounds=tuple(map(max, rounds))),
    ]


def _latencies() -> list[float]:
    """Milliseconds, from before the push to the job's first line; its commit is part of it."""
    with new_store() as path, worker(path):
        pushed: list[tuple[int, JobHandle[int]]] = []
        for number in range(_PUSHES):
            time.sleep(random.uniform(0.02, 0.05))
            began = time.time_ns()
            pushed.append((began, first_line.push(number, TEXT)))
        return [(handle.result(timeout=10) - began) / 1e6 for began, handle in pushed]
