"""A Redis or Valkey server that is full, has a stranger's keys, or lets this user do too little."""

from __future__ import annotations

import re
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from conveyor.drivers import redis as redis_driver
from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.errors import SchemaMismatch, StoreError, StoreFull
from conveyor.lifecycle import after_failure, after_success, handed_back, held
from conveyor.records import ClaimKey, Filter, Progress, ScheduleRecord, Slot, WorkerRecord
from conveyor.retry import NoRetry, RetrySchedule
from tests import servers
from tests.contract.recount import check_counters
from tests.contract.stores import a_failure, a_job, jobs, push_one, take
from tests.servers import Server
from tests.worker import jobs as sample
from tests.worker import tree
from tests.worker.tree import wait_until

PROGRAMS = [servers.VALKEY, *([servers.SYSTEM] if servers.SYSTEM else [])]


@pytest.fixture(params=PROGRAMS, ids=lambda program: Path(program).name)
def server(request: pytest.FixtureRequest) -> Generator[Server]:
    made = Server(request.param)
    yield made
    made.remove()


@pytest.fixture
def driver(server: Server) -> Generator[Driver]:
    opened = open_driver(server.url(prefix="shop"))
    yield opened
    opened.close()


def fill(server: Server, driver: Driver) -> int:
    """Push until the server takes no more; answer how many jobs it has."""
    with server.client() as client:
        used = int(client.info("memory")["used_memory"])
        client.config_set("maxmemory", used + (1 << 20))
    stored = 0
    with pytest.raises(StoreFull, match="memory limit"):  # noqa: PT012 - which push it is, nobody knows
        while True:
            driver.push([a_job(payload='"' + "x" * 2000 + '"') for _ in range(10)])
            stored += 10
    # What was freed by the last refusal must not let a small job in.
    limit(server, 1 << 20)
    return stored


def limit(server: Server, memory: int) -> None:
    with server.client() as client:
        client.config_set("maxmemory", memory)


def test_a_push_to_a_full_server_is_refused_and_stores_nothing(server: Server, driver: Driver) -> None:
    stored = fill(server, driver)

    for new in ([a_job()], [a_job(delay=5)], [a_job(unique="u")], jobs(3)):
        with pytest.raises(StoreFull, match="nothing was written"):
            driver.push(new)

    assert driver.counts(["a"])[0].by_priority[500].pushed == stored
    assert len(driver.find(Filter(), limit=10_000).jobs) == stored
    check_counters(driver)


def test_a_full_server_can_be_drained(server: Server, driver: Driver) -> None:
    stored = fill(server, driver)

    done = 0
    while claims := take(driver, limit=50):
        outcomes = [after_success(claim, '"result"') for claim in claims[3:]]
        outcomes += (
            [
                handed_back(claims[0]),
                after_failure(claims[1], a_failure(claims[1]), NoRetry()),
                after_failure(claims[2], a_failure(claims[2]), RetrySchedule([3600])),
            ]
            if len(claims) > 3
            else [after_success(claim, None) for claim in claims[:3]]
        )
        assert all(driver.settle(outcomes))
        driver.extend([], 30)
        done += len(claims)
    driver.beat(WorkerRecord(name="w", host="h", pid=1, started_at=0, queues=("a",), state="running"))
    driver.tend()

    counts = driver.counts(["a"])[0].by_priority[500]
    assert counts.completed + counts.dead + counts.delayed == stored
    check_counters(driver)
    driver.forget(Filter())
    limit(server, 0)
    push_one(driver)


def test_a_worker_drains_a_full_server(tmp_path: Path, server: Server) -> None:
    with tree.bench(tmp_path, url=server.url()) as bench:
        bench.push(*[sample.add.call(1, 2)] * 300)
        with server.client() as client:
            client.config_set("maxmemory", 1 << 20)
        with pytest.raises(StoreFull):
            bench.push(sample.add.call(1, 2))

        worker = bench.worker()

        wait_until(lambda: bench.counts().completed == 300)
        assert worker.stop() == 0
        bench.account()


@pytest.mark.parametrize(
    "key", ["running", "sequence", "queues", "types", "ready:1:2", "leases", "counts:1", "finished", "seconds", "names"]
)
def test_a_key_of_the_wrong_type_is_named_and_is_all_that_stops_work(server: Server, driver: Driver, key: str) -> None:
    with server.client() as client:
        wrong: Any = client.rpush if key == "sequence" else client.set
        wrong(f"shop:{key}", "a stranger's")

        with pytest.raises(SchemaMismatch, match=f"shop:{key} is a (string|list), where conveyor keeps a "):
            work(driver)

        client.delete(f"shop:{key}")
    work(driver)


