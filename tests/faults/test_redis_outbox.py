"""What belongs to several partitions happens as a whole, and once, wherever it is cut off."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Generator

import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.drivers.redis.spread.layout import partitions_of
from conveyor.lifecycle import after_failure, after_success
from conveyor.records import Filter, JobId, JobStatus
from conveyor.retry import NoRetry
from tests import servers, topologies
from tests.contract.recount import check_counters
from tests.contract.stores import a_failure, an_id, every, push_one, take, take_one
from tests.faults.killed import QUEUES, new_ids
from tests.worker.tree import ROOT

STORES: dict[str, Callable[[], str]] = {
    "cluster": lambda: topologies.cluster().url(),
    "partitions": lambda: servers.valkey().url(partitions=3),
}


@pytest.fixture(scope="module")
def killer() -> Generator[Callable[[int, str, str], bool]]:
    """Answers whether an instant comes before the end of an act on a store."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.faults.killed"],
        cwd=ROOT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        asked, told = process.stdin, process.stdout
        assert asked is not None
        assert told is not None

        def killed_at(instant: int, url: str, act: str) -> bool:
            print(url, act, instant, file=asked, flush=True)
            code = int(told.readline())
            assert code in {0, -signal.SIGKILL}
            return code != 0

        yield killed_at


def test_these_queues_have_partitions_of_their_own() -> None:
    assert len({partitions_of(queue, 1) for queue in QUEUES}) == len(QUEUES)


@pytest.mark.parametrize(
    ("store", "act"), [("cluster", "settle"), ("partitions", "settle"), ("partitions", "push"), ("cluster", "redrive")]
)
def test_killed_at_any_instant_all_of_it_or_nothing_happens_and_never_twice(
    killer: Callable[[int, str, str], bool], store: str, act: str
) -> None:
    uncut(killer, store, act)
    instant, whole = 0, 0
    is_cut_off = True
    while is_cut_off:
        url = STORES[store]()
        driver = open_driver(url)
        first = begun(driver, act)

        is_cut_off = killer(instant, url, act)

        # A letter may be there and in its outbox too: all that came of it is done and forgotten when it comes again.
        done = sum((done_now(driver) for _ in range(3)), Counter[JobId]())
        expected = {first} if act == "redrive" else {an_id(number) for number in new_ids(act)}
        is_done = bool(done)
        assert done == (Counter(expected) if is_done else Counter())
        assert is_done or is_cut_off
        left = {job.id: job.status for job in every(driver)}
        assert left == ({} if is_done or first is None else {first: BEFORE[act]})
        check_counters(driver)
        driver.close()
        whole += is_done
        instant += 1

    # Before and after each word: what begins it, into the other partitions, out of the outbox, acknowledged.
    assert instant > 8
    assert 0 < whole < instant


def uncut(killer: Callable[[int, str, str], bool], store: str, act: str) -> None:
    """Do it once to the end, so that the servers know the scripts: to load one takes words, and shifts all instants."""
    url = STORES[store]()
    driver = open_driver(url)
    begun(driver, act)
    assert not killer(1000, url, act)
    driver.close()


def begun(driver: Driver, act: str) -> JobId | None:
    """What the act is about."""
    if act == "push":
        return None
    first = push_one(driver)
    if act == "redrive":
        claim = take_one(driver)
        driver.settle([after_failure(claim, a_failure(claim), NoRetry())])
    return first


def done_now(driver: Driver) -> Counter[JobId]:
    """Do what there is to do, forget it, and let time do its work."""
    claims = take(driver, *QUEUES)
    driver.settle([after_success(claim, None) for claim in claims])
    driver.forget(Filter(statuses=(JobStatus.COMPLETED,)))
    driver.tend()
    return Counter(claim.id for claim in claims)


BEFORE = {"settle": JobStatus.PROCESSING, "redrive": JobStatus.FAILED}
"""What the job is that the act is about."""
