"""What operations cost a Redis server: what it says of itself, so that a busy machine changes little."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.ids import new_id
from conveyor.lifecycle import after_failure
from conveyor.records import Filter, JobId, JobStatus, NewJob
from conveyor.retry import NoRetry
from tests import servers
from tests.contract.stores import a_failure

MANY = 50_000
DEAD = Filter(statuses=(JobStatus.FAILED,))


@pytest.fixture
def server() -> Any:
    return servers.valkey().client()


@pytest.fixture
def driver() -> Generator[Driver]:
    opened = open_driver(servers.valkey().url())
    yield opened
    opened.close()


def fill(driver: Driver, number: int) -> None:
    """Push so many to queue "a"."""
    for start in range(0, number, 500):
        some = min(500, number - start)
        driver.push([NewJob(id=new_id(), queue="a", type="t", payload="{}") for _ in range(some)])


def bury_all(driver: Driver) -> None:
    while claims := driver.claim(["a"], limit=500, lease=600.0, worker="w"):
        driver.settle([after_failure(claim, a_failure(claim), NoRetry()) for claim in claims])


def time_of(server: Any, operation: Callable[[], object]) -> float:
    """Microseconds of the server's for one call: the least of some rounds."""
    least = float("inf")
    for _ in range(5):
        server.config_resetstat()
        for _ in range(20):
            operation()
        least = min(least, float(server.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]))
    return least


def words_of(server: Any, operation: Callable[[], object]) -> int:
    """Bytes that the server says meanwhile."""
    before = int(server.info("stats")["total_net_output_bytes"])
    operation()
    return int(server.info("stats")["total_net_output_bytes"]) - before


def walk(driver: Driver, where: Filter, limit: int) -> int:
    """How many jobs all pages of this size have."""
    found = 0
    cursor: JobId | None = None
    while True:
        page = driver.find(where, limit=limit, cursor=cursor)
        found += len(page.jobs)
        cursor = page.next
        if cursor is None:
            return found


def test_looks_pushes_and_claims_cost_as_much_with_few_waiting_as_with_many(server: Any, driver: Driver) -> None:
    operations: dict[str, Callable[[], object]] = {
        "peek": lambda: driver.peek("a"),
        "counts of one queue": lambda: driver.counts(["a"]),
        "counts of all": driver.counts,
        "push": lambda: driver.push([NewJob(id=new_id(), queue="a", type="t", payload="{}")]),
        "claim": lambda: driver.claim(["a"], limit=1, lease=600.0, worker="w"),
        "tend": driver.tend,
    }
    fill(driver, 200)  # what claims take here is pushed here
    few = {name: time_of(server, operation) for name, operation in operations.items()}
    fill(driver, MANY)

    many = {name: time_of(server, operation) for name, operation in operations.items()}

    # Whatever grew with the backlog would have grown hundreds of times.
    assert {name: round(many[name] / few[name], 1) for name in operations if many[name] > 3 * few[name] + 5} == {}


@pytest.mark.parametrize("where", [DEAD, Filter(), Filter(statuses=(JobStatus.FAILED, JobStatus.PENDING))])
def test_a_walk_through_many_pages_costs_little_more_than_one_look_at_all(
    server: Any, driver: Driver, where: Filter
) -> None:
    fill(driver, 4_000)
    bury_all(driver)
    at_once = words_of(server, lambda: driver.find(where, limit=4_000))

    assert words_of(server, lambda: walk(driver, where, 50)) < 1.5 * at_once
    assert walk(driver, where, 50) == 4_000


def test_a_page_of_dead_letters_costs_the_same_among_few_and_among_many(server: Any, driver: Driver) -> None:
    fill(driver, 100)
    bury_all(driver)
    few = words_of(server, lambda: driver.find(DEAD, limit=20))
    fill(driver, 3_000)
    bury_all(driver)

    assert words_of(server, lambda: driver.find(DEAD, limit=20)) < 1.2 * few
