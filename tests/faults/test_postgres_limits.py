"""A PostgreSQL server that is full, can only be read, lets this user do too little, or has other ideas of time."""

from __future__ import annotations

import contextlib
import itertools
import os
import subprocess
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.drivers.postgres.driver import PostgresDriver
from conveyor.errors import SchemaMismatch, StoreError, StoreFull, StoreUnavailable
from conveyor.lifecycle import after_success, handed_back
from conveyor.records import NewJob
from tests import postgres
from tests.contract.recount import check_counters
from tests.contract.stores import a_job, every, jobs, take
from tests.postgres import Server
from tests.worker import jobs as sample
from tests.worker import tree
from tests.worker.tree import wait_until

_numbers: Final = itertools.count(1)


class Role:
    """A user of the shared server with settings and a schema of its own, and no more rights than it needs."""

    def __init__(self, **settings: str) -> None:
        self.server = postgres.server()
        self.name = self.schema = f"role_{os.getpid()}_{next(_numbers)}"
        self.server.execute(f"CREATE ROLE {self.name} LOGIN")
        self.server.execute(f"GRANT CREATE ON DATABASE postgres TO {self.name}")
        for name, value in settings.items():
            self.set(name, value)

    def set(self, name: str, value: str) -> None:
        self.server.execute(f"ALTER ROLE {self.name} SET {name} = '{value}'")

    @property
    def url(self) -> str:
        return self.server.url(schema=self.schema).replace("postgres@", f"{self.name}@")

    @contextlib.contextmanager
    def opened(self) -> Generator[Driver]:
        driver = open_driver(self.url)
        try:
            yield driver
        finally:
            driver.close()


@contextlib.contextmanager
def locked(role: Role, seconds: float) -> Generator[None]:
    """Meanwhile, somebody else holds the table of jobs for so long."""
    with psycopg.connect(role.server.url()) as connection:
        connection.execute(f"LOCK TABLE {role.schema}.job IN ACCESS EXCLUSIVE MODE".encode())
        release = threading.Timer(seconds, connection.commit)
        release.start()
        yield
        release.join()


SHORT: Final = {
    "statement_timeout": "100ms",
    "lock_timeout": "20ms",
    "idle_in_transaction_session_timeout": "20ms",
    "idle_session_timeout": "100ms",
}
"""What administrators set so that people leave nothing open."""


def test_the_timeouts_of_a_role_do_not_shorten_ours() -> None:
    has_transaction_timeout = bool(
        postgres.server().execute("SELECT current_setting('transaction_timeout', true)")[0][0]
    )
    role = Role(**SHORT, **({"transaction_timeout": "100ms"} if has_transaction_timeout else {}))
    with role.opened() as driver:
        with locked(role, 0.3):
            driver.push([a_job()])

        assert driver.wait(["a"], 1)
        assert not driver.wait(["b"], 0.3)
        assert not driver.wait(["b"], 0.1)
        driver.settle([after_success(claim, None) for claim in take(driver)])
        check_counters(driver)


def test_a_worker_runs_on_under_the_timeouts_of_its_role(tmp_path: Path) -> None:
    # That of idle sessions aside: one that is ended the moment it is to be used is an outage, though a short one.
    role = Role(**{name: value for name, value in SHORT.items() if name != "idle_session_timeout"})
    with tree.bench(tmp_path, url=role.url) as bench:
        worker = bench.worker(processes=2)
        wait_until(lambda: worker.is_ready)
        for number in range(3):
            ids = bench.push(*(sample.note_slow.call(bench.path, f"{number}.{each}", 0.001) for each in range(20)))
            bench.ended(*ids)
            idle = time.monotonic()
            wait_until(lambda idle=idle: time.monotonic() - idle > 0.3)  # type: ignore[misc]

        assert worker.stop() == 0
        assert "trying again" not in worker.said
        bench.account()


