"""Stores, each new for one measurement: what a kind of store says of itself, and what is the same for all."""

from __future__ import annotations

import gc
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Final, Protocol

from benchmarks.kit.jobs import APPLICATIONS, TEXT, app, noop
from conveyor.lifecycle import after_success

BATCH: Final = 500
"""Jobs in one push, claim or settle where they come many at a time."""

EVERYWHERE: Final = (
    "push",
    "push_many",
    "apush",
    "drain",
    "drain_async",
    "overhead",
    "children",
    "backlog",
    "async_jobs",
    "latency",
    "push_beside",
    "limits",
    "retry",
    "costs",
    "idle",
    "job_size",
)
"""The scripts that say something about every store."""

Work = Callable[[], object]
"""A piece of work on the store that the applications use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What a figure should reach."""

    at_least: float | None = None
    at_most: float | None = None
    share: float | None = None
    """Of the bare loop, or of the figure that this one is compared with."""


NO_BAR: Final = Bar()


class Store(Protocol):
    """A kind of store that is measured; one module of `stores/` each."""

    scripts: Sequence[str]
    """Those that say something about it."""
    bars: Mapping[str, Bar]
    """By the names that the scripts look for; no bar for any other."""
    many: int
    """How many jobs wait where it is asked what a great number of them costs."""

    def version(self) -> str:
        """Which software keeps the jobs."""
        ...

    def new(self) -> AbstractContextManager[str]:
        """The URL of a store with nothing in it, that goes in the end. There may be several at a time."""
        ...

    def bare_push(self, count: int, push: Work) -> Callable[[], float]:
        """The bare loop of pushing `count` jobs one by one, as `push` does: each call answers its seconds."""
        ...

    def bare(self, work: Work, prepare: Work = ...) -> Callable[[], float]:
        """The bare loop of `work` on what `prepare` has prepared: each call answers the seconds of work alone."""
        ...

    def bare_latencies(self, pauses: Sequence[float]) -> Sequence[float]:
        """Milliseconds from handing the server a word until another process has it, once after each pause.

        What a hop to another process costs by itself on this machine; none where there is no server.
        """
        ...

    def fill(self, url: str, count: int) -> str:
        """Let `count` jobs wait in this empty store; answer what else is in it, as in "of 10 waiting{}"."""
        ...

    def last_ended(self, url: str) -> int:
        """The place of the job that ended last, in the order in which they end."""
        ...

    def ran(self, url: str, after: int, count: int) -> tuple[int, int, int]:
        """Of up to `count` jobs that ended after that place: how many, their first start, their last end (µs)."""
        ...

    def size(self, url: str) -> int:
        """The bytes that this store takes, which nobody has open."""
        ...

    def asked(self, url: str) -> int | None:
        """How often its server has been spoken to until now, this question aside; `None` where there is no server."""
        ...

    def spent(self) -> float | None:
        """Microseconds that its server has spent on what our drivers asked for; `None` where it does not tell."""
        ...


@contextmanager
def using(url: str) -> Generator[None]:
    """Let the applications use this store, open and ready for a measurement. Every setting is as it is by default."""
    for application in APPLICATIONS:
        application.url = url
    try:
        app.driver.counts()
        gc.collect()
        yield
    finally:
        for application in APPLICATIONS:
            application.close()


@contextmanager
def new_store(store: Store) -> Generator[str]:
    """Let the applications use a new one of this kind."""
    with store.new() as url, using(url):
        yield url


def push_noops(count: int) -> None:
    """Jobs to be drained."""
    for start in range(0, count, BATCH):
        noop.push_many([(number, TEXT) for number in range(start, min(start + BATCH, count))])


def completed() -> int:
    """Jobs that have run since the store was made."""
    return sum(count.completed for queue in app.driver.counts() for count in queue.by_priority.values())


def claim_and_settle() -> None:
    """Take and end all jobs that wait, as a worker would without running them."""
    while claims := app.driver.claim([noop.job_type.queue], limit=BATCH, lease=30.0, worker="bare"):
        ran = claims[0].pushed_at
        app.driver.settle([after_success(claim, "null", started_at=ran, ended_at=ran) for claim in claims])
