"""What the server does with nothing of ours: `redis-benchmark`, and our own scripts pipelined by a loop in Python.

The tool is C. It sends 100 bytes, and on each connection a command after the answer to the last.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, noop
from benchmarks.kit.store import Store, claim_and_settle, new_store, push_noops
from benchmarks.kit.worker import drain
from benchmarks.stores.redis import RedisStore

_AT_A_TIME: Final = 100
"""Commands in one pipeline of the loop in Python."""

_SCRIPT: Final = "return redis.call('SET', KEYS[1], ARGV[1])"


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    assert isinstance(store, RedisStore), store
    pushes, jobs = 2_000, effort.of(40_000)
    push_loop = store.bare(lambda: _push(pushes), at_a_time=_AT_A_TIME)
    drain_loop = store.bare(claim_and_settle, lambda: push_noops(jobs), at_a_time=_AT_A_TIME)
    sha = store.load_script(_SCRIPT)
    commands = {
        "SET": ("-t", "set", "-d", str(len(TEXT))),
        "LPUSH": ("-t", "lpush", "-d", str(len(TEXT))),
        "EVALSHA of a SET": ("EVALSHA", sha, "1", "bench:key", TEXT),
    }
    pushed: list[float] = []
    drained: list[float] = []
    bare: dict[str, list[float]] = {}
    for _ in range(effort.rounds):
        with new_store(store):
            pushed.append(pushes / _push(pushes))
        with new_store(store) as url:
            push_noops(jobs)
            drained.append(drain(store, url, jobs).per_second)
        bare.setdefault("push, its scripts in pipelines", []).append(pushes / push_loop())
        bare.setdefault("drain, its scripts in pipelines", []).append(jobs / drain_loop())
        for name, command in commands.items():
            for where, connections in (("push", 1), ("drain", 50)):
                rate = store.tool_rate("-P", "1", "-c", str(connections), "-n", str(effort.of(40_000)), *command)
                if rate is not None:
                    many = f"{connections} connection{'s' if connections > 1 else ''}"
                    bare.setdefault(f"{where}, {name} by redis-benchmark on {many}", []).append(rate)
    yield Figure(what="push one by one", unit="jobs/s", rounds=tuple(pushed))
    yield Figure(what="drain with one child", unit="jobs/s", rounds=tuple(drained))
    for name, rates in bare.items():
        where, _, what = name.partition(", ")
        yield from _share(pushed if where == "push" else drained, rates, where=where, what=what)


def _share(ours: Sequence[float], bare: Sequence[float], *, where: str, what: str) -> Iterable[Figure]:
    shares = tuple(one / other for one, other in zip(ours, bare, strict=True))
    yield Figure(what=f"{where}: {what}", unit="a second", rounds=tuple(bare))
    yield Figure(what=f"{where}, share of {what}", unit="", rounds=shares)


def _push(count: int) -> float:
    began = time.perf_counter()
    for number in range(count):
        noop.push(number, TEXT)
    return time.perf_counter() - began