@pytest.mark.parametrize("key", ["running", "leases", "counts:1", "again:1:2", "queues", "names"])
def test_no_job_is_lost_by_a_claim_that_meets_a_key_of_the_wrong_type(server: Server, driver: Driver, key: str) -> None:
    ids = driver.push([a_job() for _ in range(5)])
    with server.client() as client:
        kept = client.exists(f"shop:{key}") and client.dump(f"shop:{key}")
        client.delete(f"shop:{key}")
        client.set(f"shop:{key}", "a stranger's")

        with pytest.raises(SchemaMismatch):
            take(driver, worker="before")

        client.delete(f"shop:{key}")
        if kept:
            client.restore(f"shop:{key}", 0, kept)
    driver.settle([handed_back(claim) for claim in driver.held_by(["before"])])
    assert {claim.id for claim in take(driver)} == set(ids)


def work(driver: Driver) -> None:
    """A job goes through its life."""
    new = a_job()
    driver.push([new])
    driver.settle([after_success(claim, None) for claim in take(driver)])
    driver.find(Filter())


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        ("+@all -evalsha", "'evalsha'"),
        ("+@all -eval -evalsha", "'evalsha'|'eval'"),
        ("+@all -xadd", "xadd|command"),
        ("+@all -subscribe", "'subscribe'"),
        ("+@all resetchannels", "channel"),
        ("+@all resetkeys ~other:*", "key"),
        ("+@all -info", "'info'"),
    ],
)
def test_a_permission_that_is_missing_is_named(server: Server, rules: str, named: str) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "ada", "on", ">secret", "~*", "&*", *rules.split())

    with pytest.raises(StoreError, match=re.compile(named, re.IGNORECASE)) as refused:  # noqa: PT012 - any of these
        driver = open_driver(f"redis://ada:secret@127.0.0.1:{server.port}/0?prefix=shop")
        driver.wait(["a"], 0)
        work(driver)
        driver.diagnose()

    assert "secret" not in str(refused.value)
    assert "ACL" in str(refused.value)


COMMANDS = sorted(
    {
        word
        for file in (Path(redis_driver.__file__).parent / "lua").rglob("*.lua")
        for word in re.findall(r"call(?:_many)?\('([A-Z]+)'", file.read_text("utf-8"))
    }
    - {"DEL", "HKEYS", "HSCAN", "INCR", "PUBLISH", "SMEMBERS", "XTRIM", "ZCARD", "ZCOUNT", "ZREVRANGEBYLEX", "ZSCORE"}
)
"""What scripts call, but for what few lives come to."""


def live(driver: Driver) -> None:
    """Jobs go through all kinds of lives."""
    driver.push([a_job(), a_job(), a_job(delay=60), a_job(unique="u"), a_job(unique="u"), a_job(expires=60)])
    driver.push([a_job("b", slot=Slot("nightly", 1)), a_job("b"), a_job("b", delay=0.001)])
    driver.wait(["a"], 0)
    first, second, third, *rest = take(driver)
    driver.cancel([third.id])
    driver.beat(WorkerRecord(name="w", host="h", pid=1, started_at=0, queues=("a",), state="running", children=("w",)))
    driver.extend([ClaimKey(first.id, first.attempt)], 60)
    driver.write_progress(ClaimKey(first.id, first.attempt), Progress(current=1))
    failed = after_failure(first, a_failure(first), NoRetry())
    driver.settle([failed, held(second, "unknown"), handed_back(third), *map(handed_back, rest)])
    driver.cancel([second.id])
    driver.tend(["t"])
    driver.lapsed(10)
    driver.held_by(["w"])
    driver.peek("a")
    driver.redrive(Filter())
    driver.acquire_lock("l", "w", 1)
    driver.locks()
    driver.add_schedule(ScheduleRecord(name="s", handled_at=1))
    driver.schedules()
    driver.pause("b")
    driver.resume("b")
    driver.clear("a")
    driver.forget(Filter())
    driver.leave("w")


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_that_scripts_may_not_call_is_named(server: Server, command: str) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "ada", "on", ">secret", "~*", "&*", "+@all", f"-{command}")
    opened = open_driver(f"redis://ada:secret@127.0.0.1:{server.port}/0?prefix=shop")

    with pytest.raises(StoreError, match=rf"(?i)refuses this user: .*\b{command}\b.*; give it that permission"):
        live(opened)

    opened.close()


def test_the_permissions_in_the_guide_are_enough(server: Server) -> None:
    with server.client() as client:
        client.execute_command("ACL", "SETUSER", "ada", "on", ">secret", "~shop*", "&shop*", *servers.PERMISSIONS)

    driver = open_driver(f"redis://ada:secret@127.0.0.1:{server.port}/0?prefix=shop")

    work(driver)
    assert not driver.wait(["a"], 0.05)
    driver.tend(["t"])
    driver.redrive(Filter())
    driver.forget(Filter())
    driver.clear("a")
    assert driver.diagnose()
    driver.close()
