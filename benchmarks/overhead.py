"""How much processor time a child spends on each job that does nothing."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import NO_BAR, Store, new_store, push_noops
from benchmarks.kit.worker import drain


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    count = effort.of(40_000)
    spent: list[float] = []
    for _ in range(min(3, effort.rounds)):
        with new_store(store) as url:
            push_noops(count)
            spent.append(drain(store, url, count).child_us)
    at_most = store.bars.get("overhead", NO_BAR).at_most
    return [Figure(what="processor time of the child for a job", unit="µs", rounds=tuple(spent), at_most=at_most)]
