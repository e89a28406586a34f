"""Whether two children on one store drain as fast as one."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import NO_BAR, Store, new_store, push_noops
from benchmarks.kit.worker import drain


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    count = effort.of(120_000)
    one: list[float] = []
    two: list[float] = []
    for _ in range(effort.rounds):
        for children, rates in ((1, one), (2, two)):
            with new_store(store) as url:
                push_noops(count)
                rates.append(drain(store, url, count, children=children).per_second)
    return [
        Figure(
            what="drain with two children, share of one",
            unit="",
            rounds=tuple(both / alone for both, alone in zip(two, one, strict=True)),
            at_least=store.bars.get("children", NO_BAR).share,
        ),
        Figure(what="drain with two children", unit="jobs/s", rounds=tuple(two)),
        Figure(what="drain with one child", unit="jobs/s", rounds=tuple(one)),
    ]
