"""Records on a Redis server that a foreign hand or a damaged disk has changed: they stand in nobody's way."""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.errors import SchemaMismatch
from conveyor.lifecycle import after_failure, after_success, handed_back, held
from conveyor.measures import JobMetrics
from conveyor.records import (
    ClaimKey,
    Filter,
    JobId,
    JobStatus,
    Progress,
    Reason,
    ScheduleRecord,
    WorkerRecord,
)
from conveyor.retry import ExponentialBackoff
from conveyor.unique import Until
from tests import servers
from tests.contract.damage import DAMAGE, HEAD, Hand
from tests.contract.recount import check_counters
from tests.contract.stores import FakeClock, a_failure, a_job, every, one, push_one, take, take_one


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def url() -> str:
    return servers.valkey().url()


@pytest.fixture
def driver(url: str, clock: FakeClock) -> Generator[Driver]:
    opened = open_driver(url, clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def hand(url: str) -> Generator[Hand]:
    with servers.valkey().client() as client:
        yield Hand(client, url.partition("prefix=")[2])


def check_set_apart(driver: Driver, id: JobId, bytes_left: bytes) -> None:
    """It is a dead letter with its bytes, and can be dealt with as such."""
    job = one(driver, id)
    assert (job.status, job.reason, job.failures, job.crashes) == (JobStatus.FAILED, Reason.UNREADABLE, 0, 0)
    assert job.payload in {bytes_left.hex().upper(), bytes_left[HEAD:].hex().upper()}
    assert "damaged" in job.errors[-1].message
    assert [dead.id for dead in every(driver, Filter(reasons=(Reason.UNREADABLE,)))] == [id]
    check_counters(driver)
    assert driver.forget(Filter(reasons=(Reason.UNREADABLE,))) == 1
    assert driver.get([id]) == [None]
    check_counters(driver)


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_job_becomes_a_dead_letter_with_its_bytes_when_it_is_claimed(
    driver: Driver, hand: Hand, kind: str
) -> None:
    first, damaged, last = (push_one(driver) for _ in range(3))
    left = hand.damage(damaged, kind)

    # It can be looked at before anybody has come across it.
    assert {job.id for job in every(driver)} == {first, damaged, last}
    assert [job.id for job in driver.peek("a", 10)] == [first, damaged, last]
    claims = take(driver)

    assert [claim.id for claim in claims] == [first, last]
    assert driver.settle([after_success(claim, None) for claim in claims]) == [True, True]
    check_set_apart(driver, damaged, left)


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_job_that_is_damaged_while_it_runs_becomes_one_when_it_ends(driver: Driver, hand: Hand, kind: str) -> None:
    first, damaged = (push_one(driver) for _ in range(2))
    claims = take(driver)
    left = hand.damage(damaged, kind)

    answers = driver.settle([handed_back(claim) for claim in claims])
    assert [claim.id for claim in take(driver)] == [first]

    # Where no more than its body is damaged, who reads that finds out.
    assert answers == [True, kind.startswith("body")]
    check_set_apart(driver, damaged, left)


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_job_of_a_worker_that_is_gone_becomes_one_when_its_lease_is_over(
    driver: Driver, hand: Hand, clock: FakeClock, kind: str
) -> None:
    first, damaged = (push_one(driver) for _ in range(2))
    take(driver, lease=10)
    left = hand.damage(damaged, kind)
    assert [claim.id for claim in driver.held_by(["w"])] == [first]

    clock.step(11)

    assert [claim.id for claim in driver.lapsed(10)] == [first]
    assert [claim.id for claim in driver.lapsed(10)] == [first]
    job = one(driver, damaged)
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.UNREADABLE)
    assert job.payload in {left.hex().upper(), left[HEAD:].hex().upper()}


@pytest.mark.parametrize("kind", ["empty", "short", "text", "zeros", "no body", "flags that lie"])
@pytest.mark.parametrize("where", ["delayed", "held", "expiring", "again"])
def test_a_damaged_job_is_found_wherever_it_waits(
    driver: Driver, hand: Hand, clock: FakeClock, kind: str, where: str
) -> None:
    match where:
        case "delayed":
            damaged = push_one(driver, delay=5)
        case "expiring":
            damaged = push_one(driver, expires=5)
        case "held":
            damaged = push_one(driver)
            driver.settle([held(take_one(driver), "unknown")])
        case _:
            damaged = push_one(driver)
            claim = take_one(driver)
            driver.settle([after_failure(claim, a_failure(claim), ExponentialBackoff(base=0))])
    left = hand.damage(damaged, kind)
    fine = push_one(driver, delay=5)

    clock.step(10)
    driver.tend(["t"])

    assert [claim.id for claim in take(driver)] == [fine]
    driver.settle([handed_back(each) for each in driver.held_by(["w"])])
    check_set_apart(driver, damaged, left)


