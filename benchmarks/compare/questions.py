"""What is asked of every library, each question on a new store."""

from __future__ import annotations

import contextlib
import statistics
import subprocess
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.compare.libraries import POSTGRES, Library
from benchmarks.compare.race import DEADLINE, Failed, Meter, Race, Worker, rate
from benchmarks.compare.stores import Store, new_store

Answers = dict[str, float]
"""By what was measured; one question may have several answers."""

RATE: Final = "jobs/s"

_ENOUGH: Final = 50
"""Jobs from which a rate can be told, where a library does not get through all of them in time."""

_FILL_FOR: Final = 2.5
"""Seconds after which it is enough for those that push slowly."""

_DRAIN_FOR: Final = 2.5
"""Seconds after which a rate is taken from what has run until then."""

_PUSH_FOR: Final = 1.5
"""Seconds of pushing that tell its rate."""

_BACKLOG_FOR: Final = 90.0
"""Seconds that filling a backlog may take; what would take longer is left out."""

_IDLE_FOR: Final = 6.0

_TOLD_WITHIN: Final = 10.5
"""Seconds after which PostgreSQL knows what an idle session has done."""


@dataclass(frozen=True)
class Question:
    """One thing that is asked.

    Attributes:
        name: what it is called on the command line.
        asks: in words.
        unit: of all its answers.
        answer: asks one library on a kind of store; `None` where it has no such thing.
        needs_store: it is asked once for each store that the library has, not once for all.
        shown: the answers that tables show; all of them where none is named.
        rounds: at most so many, where it takes long or answers the same each time.
    """

    name: str
    asks: str
    unit: str
    answer: Callable[[Library, str], Answers | None]
    needs_store: bool = True
    shown: Sequence[str] = ()
    rounds: int | None = None

    @property
    def more_is_better(self) -> bool:
        """Where less is not."""
        return self.unit == RATE


# ── pushing ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _pushing(what: str, count: int, *, has: Callable[[Library], bool]) -> Callable[[Library, str], Answers | None]:
    def answer(library: Library, store_kind: str) -> Answers | None:
        if not has(library):
            return None
        with _race(library, store_kind, kind=library.kinds[0]) as (race, _):
            return {"": race.call(what, count=count, seconds=_PUSH_FOR)["rate"]}

    return answer


# ── draining ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _draining(
    kind: str, *, processes: Sequence[int] = (1,), count: int = 80_000, size: int = 100, pause: float = 0.0
) -> Callable[[Library, str], Answers | None]:
    def answer(library: Library, store_kind: str) -> Answers | None:
        if kind not in library.kinds:
            return None
        answers: Answers = {}
        for number in processes:
            with _race(library, store_kind, kind=kind, size=size, pause=pause) as (race, _):
                meter = race.expect(count)
                waiting = _fill(race, count)
                with race.worker(number) as worker:
                    answers[f"{number} process{'es' if number > 1 else ''}"] = _drained(worker, meter, waiting)
        return answers

    return answer


def _fill(race: Race, count: int, seconds: float = _FILL_FOR) -> int:
    """Let so many jobs wait, or as many as can be pushed in time, by the fastest way; answer how many."""
    way = "push_many" if race.library.has_push_many else "apush" if race.library.has_apush else "push"
    pushed: int = race.call(way, count=count, seconds=seconds, deadline=seconds + DEADLINE)["pushed"]
    return pushed


def _drained(worker: Worker, meter: Meter, count: int) -> float:
    """The rate, over all jobs or what was run of them in time."""
    with contextlib.suppress(Failed):
        worker.until(meter, 1)
        worker.until(meter, count, _DRAIN_FOR)
    moments = [moment for moment in meter.moments() if moment]
    if len(moments) < _ENOUGH:
        worker.until(meter, _ENOUGH, 10.0)
    return rate(moments)


