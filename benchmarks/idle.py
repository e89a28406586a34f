"""What a worker with nothing to do costs, all its processes together."""

from __future__ import annotations

import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import NO_BAR, Store, new_store
from benchmarks.kit.worker import worker


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    seconds = 30.0 if effort.quick else 60.0
    with new_store(store) as url, worker(url, settled_for=5.0) as idle:
        # First and last: to answer, a store may wait for what its server writes down with delay.
        asked, asked_at = store.asked(url), time.monotonic()
        began, spent = time.monotonic(), idle.cpu_seconds()
        time.sleep(seconds)
        took = time.monotonic() - began
        spent = idle.cpu_seconds() - spent
        # The pages that processes share are counted once; macOS tells only those they do not share.
        memory = [process.memory_full_info() for process in idle.tree]
        asked_rate = None
        if asked is not None:
            now_asked = store.asked(url) or 0
            asked_rate = (now_asked - asked) / (time.monotonic() - asked_at)
    proportional = sum(getattr(one, "pss", one.uss) for one in memory)

    def figure(what: str, unit: str, value: float, bar: str = "") -> Figure:
        return Figure(
            what=f"idle worker, {what}", unit=unit, rounds=(value,), at_most=store.bars.get(bar, NO_BAR).at_most
        )

    figures = [
        figure("processor time a minute", "s", spent / took * 60, "idle processor"),
        figure("memory (PSS)", "MiB", proportional / 2**20, "idle memory"),
        figure("processes", "", float(len(memory))),
    ]
    if asked_rate is not None:
        figures.append(figure("commands to the server a second", "", asked_rate, "idle asked"))
    return figures