def test_the_unique_key_of_a_damaged_job_is_free(driver: Driver, hand: Hand) -> None:
    first = push_one(driver, unique="key")
    hand.damage(first, "text")

    assert take(driver) == []
    second = push_one(driver, unique="key")

    assert second != first
    assert [claim.id for claim in take(driver)] == [second]


def test_a_damaged_job_is_in_no_new_ones_way(driver: Driver, hand: Hand) -> None:
    first = push_one(driver, unique="key")
    hand.damage(first, "text")

    second = push_one(driver, unique="key", unique_until=Until.START)

    assert second != first
    assert [claim.id for claim in take(driver)] == [second]


def test_damaged_jobs_can_be_cleared_and_neither_cancelled_nor_redriven(driver: Driver, hand: Hand) -> None:
    for _ in range(3):
        push_one(driver)
    damaged = push_one(driver)
    delayed = push_one(driver, delay=5)
    hand.damage(damaged, "text")
    hand.damage(delayed, "short")

    assert [str(answer) for answer in driver.cancel([damaged])] == ["unknown"]
    assert driver.redrive(Filter()) == 0
    assert driver.clear("a") == 5

    assert every(driver) == []
    check_counters(driver)


def test_what_is_left_of_a_job_whose_record_is_gone_is_cleared_too(driver: Driver, hand: Hand) -> None:
    gone, delayed = push_one(driver), push_one(driver, delay=5)
    for id in (gone, delayed):
        hand.remove(id)

    assert driver.clear("a") == 2
    check_counters(driver)


def test_many_damaged_jobs_among_many(driver: Driver, hand: Hand) -> None:
    ids = driver.push([a_job() for _ in range(60)])
    kinds = list(DAMAGE)
    damaged = ids[::3]
    for number, id in enumerate(damaged):
        hand.damage(id, kinds[number % len(kinds)])

    claimed = [claim.id for _ in range(12) for claim in take(driver, limit=5)]

    assert claimed == [id for id in ids if id not in set(damaged)]
    dead = every(driver, Filter(statuses=(JobStatus.FAILED,)))
    assert {job.id for job in dead} == set(damaged)
    assert sum(group.count for group in driver.dead_groups(Filter())) == len(damaged)
    check_counters(driver)


RUBBISH: Final = b"\xff rubbish"


def live(driver: Driver) -> None:
    """All that is kept beside the records of jobs is written, and read."""
    push_one(driver)
    running = take_one(driver)
    push_one(driver, "other")
    driver.beat(WorkerRecord(name="w", host="h", pid=1, started_at=1, queues=("a",), state="running"))
    driver.write_progress(ClaimKey(running.id, running.attempt), Progress(current=1))
    driver.acquire_lock("lock", "me", 10)
    driver.add_schedule(ScheduleRecord(name="daily", spec="{}", handled_at=5))
    driver.change_schedule("daily", handled_at=7)
    driver.add_metrics([JobMetrics(minute=1, type="t", queue="a", completed=1)])
    driver.write_memo("memo", "text")
    driver.renew_lock("lock", "me", 10)
    look(driver)


def look(driver: Driver) -> None:
    driver.workers()
    driver.read_progress([job.id for job in every(driver)])
    driver.locks()
    driver.schedules()
    driver.read_metrics(since=0, until=10)
    driver.read_memos()
    driver.counts()
    driver.held_by(["w"])


@pytest.mark.parametrize(
    "key", ["workers", "progress", "locks", "schedules", "metrics:1:1", "memos", "counts:1", "running"]
)
def test_nothing_that_is_damaged_keeps_anybody_from_looking_or_working(
    driver: Driver, hand: Hand, clock: FakeClock, key: str
) -> None:
    live(driver)
    fields = hand.client.hkeys(f"{hand.prefix}:{key}")
    assert fields
    for field in fields:
        hand.client.hset(f"{hand.prefix}:{key}", field, RUBBISH)
    hand.client.hset(f"{hand.prefix}:{key}", b"\xff", RUBBISH)

    look(driver)
    live(driver)
    clock.step(60)
    driver.tend(["t"])
    driver.settle([handed_back(claim) for claim in driver.lapsed(10)])

    assert len(take(driver, "a", "other")) == 4
    assert driver.lapsed(10) == []


def test_a_damaged_lock_can_be_taken_and_its_fence_grows(driver: Driver, hand: Hand) -> None:
    before = driver.acquire_lock("lock", "me", 10)
    hand.client.hset(f"{hand.prefix}:locks", "lock", RUBBISH)

    taken = driver.acquire_lock("lock", "you", 10)

    assert before is not None
    assert taken is not None
    assert taken.fence > before.fence


def test_a_sequence_that_is_no_number_is_named(driver: Driver, hand: Hand) -> None:
    push_one(driver)
    hand.client.set(f"{hand.prefix}:sequence", RUBBISH)

    for number in (1, 2):
        with pytest.raises(SchemaMismatch, match=f"{hand.prefix}:sequence .* is no number"):
            driver.push([a_job() for _ in range(number)])
