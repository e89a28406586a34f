"""How fast a worker with one child runs jobs that do nothing, all settings as they are: history and metrics on.

The bare loop is one process that claims 500 and settles 500, by the driver's own commands, until nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure, against_bare
from benchmarks.kit.store import NO_BAR, Store, claim_and_settle, new_store, push_noops
from benchmarks.kit.worker import drain


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    count = effort.of(40_000)
    loop = store.bare(claim_and_settle, lambda: push_noops(count))
    ours: list[float] = []
    beside_async: list[float] = []
    bare: list[float] = []
    for _ in range(effort.rounds):
        with new_store(store) as url:
            push_noops(count)
            ours.append(drain(store, url, count).per_second)
        with new_store(store) as url:
            push_noops(count)
            beside_async.append(drain(store, url, count, application="mixed").per_second)
        bare.append(count / loop())
    what = "drain with one child"
    return [
        *against_bare(ours, bare, what=what, bar=store.bars.get("drain", NO_BAR)),
        Figure(what=f"{what}, the application has async jobs too", unit="jobs/s", rounds=tuple(beside_async)),
    ]
