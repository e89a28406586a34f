"""The stores under test, the clock they are given, and jobs to put into them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.priority import Aging
from conveyor.records import Claim, Failure, Filter, JobId, NewJob, Reason, StoredJob
from conveyor.retention import Retention
from conveyor.times import SECOND, Clock
from tests import pgbouncer, postgres, servers, topologies

START: Final = 1_790_000_000 * SECOND
"""Where a test's clock begins: a moment in 2026."""


class FakeClock:
    """A clock that moves when told to."""

    def __init__(self, now: int = START) -> None:
        self.now = now

    def __call__(self) -> int:
        return self.now

    def step(self, seconds: float) -> None:
        """Go forward, or back."""
        self.now += round(seconds * SECOND)


@dataclass(frozen=True)
class Kind:
    """A driver, and where the tests put its store."""

    name: str
    url: Callable[[Path], str]
    """The URL of a new store beside a directory that is new too."""
    spans_processes: bool


KINDS: Final = (
    Kind("memory", lambda directory: f"memory://{directory.name}", spans_processes=False),
    Kind("sqlite", lambda directory: f"sqlite:///{directory}/conveyor.db", spans_processes=True),
    Kind("valkey", lambda _: servers.valkey().url(), spans_processes=True),
    *([Kind("redis", lambda _: servers.system_redis().url(), spans_processes=True)] if servers.SYSTEM else []),
    Kind("postgres", lambda _: postgres.clean_url(), spans_processes=True),
    *(
        [Kind("system-postgres", lambda _: postgres.clean_url(postgres.SYSTEM), spans_processes=True)]
        if postgres.SYSTEM
        else []
    ),
)
POOLED: Final = Kind("pgbouncer", lambda _: pgbouncer.clean_url(), spans_processes=True) if pgbouncer.PROGRAM else None
"""PostgreSQL behind a pooler: the long run has all of the contract through it, the short one what is telling."""
CLUSTER: Final = Kind("cluster", lambda _: topologies.cluster().url(), spans_processes=True)
"""A store of many partitions: it keeps the contract but for what is marked `one_partition`."""
SPREAD: Final = Kind("partitions", lambda _: topologies.cluster().url(partitions=3), spans_processes=True)
"""One whose queues lie in several partitions each: their jobs have no common order."""
SENTINEL: Final = Kind("sentinel", lambda _: topologies.sentinels().url(), spans_processes=True)
"""One server, found by asking: the long run has all of the contract there, the short one what is telling."""

SPANNING: Final = tuple(kind for kind in KINDS if kind.spans_processes)


@dataclass
class Store:
    """One store, to be opened as often as a test likes."""

    kind: Kind
    url: str
    clock: Clock
    opened: list[Driver] = field(default_factory=list[Driver])

    def open(
        self, *, clock: Clock | None = None, aging: Aging | None = None, retention: Retention | None = None
    ) -> Driver:
        driver = open_driver(self.url, clock=clock or self.clock, aging=aging, retention=retention)
        self.opened.append(driver)
        return driver

    def close(self) -> None:
        for driver in self.opened:
            driver.close()


_numbers: Final = itertools.count(1)


def an_id(number: int | None = None) -> JobId:
    """A UUIDv7 greater than all before."""
    number = next(_numbers) if number is None else number
    return JobId(UUID(int=(START // 1000) << 80 | 7 << 76 | 2 << 62 | number))


def a_job(queue: str = "a", **fields: Any) -> NewJob:
    """A job of queue "a" and type "t", due at once, unless the test says otherwise."""
    given: dict[str, Any] = {"id": an_id(), "type": "t", "payload": "{}", **fields}
    return NewJob(queue=queue, **given)


def jobs(number: int, queue: str = "a", **fields: Any) -> list[NewJob]:
    return [a_job(queue, **fields) for _ in range(number)]


def push_one(driver: Driver, queue: str = "a", **fields: Any) -> JobId:
    (job_id,) = driver.push([a_job(queue, **fields)])
    return job_id


def take(driver: Driver, *queues: str, limit: int = 100, lease: float = 30.0, worker: str = "w") -> list[Claim]:
    """Claim from these queues, or from "a"."""
    return driver.claim(queues or ("a",), limit=limit, lease=lease, worker=worker)


def take_one(driver: Driver, queue: str = "a", *, lease: float = 30.0, worker: str = "w") -> Claim:
    (claim,) = driver.claim([queue], limit=1, lease=lease, worker=worker)
    return claim


def taken_ids(driver: Driver, *queues: str, limit: int = 100) -> list[JobId]:
    return [claim.id for claim in take(driver, *queues, limit=limit)]


def one(driver: Driver, job_id: JobId) -> StoredJob:
    """The job, which is kept."""
    (job,) = driver.get([job_id])
    assert job is not None, f"{job_id} is not kept"
    return job


def is_kept(driver: Driver, job_id: JobId) -> bool:
    return driver.get([job_id]) != [None]


def every(driver: Driver, where: Filter | None = None) -> list[StoredJob]:
    """All jobs that meet the filter, page after page."""
    found: list[StoredJob] = []
    cursor: JobId | None = None
    while True:
        page = driver.find(where or Filter(), limit=500, cursor=cursor)
        found += page.jobs
        if page.next is None:
            return found
        cursor = page.next


def a_failure(claim: Claim, message: str = "it broke", **fields: Any) -> Failure:
    """How this attempt ended badly."""
    given: dict[str, Any] = {"reason": Reason.FAILED, "error_type": "builtins.ValueError", **fields}
    return Failure(attempt=claim.attempt, message=message, **given)
