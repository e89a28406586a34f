"""Whether a worker drains as fast with 1,000,000 jobs waiting as with 10,000."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import NO_BAR, Store, new_store, push_noops, using
from benchmarks.kit.worker import drain

_FEW: Final = 10_000
_MANY: Final = 1_000_000


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    many = _MANY // 10 if effort.quick else _MANY
    few: list[float] = []
    full: list[float] = []
    with store.new() as large:
        beside = store.fill(large, many)
        for _ in range(effort.rounds):
            with new_store(store) as small:
                push_noops(_FEW)
                few.append(drain(store, small, _FEW).per_second)
            with using(large):
                full.append(drain(store, large, _FEW).per_second)
    return [
        Figure(
            what=f"drain of {many:,} waiting{beside}, share of {_FEW:,} waiting",
            unit="",
            rounds=tuple(slow / fast for slow, fast in zip(full, few, strict=True)),
            at_least=store.bars.get("backlog", NO_BAR).share,
        ),
        Figure(what=f"drain of {many:,} waiting{beside}", unit="jobs/s", rounds=tuple(full)),
        Figure(what=f"drain of {_FEW:,} waiting", unit="jobs/s", rounds=tuple(few)),
    ]
