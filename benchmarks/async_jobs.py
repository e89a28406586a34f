"""How long one child takes for 1,000 async jobs of 100 ms each."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, app, pause
from benchmarks.kit.store import completed, new_store, rows
from benchmarks.kit.worker import worker

_COUNT = 1_000


def run(effort: Effort) -> Iterable[Figure]:
    took: list[float] = []
    for _ in range(min(3, effort.rounds)):
        with new_store() as path, worker(path, application="mixed") as running:
            app.driver.pause(pause.job_type.queue)
            pause.push_many([(number, TEXT) for number in range(_COUNT)])
            app.driver.resume(pause.job_type.queue)
            running.until(lambda: completed() == _COUNT, f"{_COUNT} jobs were done")
            first, last = rows(path, "SELECT min(started_at), max(finished_at) FROM conveyor_finished")[0]
        took.append((last - first) / 1e6)
    return [Figure(what="1,000 async jobs of 100 ms on one child", unit="s", rounds=tuple(took), at_most=1.5)]