def _backlog(library: Library, store_kind: str) -> Answers | None:
    """The rate of the first jobs of ever more that wait, as far as they can be pushed in time."""
    if not library.has_push_many:
        return None
    kind, answers = library.kinds[0], Answers()
    pushed_before = took = 0.0
    for waiting in (10_000, 100_000, 1_000_000, 5_000_000):
        if took and waiting * took / pushed_before > _BACKLOG_FOR:
            break
        with _race(library, store_kind, kind=kind) as (race, _):
            meter = race.expect(waiting)
            began = time.monotonic()
            if (pushed := _fill(race, waiting, _BACKLOG_FOR)) < waiting:
                break
            pushed_before, took = pushed, time.monotonic() - began
            with race.worker() as worker:
                answers[f"{waiting:,} waiting"] = _drained(worker, meter, min(waiting, 80_000))
    return answers


# ── waiting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _latency(library: Library, store_kind: str) -> Answers:
    """From just before the push to the job's only line, one job at a time, on a worker with nothing else to do."""
    return _picked_up(library, store_kind, kind=library.kinds[0], count=200, every=0.02)


def _latency_loaded(kind: str) -> Callable[[Library, str], Answers | None]:
    """The same of jobs of 10 ms that come every 20 ms, as people come: now and then two at a time."""

    def answer(library: Library, store_kind: str) -> Answers | None:
        if kind not in library.kinds:
            return None
        return _picked_up(library, store_kind, kind=kind, count=250, every=0.02, pause=0.01, at_random=True)

    return answer


def _picked_up(
    library: Library,
    store_kind: str,
    *,
    kind: str,
    count: int,
    every: float,
    pause: float = 0.0,
    at_random: bool = False,
) -> Answers:
    with _race(library, store_kind, kind=kind, pause=pause) as (race, _):
        meter = race.expect(count + 1)
        with race.worker() as worker:
            _warm_up(race, worker, meter)
            pushed = race.call("ping", count=count, pause=every, random=int(at_random))["pushed"]
            worker.until(meter, count)
    # A job writes its moment at its end.
    took = sorted(
        (ran - before) / 1e6 - pause * 1e3 for before, ran in zip(pushed, meter.moments(), strict=False) if ran
    )
    return {name: took[min(len(took) - 1, int(share * len(took)))] for name, share in _SHARES.items()}


_SHARES: Final = {f"p{percent}": percent / 100 for percent in (*range(0, 100, 5), 99)} | {"max": 1.0}
"""Of the jobs, that were picked up within what is answered."""

_TOLD: Final = ("p50", "p95", "p99", "max")


def _idle(library: Library, store_kind: str) -> Answers:
    with _race(library, store_kind, kind=library.kinds[0], at_rest=True) as (race, store):
        meter = race.expect(2)
        with race.worker() as worker:
            _warm_up(race, worker, meter)
            # What a worker does until it is at rest is no part of being idle, and PostgreSQL tells of it with delay.
            time.sleep(_TOLD_WITHIN if store_kind == POSTGRES else 1)
            spent, asked = worker.cpu_seconds(), store.asked() if store.asked else 0
            began = time.monotonic()
            time.sleep(_TOLD_WITHIN if store_kind == POSTGRES else _IDLE_FOR)
            took = time.monotonic() - began
            answers = {
                "processor seconds a minute": (worker.cpu_seconds() - spent) / took * 60,
                "MiB": worker.memory() / 2**20,
            }
            if store.asked:
                answers["commands a second"] = (store.asked() - asked) / took
    return answers


def _warm_up(race: Race, worker: Worker, meter: Meter) -> None:
    """Let the worker come up, run one job, and come to rest."""
    race.call("ping", count=1)
    worker.until(meter, 1)
    meter.forget()


def _start(library: Library, store_kind: str) -> Answers:
    """From the start of a worker to its first job, which waits already."""
    with _race(library, store_kind, kind=library.kinds[0], at_rest=True) as (race, _):
        meter = race.expect(1)
        race.call("ping", count=1)
        began = time.time_ns()
        with race.worker() as worker:
            worker.until(meter, 1)
        return {"": (meter.moments()[0] - began) / 1e9}


