"""How long one child takes for 1,000 async jobs of 100 ms each."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, app, pause
from benchmarks.kit.store import NO_BAR, Store, completed, new_store
from benchmarks.kit.worker import worker

_COUNT = 1_000


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    took: list[float] = []
    for _ in range(min(3, effort.rounds)):
        with new_store(store) as url, worker(url, application="mixed") as running:
            app.driver.pause(pause.job_type.queue)
            pause.push_many([(number, TEXT) for number in range(_COUNT)])
            app.driver.resume(pause.job_type.queue)
            running.until(lambda: completed() == _COUNT, f"{_COUNT} jobs were done")
            _, first, last = store.ran(url, 0, _COUNT)
        took.append((last - first) / 1e6)
    at_most = store.bars.get("async_jobs", NO_BAR).at_most
    return [Figure(what="1,000 async jobs of 100 ms on one child", unit="s", rounds=tuple(took), at_most=at_most)]
