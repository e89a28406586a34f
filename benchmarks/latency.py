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
    ours: list[list[float]] = []
    bare: list[list[float]] = []
    for _ in range(1 if effort.quick else 3):
        ours.append(_latencies(store))
        bare.append(list(store.bare_latencies([_pause() for _ in range(_PUSHES)])))
    figures = [_percentile(ours, store, share) for share in (50, 95, 99)]
    figures.append(Figure(what="pick-up latency, longest", unit="ms", rounds=tuple(map(max, ours))))
    if all(bare):
        hops = tuple(map(statistics.median, bare))
        figures.append(Figure(what="bare hop through the server to another process, p50", unit="ms", rounds=hops))
    return figures


def _percentile(rounds: list[list[float]], store: Store, share: int) -> Figure:
    found = [statistics.quantiles(latencies, n=1000, method="inclusive")[share * 10 - 1] for latencies in rounds]
    at_most = store.bars.get(f"latency p{share}", NO_BAR).at_most
    return Figure(what=f"pick-up latency, p{share}", unit="ms", rounds=tuple(found), at_most=at_most)


def _latencies(store: Store) -> list[float]:
    """Milliseconds, from before the push to the job's first line; its commit is part of it."""
    with new_store(store) as url, worker(url):
        pushed: list[tuple[int, JobHandle[int]]] = []
        for number in range(_PUSHES):
            time.sleep(_pause())
            began = time.time_ns()
            pushed.append((began, first_line.push(number, TEXT)))
        return [(handle.result(timeout=10) - began) / 1e6 for began, handle in pushed]


def _pause() -> float:
    """Seconds: long enough for a worker to be idle again."""
    return random.uniform(0.02, 0.05)
