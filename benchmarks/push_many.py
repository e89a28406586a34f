"""How fast one process pushes jobs, 500 at a time."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure, against_bare
from benchmarks.kit.store import NO_BAR, Store, new_store, push_noops


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    count = 10_000
    loop = store.bare(lambda: push_noops(count))
    ours: list[float] = []
    bare: list[float] = []
    # Short rounds, and many: what disturbs the machine for a moment spoils few of them.
    for _ in range(effort.rounds * 5):
        with new_store(store):
            began = time.perf_counter()
            push_noops(count)
            ours.append(count / (time.perf_counter() - began))
        bare.append(count / loop())
    return against_bare(ours, bare, what="push_many of 500", bar=store.bars.get("push_many", NO_BAR))
