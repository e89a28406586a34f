"""Whether a peek, a size, the statistics, a push and a claim cost as much with millions of jobs waiting as with 10."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, app, noop
from benchmarks.kit.store import NO_BAR, Store, push_noops, using

_FEW: Final = 10
_TIMES: Final = 300

_QUEUE: Final = noop.job_type.queue
_OPERATIONS: Final[Mapping[str, Callable[[], object]]] = {
    "peek": lambda: app.queue(_QUEUE).peek(),
    "size": lambda: app.queue(_QUEUE).size(),
    "stats": lambda: app.queue(_QUEUE).stats(),
    # By turns, so that as many wait in the end as before.
    "push": lambda: noop.push(1, TEXT),
    "claim": lambda: app.driver.claim([_QUEUE], limit=1, lease=600.0, worker="bench"),
}

_Times = dict[str, list[float]]
"""Of each operation, the medians of the rounds in microseconds; first as we see it, then as the server does."""


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    many = store.many // 10 if effort.quick else store.many
    few, full = _none(), _none()
    with store.new() as large, store.new() as small:
        store.fill(large, many)
        with using(small):
            push_noops(_FEW)
        for _ in range(effort.rounds):
            for url, times in ((small, few), (large, full)):
                with using(url):
                    for told, each in zip(times, _measure(store), strict=True):
                        for name, median in each.items():
                            told[name].append(median)
    bar = store.bars.get("flat_cost", NO_BAR)
    figures: list[Figure] = []
    for whose, small_times, large_times in zip(("", ", the server's time"), few, full, strict=True):
        for name in _OPERATIONS:
            if not large_times[name]:
                continue
            shares = tuple(slow / fast for slow, fast in zip(large_times[name], small_times[name], strict=True))
            what = f"{name} with {many:,} waiting{whose}"
            figures.append(Figure(what=f"{what}, times that with {_FEW}", unit="", rounds=shares, at_most=bar.at_most))
            figures.append(Figure(what=what, unit="µs", rounds=tuple(large_times[name])))
    return figures


def _none() -> tuple[_Times, _Times]:
    return {name: [] for name in _OPERATIONS}, {name: [] for name in _OPERATIONS}


def _measure(store: Store) -> tuple[dict[str, float], dict[str, float]]:
    """The median of each operation, and of what the server spends on it where it tells, in microseconds."""
    ours, servers = _none()
    for _ in range(_TIMES):
        for name, operation in _OPERATIONS.items():
            before = store.spent()
            began = time.perf_counter()
            operation()
            ours[name].append((time.perf_counter() - began) * 1e6)
            if before is not None:
                servers[name].append((store.spent() or before) - before)
    first, second = (
        {name: statistics.median(each) for name, each in times.items() if each} for times in (ours, servers)
    )
    return first, second
