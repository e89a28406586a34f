"""How long an idle worker takes from a push to the first line of the job."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, first_line
from benchmarks.kit.store import NO_BAR, Store, new_store
from benchmarks.kit.worker import worker
from conveyor import JobHandle

_PUSHES = 300


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    rounds = [_latencies(store) for _ in range(3 if not effort.quick else 1)]

    def percentile(share: float) -> Figure:
        found = [
            statistics.quantiles(latencies, n=1000, method="inclusive")[round(share * 10) - 1] for latencies in rounds
        ]
        at_most = store.bars.get(f"latency p{share:g}", NO_BAR).at_most
        return Figure(what=f"pick-up latency, p{share:g}", unit="ms", rounds=tuple(found), at_most=at_most)

    return [
        percentile(50),
        percentile(95),
        percentile(99),
        Figure(what="pick-up latency, longest", unit="ms", rounds=tuple(map(max, rounds))),
    ]


def _latencies(store: Store) -> list[float]:
    """Milliseconds, from before the push to the job's first line; its commit is part of it."""
    with new_store(store) as url, worker(url):
        pushed: list[tuple[int, JobHandle[int]]] = []
        for number in range(_PUSHES):
            time.sleep(random.uniform(0.02, 0.05))
            began = time.time_ns()
            pushed.append((began, first_line.push(number, TEXT)))
        return [(handle.result(timeout=10) - began) / 1e6 for began, handle in pushed]
