"""How fast a worker with one child runs async jobs that do nothing; the bare loop is that of `drain`."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure, against_bare
from benchmarks.kit.store import NO_BAR, Store, claim_and_settle, new_store, push_noops
from benchmarks.kit.worker import drain


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    count = effort.of(40_000)
    loop = store.bare(claim_and_settle, lambda: push_noops(count))
    ours: list[float] = []
    bare: list[float] = []
    for _ in range(effort.rounds):
        with new_store(store) as url:
            push_noops(count)
            ours.append(drain(store, url, count, application="asynchronous").per_second)
        bare.append(count / loop())
    bar = store.bars.get("drain_async", NO_BAR)
    return against_bare(ours, bare, what="drain of async jobs with one child", bar=bar)
