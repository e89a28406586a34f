"""How fast one process pushes jobs, one by one."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure, against_bare
from benchmarks.kit.jobs import TEXT, noop
from benchmarks.kit.store import NO_BAR, Store, new_store


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    count = 2_000
    loop = store.bare_push(count, lambda: _push(count))
    ours: list[float] = []
    bare: list[float] = []
    # Short rounds, and many: what disturbs the machine for a moment spoils few of them.
    for _ in range(effort.rounds * 5):
        with new_store(store):
            ours.append(count / _push(count))
        bare.append(count / loop())
    return against_bare(ours, bare, what="push one by one", bar=store.bars.get("push", NO_BAR))


def _push(count: int) -> float:
    began = time.perf_counter()
    for number in range(count):
        noop.push(number, TEXT)
    return time.perf_counter() - began