def test_our_own_timeout_ends_a_step_that_waits_for_a_lock() -> None:
    role = Role()
    with role.opened():
        pass
    driver = open_driver(f"{role.url}&timeout=0.3")
    with locked(role, 1.0):
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match=r"statement timeout|did not answer") as refused:
            driver.push([a_job()])
        assert time.monotonic() - began < 0.9
    assert "timeout=" in str(refused.value)
    assert every(driver) == []
    driver.close()


def test_a_role_that_wants_transactions_serializable_works_beside_others() -> None:
    role = Role(default_transaction_isolation="serializable")
    with role.opened() as driver:
        stored: list[NewJob] = []

        def work() -> None:
            for _ in range(15):
                new = jobs(5, unique=None)
                driver.push(new)
                stored.extend(new)
                driver.settle([after_success(claim, None) for claim in take(driver, limit=3)])

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(every(driver)) == len(stored) == 300
        check_counters(driver)


def test_a_database_that_is_set_to_be_read_only_says_so() -> None:
    role = Role()
    with role.opened() as driver:
        driver.push([a_job()])
    role.set("default_transaction_read_only", "on")

    with role.opened() as driver:
        for act in (lambda: driver.push([a_job()]), lambda: take(driver)):
            with pytest.raises(StoreUnavailable, match="can only be read"):
                act()
        # Looking is allowed.
        assert len(every(driver)) == 1


def test_a_standby_says_so_and_can_be_looked_at(tmp_path: Path) -> None:
    primary = Server(postgres.wheel())
    primary.start()
    with tree.bench(tmp_path, url=primary.url()) as bench:
        (id,) = bench.push(sample.add.call(1, 2))
        standby = Server(postgres.wheel(), primary)
        standby.start()
        driver = open_driver(standby.url())
        try:
            for act in (lambda: driver.push([a_job()]), lambda: take(driver), lambda: driver.wait(["b"], 1)):
                with pytest.raises(StoreUnavailable, match="can only be read: it is a standby"):
                    act()
            assert [job.id for job in every(driver)] == [id]
            assert "a standby, which can only be read" in [finding.text for finding in driver.diagnose()]
        finally:
            driver.close()

        # Both are named, so the one that can be written is found.
        both = f"postgresql://postgres@/postgres?host={standby.directory},{primary.directory}"
        worker_bench = tree.Bench(tmp_path, url=f"{both}&target_session_attrs=read-write")
        worker = worker_bench.worker()
        assert worker_bench.ended(id)[0].result == "3"
        assert worker.stop() == 0
        worker_bench.account()
        worker_bench.close()
        standby.remove()
    primary.remove()


def test_a_right_that_is_missing_is_named() -> None:
    owner, other = Role(), Role()
    with owner.opened():
        pass
    url = other.url.replace(f"schema={other.schema}", f"schema={owner.schema}")

    with pytest.raises(StoreError, match=f"GRANT USAGE ON SCHEMA {owner.schema}"):
        open_driver(url)

    owner.server.execute(f"GRANT USAGE ON SCHEMA {owner.schema} TO {other.name}")
    owner.server.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {owner.schema} TO {other.name}")
    driver = open_driver(url)
    with pytest.raises(StoreError, match="and ALL on its tables and sequences"):
        driver.push([a_job()])
    driver.close()


def test_a_schema_that_has_lost_a_table_is_named() -> None:
    role = Role()
    with role.opened() as driver:
        role.server.execute(f"DROP TABLE {role.schema}.counter")

        with pytest.raises(SchemaMismatch, match=f"schema {role.schema} .* is not as this conveyor left it"):
            driver.push([a_job()])


