"""Whether a peek, the counts, a push and a claim take as long with 1,000,000 jobs waiting as with 10."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, app, noop
from benchmarks.kit.store import NO_BAR, Store, push_noops, using

_FEW: Final = 10
_MANY: Final = 1_000_000
_TIMES: Final = 300

_QUEUE: Final = noop.job_type.queue
_OPERATIONS: Final[Mapping[str, Callable[[], object]]] = {
    "peek": lambda: app.driver.peek(_QUEUE),
    "counts": lambda: app.driver.counts([_QUEUE]),
    # By turns, so that as many wait in the end as before.
    "push": lambda: noop.push(1, TEXT),
    "claim": lambda: app.driver.claim([_QUEUE], limit=1, lease=600.0, worker="bench"),
}


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    many = _MANY // 10 if effort.quick else _MANY
    few: dict[str, list[float]] = {name: [] for name in _OPERATIONS}
    full: dict[str, list[float]] = {name: [] for name in _OPERATIONS}
    with store.new() as large, store.new() as small:
        store.fill(large, many)
        with using(small):
            push_noops(_FEW)
        for _ in range(effort.rounds):
            for url, times in ((small, few), (large, full)):
                with using(url):
                    _measure(times)
    bar = store.bars.get("flat_cost", NO_BAR)
    figures: list[Figure] = []
    for name in _OPERATIONS:
        shares = tuple(slow / fast for slow, fast in zip(full[name], few[name], strict=True))
        what = f"{name} with {many:,} waiting"
        figures.append(Figure(what=f"{what}, times that with {_FEW}", unit="", rounds=shares, at_most=bar.at_most))
        figures.append(Figure(what=what, unit="µs", rounds=tuple(full[name])))
    return figures


def _measure(times: Mapping[str, list[float]]) -> None:
    """The median of each operation, in microseconds."""
    found: dict[str, list[float]] = {name: [] for name in _OPERATIONS}
    for _ in range(_TIMES):
        for name, operation in _OPERATIONS.items():
            began = time.perf_counter()
            operation()
            found[name].append((time.perf_counter() - began) * 1e6)
    for name, each in found.items():
        times[name].append(statistics.median(each))
