"""What the store does with nothing of ours: its own tool, and our commands sent by a bare client; and our share of it.

On Redis also in pipelines, which no library can send, since each command needs the answer to the one before; and by
`redis-benchmark`, a tool in C that sends 100 bytes, on each connection a command after the answer to the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import TEXT, noop
from benchmarks.kit.store import BATCH, Store, Work, claim_and_settle, new_store, push_noops
from benchmarks.kit.worker import drain
from benchmarks.stores.redis import RedisStore

_AT_A_TIME: Final = 100
"""Commands in one pipeline."""

_SCRIPT: Final = "return redis.call('SET', KEYS[1], ARGV[1])"

_PUSH, _BULK, _DRAIN = "push one by one", f"push {BATCH} at a time", "drain with one child"

_Rate = Callable[[], float | None]


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    pushes, bulk, jobs = 2_000, 10_000, effort.of(40_000)
    ours = {
        _PUSH: partial(_rate_of, store, pushes, partial(_push, pushes)),
        _BULK: partial(_rate_of, store, bulk, partial(push_noops, bulk)),
        _DRAIN: partial(_drain, store, jobs),
    }
    limits: dict[tuple[str, str], _Rate] = {
        **_loops(store, _PUSH, pushes, partial(_push, pushes)),
        **_loops(store, _BULK, bulk, partial(push_noops, bulk)),
        **_loops(store, _DRAIN, jobs, claim_and_settle, partial(push_noops, jobs)),
        **(_tool(store, effort.of(40_000)) if isinstance(store, RedisStore) else {}),
    }
    rates: dict[str, list[float]] = {what: [] for what in ours}
    bare: dict[tuple[str, str], list[float]] = {limit: [] for limit in limits}
    # One after the other, again and again: what slows the machine down for a while slows all of them.
    for _ in range(effort.rounds):
        for what, rate in ours.items():
            rates[what].append(rate())
        for limit, rate_of_limit in limits.items():
            if (measured := rate_of_limit()) is not None:
                bare[limit].append(measured)
    for what, rounds in rates.items():
        yield Figure(what=what, unit="jobs/s", rounds=tuple(rounds))
        for (of, name), others in bare.items():
            if of == what and others:
                yield from _against(rounds, others, what=what, limit=name)


def _loops(
    store: Store, what: str, count: int, work: Work, prepare: Work = lambda: None
) -> dict[tuple[str, str], _Rate]:
    loops = {(what, "the same commands by a bare client"): store.bare(work, prepare)}
    if isinstance(store, RedisStore):
        loops[what, "the same commands in pipelines"] = store.bare(work, prepare, at_a_time=_AT_A_TIME)
    return {limit: _per_second(count, loop) for limit, loop in loops.items()}


def _tool(store: RedisStore, requests: int) -> dict[tuple[str, str], _Rate]:
    sha = store.load_script(_SCRIPT)
    commands = {
        "SET": ("-t", "set", "-d", str(len(TEXT))),
        "LPUSH": ("-t", "lpush", "-d", str(len(TEXT))),
        "EVALSHA of a SET": ("EVALSHA", sha, "1", "bench:key", TEXT),
    }
    return {
        (what, f"{name} by redis-benchmark on {many}"): partial(
            store.tool_rate, "-P", "1", "-c", connections, "-n", str(requests), *command
        )
        for name, command in commands.items()
        for what, connections, many in ((_PUSH, "1", "1 connection"), (_DRAIN, "50", "50 connections"))
    }


def _against(ours: Sequence[float], bare: Sequence[float], *, what: str, limit: str) -> Iterable[Figure]:
    shares = tuple(one / other for one, other in zip(ours, bare, strict=True))
    yield Figure(what=f"{what}: {limit}", unit="a second", rounds=tuple(bare))
    yield Figure(what=f"{what}, share of {limit}", unit="", rounds=shares)


def _per_second(count: int, loop: Callable[[], float]) -> _Rate:
    return lambda: count / loop()


def _rate_of(store: Store, count: int, work: Callable[[], object]) -> float:
    with new_store(store):
        began = time.perf_counter()
        work()
        return count / (time.perf_counter() - began)


def _drain(store: Store, count: int) -> float:
    with new_store(store) as url:
        push_noops(count)
        return drain(store, url, count).per_second


def _push(count: int) -> None:
    for number in range(count):
        noop.push(number, TEXT)
