"""`python -m peers.run NAME prepare | push | push_many | apush | ping | worker …`, in the library's own environment.

What is timed is printed as JSON. The store and the meter come from the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from peers.adapter import Adapter

BATCH = 500
"""Jobs of one `push_many`."""

AT_A_TIME = 200
"""Async pushes under way at a time."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("what", choices=("prepare", "push", "push_many", "apush", "ping", "worker"))
    parser.add_argument("--count", type=int, default=0, help="jobs to push")
    parser.add_argument(
        "--seconds", type=float, default=3600.0, help="push no longer than this, even if less is pushed"
    )
    parser.add_argument("--size", type=int, default=100, help="bytes of the text that each job carries")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two pings")
    parser.add_argument("--random", type=int, default=0, help="let the pauses vary, as a Poisson process's do")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    adapter: Adapter = importlib.import_module(f"peers.{given.name}").ADAPTER
    text = "x" * given.size
    numbers = _Numbers(given.count, given.seconds)
    match given.what:
        case "prepare":
            if adapter.prepare is not None:
                adapter.prepare()
        case "push":
            adapter.push(0, text)  # connections are open from here on
            _tell(_push(adapter, numbers, text))
        case "push_many":
            _tell(_push_many(adapter, numbers, text))
        case "apush":
            _tell(asyncio.run(_apush(adapter, numbers, text)))
        case "ping":
            _ping(adapter, given.count, text, _pauses(given.count, given.pause, at_random=bool(given.random)))
        case _:
            return _work(adapter, given.processes)
    return 0


class _Numbers:
    """The numbers of the jobs to push, in turn, until there are no more or the time is over. Job 0 goes before."""

    def __init__(self, count: int, seconds: float) -> None:
        self.pushed = 1
        self.seconds = 0.0
        self._count = count
        self._limit = seconds

    def __iter__(self) -> Iterator[int]:
        return (number for batch in self.batches(1) for number in batch)

    def batches(self, size: int) -> Iterator[range]:
        began = time.perf_counter()
        while self.pushed < self._count and time.perf_counter() - began < self._limit:
            first = self.pushed
            self.pushed = min(first + size, self._count)
            yield range(first, self.pushed)

    def took(self, began: float) -> _Numbers:
        self.seconds = time.perf_counter() - began
        return self


def _tell(numbers: _Numbers | None) -> None:
    if numbers is None:
        print("null")
    else:
        timed = numbers.pushed - 1
        print(json.dumps({"pushed": numbers.pushed, "rate": timed / numbers.seconds if timed else 0.0}))


def _push(adapter: Adapter, numbers: _Numbers, text: str) -> _Numbers:
    push = adapter.push
    began = time.perf_counter()
    for number in numbers:
        push(number, text)
    return numbers.took(began)


def _push_many(adapter: Adapter, numbers: _Numbers, text: str) -> _Numbers | None:
    if adapter.push_many is None:
        return None
    adapter.push_many([(0, text)])
    began = time.perf_counter()
    for batch in numbers.batches(BATCH):
        adapter.push_many([(number, text) for number in batch])
    return numbers.took(began)


async def _apush(adapter: Adapter, numbers: _Numbers, text: str) -> _Numbers | None:
    if adapter.apush is None:
        return None
    apush = adapter.apush
    await apush(0, text)
    following = iter(numbers)

    async def pusher() -> None:
        for number in following:
            await apush(number, text)

    began = time.perf_counter()
    await asyncio.gather(*(pusher() for _ in range(AT_A_TIME)))
    return numbers.took(began)


def _pauses(count: int, mean: float, *, at_random: bool) -> Sequence[float]:
    """Seconds before each ping; the same ones for every library."""
    if not at_random:
        return [mean] * count
    chance = random.Random(1)
    return [chance.expovariate(1 / mean) for _ in range(count)]


def _ping(adapter: Adapter, count: int, text: str, pauses: Sequence[float]) -> None:
    """Push one job after another, and print the moment before each push."""
    pushed: list[int] = []
    due = time.monotonic()
    for number in range(count):
        # By the clock: what a push takes is no part of the pause.
        due += pauses[number]
        time.sleep(max(0.0, due - time.monotonic()))
        pushed.append(time.time_ns())
        adapter.push(number, text)
    print(json.dumps({"pushed": pushed}))


def _work(adapter: Adapter, processes: int) -> int:
    """Be the parent of the library's workers, from their start until this process is told to end."""
    # The workers are told too. Who waits for them can be told what processor time they took.
    signal.signal(signal.SIGTERM, lambda *_: None)
    beside = Path(sys.executable).parent
    commands = adapter.worker(processes)
    started = [subprocess.Popen([str(beside / command[0]), *command[1:]]) for command in commands]
    return max(process.wait() for process in started)


if __name__ == "__main__":
    sys.exit(main())
