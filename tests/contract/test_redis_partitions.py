"""Queues that are spread over partitions: what holds of all of them together, and what in each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator
from typing import Any, Final
from uuid import UUID

import pytest
from redis.crc import key_slot

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.drivers.redis.spread.layout import home_of, partition_of, partitions_of
from conveyor.errors import SchemaMismatch
from conveyor.lifecycle import after_failure, after_success
from conveyor.records import ClaimKey, Edits, Filter, JobId, JobStatus, Outcome, Progress, Slot
from conveyor.retention import Retention
from conveyor.retry import NoRetry
from tests import servers, topologies
from tests.contract.recount import check_counters
from tests.contract.stores import START, FakeClock, a_failure, a_job, every, jobs, one, push_one, take, take_one

SPREAD: Final = 3


@pytest.fixture
def url() -> str:
    return servers.valkey().url(partitions=SPREAD)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def driver(url: str, clock: FakeClock) -> Generator[Driver]:
    opened = open_driver(url, clock=clock)
    yield opened
    check_counters(opened)
    opened.close()


def where(job_id: JobId, queue: str = "a") -> int:
    return home_of(job_id, queue, None, SPREAD)


def test_a_layout_is_for_ever() -> None:
    """Where jobs were put by an older release, a newer one looks for them."""
    assert [partitions_of(queue, 3) for queue in ("default", "emails", "é")] == [(15, 0, 1), (2, 3, 4), (14, 15, 0)]
    seven = JobId(UUID(int=7))
    assert partition_of(a_job(id=seven), 16) == 9
    assert partition_of(a_job(id=seven, unique="u"), 16) == 1
    assert partition_of(a_job(id=seven, slot=Slot("nightly", START)), 16) == 12


def test_a_queue_uses_all_its_partitions_and_its_statistics_are_sums(driver: Driver) -> None:
    new = jobs(60)
    driver.push(new)
    assert {where(job.id) for job in new} == set(partitions_of("a", SPREAD))

    claims = take(driver, limit=50)

    assert len({claim.id for claim in claims}) == 50
    driver.settle([after_success(claim, None) for claim in claims[:20]])
    (counts,) = driver.counts(["a"])
    of_normal = counts.by_priority[500]
    assert (of_normal.pushed, of_normal.ready, of_normal.processing, of_normal.completed) == (60, 10, 30, 20)
    assert driver.counts() == [counts]
    assert len(every(driver, Filter(queues=("a",), statuses=(JobStatus.PROCESSING,)))) == 30


def test_jobs_come_in_order_in_each_partition(driver: Driver) -> None:
    new = jobs(40)
    driver.push(new)

    taken = [job.id for number in (1, 7, 20, 12) for job in take(driver, limit=number)]

    assert len(taken) == 40
    for partition in partitions_of("a", SPREAD):
        ours = [job.id for job in new if where(job.id) == partition]
        assert [id for id in taken if where(id) == partition] == ours


def test_no_partition_is_always_asked_first(driver: Driver) -> None:
    driver.push(jobs(60))

    first = Counter(where(take_one(driver).id) for _ in range(9))

    assert set(first) == set(partitions_of("a", SPREAD))


def test_a_unique_key_and_a_slot_are_one_in_all_partitions(driver: Driver) -> None:
    slot = Slot("nightly", START)
    unique, slotted = a_job(unique="u"), a_job(slot=slot)
    driver.push([unique, slotted])

    again = driver.push([*(a_job(unique="u") for _ in range(6)), *(a_job(slot=slot) for _ in range(6))])

    assert again == [unique.id] * 6 + [slotted.id] * 6
    assert len(every(driver)) == 2


def test_a_push_that_is_repeated_changes_nothing(driver: Driver) -> None:
    new = [*jobs(20), *jobs(20, "b")]
    driver.push(new)
    driver.settle([after_success(claim, None) for claim in take(driver, limit=10)])

    assert driver.push(list(reversed(new))) == [job.id for job in reversed(new)]
    assert len(every(driver)) == 40


def test_another_driver_that_has_not_seen_a_job_finds_it(driver: Driver, url: str, clock: FakeClock) -> None:
    new = jobs(6)
    driver.push(new)
    claims = take(driver)
    other = open_driver(url, clock=clock)

    keys = [ClaimKey(claim.id, claim.attempt) for claim in claims]

    assert other.extend(keys, 60) == [True] * 6
    assert other.write_progress(keys[0], Progress(current=3))
    assert [progress and progress.current for progress in other.read_progress([keys[1].id, keys[0].id])] == [None, 3]
    assert [job and job.id for job in other.get([job.id for job in new])] == [job.id for job in new]
    assert {claim.id for claim in other.held_by(["w"])} == {claim.id for claim in claims}
    unseen = open_driver(url, clock=clock)
    assert unseen.settle([after_success(claim, None) for claim in claims]) == [True] * 6
    assert unseen.settle([after_success(claims[0], None)]) == [False]
    other.close()
    unseen.close()


def test_dead_letters_move_to_a_queue_elsewhere_as_they_are(driver: Driver) -> None:
    driver.push([a_job(unique=f"u{number}", payload=f"[{number}]") for number in range(8)])
    claims = take(driver)
    driver.settle([after_failure(claim, a_failure(claim), NoRetry()) for claim in claims])
    before = {job.id: job for job in every(driver)}
    driver.write_progress(ClaimKey(claims[0].id, 1), Progress(current=1))

    assert driver.redrive(Filter(), edits=Edits(queue="b", priority=750)) == 8

    for job in every(driver):
        old = before[job.id]
        assert (job.queue, job.priority, job.status, job.attempt) == ("b", 750, JobStatus.PENDING, 1)
        assert (job.payload, job.errors, job.unique, job.pushed_at) == (
            old.payload,
            old.errors,
            old.unique,
            old.pushed_at,
        )
    assert driver.push([a_job("b", unique="u3")]) == [next(id for id, job in before.items() if job.unique == "u3")]
    assert len(take(driver, "b")) == 8


def test_history_is_pruned_to_its_number_in_all_partitions_together(url: str, clock: FakeClock) -> None:
    driver = open_driver(url, clock=clock, retention=Retention(finished_count=10, dead_count=10))
    driver.push(jobs(50))
    driver.settle([after_success(claim, None) for claim in take(driver)])

    driver.tend()

    assert len(every(driver)) == 10
    driver.close()


def test_a_page_goes_on_where_the_last_one_ended_in_all_partitions(driver: Driver) -> None:
    new = jobs(25)
    driver.push(new)

    first = driver.find(Filter(), limit=10)
    rest = driver.find(Filter(), limit=100, cursor=first.next)

    assert [job.id for job in (*first.jobs, *rest.jobs)] == [job.id for job in reversed(new)]


def test_a_letter_waits_in_its_outbox_until_its_partition_takes_it(driver: Driver, url: str) -> None:
    """The target has a key of the wrong type: nothing can be stored there."""
    prefix = url.rpartition("prefix=")[2].partition("&")[0]
    push_one(driver)
    claim = take_one(driver)
    follow_up = a_job("b")
    target = where(follow_up.id, "b")
    assert target != where(claim.id)
    done: Outcome = after_success(claim, None, follow_ups=(follow_up,))
    with servers.valkey().client() as client:
        stranger = f"{{{prefix}:{target}}}:queues"
        client.set(stranger, "a stranger's")

        assert driver.settle([done]) == [True]
        assert outbox(client, prefix, where(claim.id)) == 1

        client.delete(stranger)
    driver.tend()
    assert one(driver, claim.id).status is JobStatus.COMPLETED
    assert one(driver, follow_up.id).queue == "b"
    with servers.valkey().client() as client:
        assert outbox(client, prefix, where(claim.id)) == 0
        assert client.type(f"{{{prefix}:{target}}}:delivered") == b"zset"


def outbox(client: Any, prefix: str, partition: int) -> int:
    """How many letters are in it."""
    return int(client.hlen(f"{{{prefix}:{partition}}}:outbox"))


@pytest.mark.parametrize(
    ("made", "opened", "said"),
    [
        ({"partitions": 3}, {"partitions": 4}, "a store with partitions=3, not 4; write \\?partitions=3"),
        ({"partitions": 3}, {}, "a store with partitions=3; write \\?partitions=3"),
        ({}, {"partitions": 3}, "a store without partitions; leave \\?partitions= away"),
    ],
)
def test_a_store_is_opened_with_the_partitions_it_was_made_with(
    made: dict[str, int], opened: dict[str, int], said: str
) -> None:
    url = servers.valkey().url(**made)
    prefix = url.rpartition("prefix=")[2].partition("&")[0]
    open_driver(url).close()

    with pytest.raises(SchemaMismatch, match=said):
        open_driver(servers.valkey().url(prefix=prefix, **opened))


def test_each_server_of_a_cluster_is_examined() -> None:
    cluster = topologies.cluster()
    driver = open_driver(cluster.url())
    with cluster.servers[1].client() as client:
        client.config_set("maxmemory", 1 << 30)
        client.config_set("maxmemory-policy", "allkeys-lru")

        findings = driver.diagnose()

        client.config_set("maxmemory-policy", "noeviction")
        client.config_set("maxmemory", 0)
    assert all(any(f":{server.port}: " in finding.text for finding in findings) for server in cluster.servers)
    (bad,) = [finding for finding in findings if not finding.is_ok]
    assert bad.text.startswith(f"127.0.0.1:{cluster.servers[1].port}: maxmemory-policy is allkeys-lru")
    driver.close()


def test_on_a_cluster_a_user_needs_little_more_than_on_one_server(clock: FakeClock) -> None:
    cluster = topologies.cluster()
    rules = ("reset", "on", ">secret", "~{shop:*", "&{shop:*", "+cluster|slots", *servers.PERMISSIONS)
    for server in cluster.servers:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "shop", *rules)
    url = cluster.url(prefix="shop").replace("://", "://shop:secret@")

    driver = open_driver(url, clock=clock)
    push_one(driver)
    assert driver.wait(["a"], 1)
    driver.settle([after_success(take_one(driver), None, follow_ups=(a_job("b"),))])
    driver.tend()
    assert not driver.wait(["a"], 0.01)
    assert len(every(driver)) == 2
    assert driver.diagnose()
    driver.close()


@pytest.mark.parametrize("store", ["cluster", "partitions"])
def test_a_key_of_the_wrong_type_is_named_with_its_partition(store: str) -> None:
    cluster = topologies.cluster()
    url = cluster.url() if store == "cluster" else servers.valkey().url(partitions=1 + SPREAD)
    prefix = url.rpartition("prefix=")[2].partition("&")[0]
    driver = open_driver(url)
    (at,) = partitions_of("a", 1)
    key = f"{{{prefix}:{at}}}:running"
    server = cluster.owner(key_slot(key.encode())) if store == "cluster" else servers.valkey()

    with server.client() as client:
        client.set(key, "a stranger's")
        # So that there is a job in every partition that queue "a" has.
        driver.push(jobs(50))
        named = re.escape(f"{key} is a string, where conveyor keeps a hash; name another ?prefix=")
        with pytest.raises(SchemaMismatch, match=named):
            driver.held_by(["w"])
        client.delete(key)

    assert len(take(driver)) == 50
    driver.close()