# ── size ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _bytes(library: Library, store_kind: str) -> Answers:
    count = 20_000
    with _race(library, store_kind, kind=library.kinds[0], at_rest=True) as (race, store):
        race.call("push", count=1)
        before = store.used()
        pushed = _fill(race, count)
        return {"": (store.used() - before) / pushed}


def _footprint(library: Library, _store_kind: str) -> Answers:
    """What it takes to have it: packages, their files, and the time to import the adapter over an empty one's."""
    return {
        "packages": len(library.installed),
        "MiB installed": library.installed_bytes() / 2**20,
    }


def _import(library: Library, _store_kind: str) -> Answers:
    def seconds(command: Sequence[str]) -> float:
        began = time.perf_counter()
        subprocess.run(command, check=True)
        return time.perf_counter() - began

    seconds(library.import_command())
    took = [seconds(library.import_command()) - seconds(library.bare_command()) for _ in range(5)]
    return {"": statistics.median(took) * 1000}


@contextlib.contextmanager
def _race(
    library: Library, store_kind: str, *, kind: str, size: int = 100, pause: float = 0.0, at_rest: bool = False
) -> Generator[tuple[Race, Store]]:
    with new_store(store_kind) as store:
        race = Race(library, store.url, store.directory, kind=kind, size=size, pause=pause, at_rest=at_rest)
        race.call("prepare")
        yield race, store


def _always(_library: Library) -> bool:
    return True


QUESTIONS: Final = (
    Question("push", "push one by one, one process", RATE, _pushing("push", 100_000, has=_always)),
    Question("push_many", "push 500 at a time, one process", RATE,
             _pushing("push_many", 400_000, has=lambda library: library.has_push_many)),
    Question("apush", "push from one event loop, 200 at a time", RATE,
             _pushing("apush", 100_000, has=lambda library: library.has_apush)),
    Question("drain", "run sync jobs that do nothing", RATE, _draining("sync", processes=(1, 2))),
    Question("drain_async", "run async jobs that do nothing", RATE, _draining("async", processes=(1, 2))),
    Question("processes", "run sync jobs that do nothing on ever more processes", RATE,
             _draining("sync", processes=(1, 2, 4, 8)), rounds=1),
    Question("payload_10k", "run sync jobs with 10 KiB of arguments", RATE,
             _draining("sync", count=20_000, size=10_240)),
    Question("payload_100k", "run sync jobs with 100 KiB of arguments", RATE,
             _draining("sync", count=3_000, size=102_400)),
    Question("jobs_of_1_ms", "run sync jobs of 1 ms", RATE,
             _draining("sync", count=2_000, pause=0.001, processes=(2,))),
    Question("jobs_of_10_ms", "run sync jobs of 10 ms", RATE,
             _draining("sync", count=500, pause=0.01, processes=(2,))),
    Question("jobs_of_100_ms", "run async jobs of 100 ms", RATE,
             _draining("async", count=2_000, pause=0.1, processes=(1,))),
    Question("latency", "pick up a job, worker idle", "ms", _latency, shown=_TOLD),
    Question("latency_loaded", "pick up sync jobs of 10 ms that come every 20 ms at random, one process", "ms",
             _latency_loaded("sync"), shown=_TOLD),
    Question("latency_loaded_async", "pick up async jobs of 10 ms that come every 20 ms at random, one process", "ms",
             _latency_loaded("async"), shown=_TOLD),
    Question("bytes", "bytes a waiting job, its arguments (108 bytes as JSON) included", "bytes", _bytes, rounds=1),
    Question("backlog", "run sync jobs while ever more wait", RATE, _backlog, rounds=1),
    Question("idle", "keep an idle worker", "", _idle),
    Question("start", "start a worker and run its first job", "s", _start),
    Question("footprint", "install it", "", _footprint, needs_store=False, rounds=1),
    Question("import", "import it, over bare Python", "ms", _import, needs_store=False, rounds=1),
)  # fmt: skip
