"""What a worker with nothing to do costs, all its processes together."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import new_store
from benchmarks.kit.worker import worker


def run(effort: Effort) -> Iterable[Figure]:
    seconds = 30.0 if effort.quick else 60.0
    with new_store() as path, worker(path, settled_for=5.0) as idle:
        began, spent = time.monotonic(), idle.cpu_seconds()
        time.sleep(seconds)
        spent = (idle.cpu_seconds() - spent) / (time.monotonic() - began) * 60
        # The pages that processes share are counted once; macOS tells only those they do not share.
        memory = [process.memory_full_info() for process in idle.tree]
    proportional = sum(getattr(one, "pss", one.uss) for one in memory)
    return [
        Figure(what="idle worker, processor time a minute", unit="s", rounds=(spent,), at_most=0.3),
        Figure(what="idle worker, memory (PSS)", unit="MiB", rounds=(proportional / 2**20,), at_most=90),
        Figure(what="idle worker, processes", unit="", rounds=(float(len(memory)),)),
    ]
