"""How fast one event loop pushes jobs, 200 pushes under way at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, noop
from benchmarks.kit.store import NO_BAR, Store, new_store

_AT_A_TIME = 200


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    count = effort.of(20_000)
    rates: list[float] = []
    for _ in range(effort.rounds):
        with new_store(store):
            rates.append(count / asyncio.run(_push(count)))
    bar = store.bars.get("apush", NO_BAR)
    return [Figure(what="apush, 200 at a time", unit="jobs/s", rounds=tuple(rates), at_least=bar.at_least)]


async def _push(count: int) -> float:
    numbers = iter(range(count))

    async def one_after_the_other() -> None:
        for number in numbers:
            await noop.apush(number, TEXT)

    began = time.perf_counter()
    await asyncio.gather(*[one_after_the_other() for _ in range(_AT_A_TIME)])
    return time.perf_counter() - began
