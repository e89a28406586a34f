"""What history, metrics, unique keys, codecs, progress and a record in SQL cost: the rate with each, and without."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, VARIANTS, app, noop
from benchmarks.kit.store import BATCH, Store, completed, new_store
from benchmarks.kit.worker import worker

_PUSHED: Final = {
    "unique keys": "unique",
    "signing": "signed",
    "encryption": "encrypted",
    "a record in SQL": "recorded",
}
"""What costs something in a push, and the application that has it."""

_RUN: Final = {"history": "without_history", "metrics": "without_metrics", **_PUSHED, "progress": "reporting"}
"""What costs something in a run, and the application that has it; or has it not, where it is on by default."""

_PUSH_FOR: Final = 0.5
"""Seconds."""

_ROUNDS: Final = 5
"""All that is compared takes turns, so a few rounds tell; each has a worker's start and end for every drain."""


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    rounds = min(effort.rounds, _ROUNDS)
    yield from _compare("push one by one", _PUSHED, rounds, lambda name: _push(store, name))
    yield from _compare("drain", _RUN, rounds, lambda name: _drain(store, name, effort.of(40_000)))


def _compare(what: str, applications: Mapping[str, str], rounds: int, rate: Callable[[str], float]) -> Iterable[Figure]:
    plain: list[float] = []
    shares: dict[str, list[float]] = {name: [] for name in applications}
    for _ in range(rounds):
        plain.append(rate("app"))
        for name, application in applications.items():
            measured = rate(application)
            has_it_off = application.startswith("without_")
            shares[name].append(plain[-1] / measured if has_it_off else measured / plain[-1])
    yield Figure(what=what, unit="jobs/s", rounds=tuple(plain))
    for name, measured_shares in shares.items():
        yield Figure(what=f"{what} with {name}, share of without", unit="", rounds=tuple(measured_shares))


def _push(store: Store, application: str) -> float:
    push = VARIANTS[application].push
    with new_store(store):
        push(0, TEXT)  # connections are open from here on
        count, began = 0, time.perf_counter()
        while (took := time.perf_counter() - began) < _PUSH_FOR:
            count += 1
            push(count, TEXT)
        return count / took


def _drain(store: Store, application: str, count: int) -> float:
    """By the clock on the wall, since one of them keeps no history that would tell the moments."""
    push_many = VARIANTS[application].push_many
    with new_store(store) as url:
        for start in range(0, count, BATCH):
            push_many([(number, TEXT) for number in range(start, start + BATCH)])
        app.driver.pause(noop.job_type.queue)
        with worker(url, application=application, settled_for=0.3) as running:
            began = time.perf_counter()
            app.driver.resume(noop.job_type.queue)
            running.until(lambda: completed() >= count, f"{count} jobs were done", every=0.01)
            return count / (time.perf_counter() - began)
