"""`python -m peers.run NAME prepare | push | push_many | apush | ping | worker …`, in the library's own environment.

What is timed is printed as JSON. The store and the meter come from the environment.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
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
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--size", type=int, default=100, help="bytes of the text that each job carries")
    parser.add_argument("--pause", type=float, default=0.0, help="seconds between two pings")
    parser.add_argument("--random", type=int, default=0, help="let the pauses vary, as a Poisson process's do")
    parser.add_argument("--processes", type=int, default=1)
    given = parser.parse_args()
    adapter: Adapter = importlib.import_module(f"peers.{given.name}").ADAPTER
    text = "x" * given.size
    match given.what:
        case "prepare":
            if adapter.prepare is not None:
                adapter.prepare()
        case "push":
            adapter.push(0, text)  # connections are open from here on
            _tell(_push(adapter, given.count, text))
        case "push_many":
            _tell(_push_many(adapter, given.count, text))
        case "apush":
            _tell(asyncio.run(_apush(adapter, given.count, text)))
        case "ping":
            _ping(adapter, given.count, text, _pauses(given.count, given.pause, at_random=bool(given.random)))
        case _:
            return _work(adapter, given.processes)
    return 0


def _tell(seconds: float | None) -> None:
    print(json.dumps({"seconds": seconds}))


def _push(adapter: Adapter, count: int, text: str) -> float:
    push = adapter.push
    began = time.perf_counter()
    for number in range(1, count):
        push(number, text)
    return (time.perf_counter() - began) * count / max(1, count - 1)


def _push_many(adapter: Adapter, count: int, text: str) -> float | None:
    if adapter.push_many is None:
        return None
    numbers = [(number, text) for number in range(count)]
    adapter.push_many(numbers[:1])
    began = time.perf_counter()
    for first in range(1, count, BATCH):
        adapter.push_many(numbers[first : first + BATCH])
    return time.perf_counter() - began


async def _apush(adapter: Adapter, count: int, text: str) -> float | None:
    if adapter.apush is None:
        return None
    apush = adapter.apush
    await apush(0, text)
    numbers = iter(range(1, count))

    async def pusher() -> None:
        for number in numbers:
            await apush(number, text)

    began = time.perf_counter()
    await asyncio.gather(*(pusher() for _ in range(AT_A_TIME)))
    return time.perf_counter() - began


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
    beside = Path(sys.executable).parent
    commands = adapter.worker(processes)
    started = [subprocess.Popen([str(beside / command[0]), *command[1:]]) for command in commands]
    return max(process.wait() for process in started)


if __name__ == "__main__":
    sys.exit(main())
