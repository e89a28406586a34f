from __future__ import annotations

from conveyor.depths import read_depths
from tests.worker.tree import Bench, wait_until


def test_a_worker_looks_how_deep_the_queues_are(bench: Bench) -> None:
    tree = bench.worker()

    wait_until(lambda: read_depths(bench.app.driver).looks, 30)

    assert tree.stop() == 0