# ── no room ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def cramped() -> Generator[tuple[Server, Path]]:
    """A server whose tables have a disk of 12 MB. What it logs has another one: without room for that, it stops."""
    server = Server(postgres.wheel())
    disk = server.directory / "disk"
    disk.mkdir()
    options = f"size=12m,mode=0700,uid={server.directory.stat().st_uid}"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)], check=False, capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.strip()}")
    server.start()
    server.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
    server.execute("ALTER ROLE postgres SET default_tablespace = 'small'")
    yield server, disk
    server.stop()
    subprocess.run(["umount", str(disk)], check=True)
    server.remove()


def test_a_full_disk_costs_no_job_and_work_goes_on_when_there_is_room(
    tmp_path: Path, cramped: tuple[Server, Path]
) -> None:
    server, disk = cramped
    with tree.bench(tmp_path, url=server.url()) as bench:
        stored = 0
        with pytest.raises(StoreFull, match="no room left on the disk"):  # noqa: PT012 - which push it is, nobody knows
            while True:
                stored += len(
                    bench.push(*[sample.note_job.call(bench.path, os.urandom(3000).hex()) for _ in range(20)])
                )
        assert len(every(bench.app.driver)) == stored
        check_counters(bench.app.driver)

        worker = bench.worker()
        wait_until(lambda: "no room left on the disk" in worker.said)
        assert worker.process.poll() is None
        subprocess.run(["mount", "-o", "remount,size=200m", str(disk)], check=True)

        wait_until(lambda: bench.counts().completed == stored, 60)
        assert worker.stop() == 0
        bench.account()
        assert len(set(bench.notes)) == stored


# ── dead rows that stay ──────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def old_snapshot(server: Server) -> Generator[None]:
    """Somebody's report runs for hours: nothing that has gone since can be vacuumed."""
    with psycopg.connect(server.url()) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT count(*) FROM pg_class")
        yield


@pytest.mark.parametrize("count", [20_000, pytest.param(200_000, marks=pytest.mark.soak)])
def test_an_old_transaction_does_not_halve_the_rate_of_claims(count: int) -> None:
    role = Role()
    step = count // 10
    with role.opened() as driver, old_snapshot(role.server):
        rates: list[float] = []
        for _ in range(10):
            took = 0.0
            for _ in range(step // 200):
                driver.push(jobs(200))
                began = time.perf_counter()
                claims = take(driver, limit=200)
                took += time.perf_counter() - began
                assert all(driver.settle([after_success(claim, None) for claim in claims]))
            rates.append(step / took)

        assert max(rates[-3:]) > max(rates[:3]) / 2, [round(rate) for rate in rates]
        counts = driver.counts(["a"])[0].by_priority[500]
        assert (counts.completed, counts.ready, counts.processing) == (count, 0, 0)


def test_what_goes_back_before_the_front_of_a_worn_queue_is_found_within_a_second() -> None:
    role = Role()
    with role.opened() as driver, role.opened() as other, old_snapshot(role.server):
        assert isinstance(driver, PostgresDriver)
        for _ in range(7):
            driver.push(jobs(1000))
            driver.settle([after_success(claim, None) for claim in take(driver, limit=1000)])
        first, second, third, *_ = driver.push(jobs(10))
        assert [claim.id for claim in take(driver, limit=1)] == [first]
        assert driver._fronts.of(["a"]) is not None

        # What this driver gives back, and whatever is pushed, it finds at once, and in order.
        (claim,) = take(driver, limit=1)
        driver.settle([handed_back(claim)])
        (again,) = take(driver, limit=1)
        assert (claim.id, again.id) == (second, second)
        (urgent,) = driver.push([a_job(priority=1000)])
        assert [claim.id for claim in take(driver, limit=1)] == [urgent]
        # What another one gives back is found when the front is looked for again.
        (stray,) = take(other, limit=1)
        assert stray.id == third
        assert len(take(driver, limit=1)) == 1
        assert other.settle([handed_back(stray)]) == [True]
        given_back = time.monotonic()
        wait_until(lambda: stray.id in [claim.id for claim in take(driver, limit=1)], 3)
        assert time.monotonic() - given_back < 2
