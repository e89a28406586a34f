"""`current_job().transaction()`: a job's own writes and its completion, in one commit."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psycopg
import pytest

from conveyor import Conveyor
from conveyor.context import CurrentJob, running
from conveyor.drivers.base import Driver
from conveyor.errors import ClaimLost, InvalidValue, NoCurrentJob, PayloadError, StoreUnavailable
from conveyor.lifecycle import after_success, handed_back
from conveyor.payload import JobCall
from conveyor.records import Claim, JobStatus
from conveyor.signals import JobTimeout
from tests import postgres, servers
from tests.cli.program import run
from tests.contract.callers import INSERT, WAYS, Way, orders, place_of
from tests.contract.stores import a_job, an_id, is_kept, one, take_one


@dataclass
class Bench:
    app: Conveyor
    url: str
    place: Path

    @property
    def driver(self) -> Driver:
        return self.app.driver

    def claimed(self) -> CurrentJob:
        """A job that has begun to run here."""
        self.driver.push([a_job(type="t")])
        return running(take_one(self.driver), self.app, 5_000_000_000)

    def left(self, job: CurrentJob) -> tuple[JobStatus, int]:
        return one(self.driver, job.id).status, orders(self.place)


def opened(store: str, directory: Path) -> Bench:
    url, place = place_of(store, directory)
    app = Conveyor(url)
    app.job("t")(print)
    app.open()
    return Bench(app, url, place)


@pytest.fixture(params=["postgres", "sqlite"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bench]:
    made = opened(request.param, tmp_path)
    yield made
    made.app.close()


CALL: Final[JobCall[None]] = JobCall("t", (), {})
COMPLETED: Final = (JobStatus.COMPLETED, 1)
NOTHING: Final = (JobStatus.PROCESSING, 0)


def test_writes_completion_result_and_follow_ups_are_one_commit(bench: Bench) -> None:
    with bench.claimed() as job:
        done = job.transaction()
        with done as connection:
            connection.execute(INSERT)
            follow_up = job.push(CALL)
            done.result = {"packed": 1}
            assert (bench.left(job), job.is_completed) == (NOTHING, False)
        assert job.is_completed
        with pytest.raises(NoCurrentJob, match="has ended"):
            job.push(CALL)

    assert bench.left(job) == COMPLETED
    assert is_kept(bench.driver, follow_up.id)
    stored = one(bench.driver, job.id)
    assert (stored.result, stored.started_at) == ('{"packed":1}', 5_000_000)


TWICE: Final = "CREATE TEMP TABLE t (n integer UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO t VALUES (1), (1)"


def fail(job: CurrentJob, result: object = None) -> None:
    with (done := job.transaction()) as connection:
        connection.execute(INSERT)
        done.result = result
        if result is None:
            raise ZeroDivisionError


async def afail(job: CurrentJob) -> None:
    async with job.transaction() as connection:
        await connection.execute(INSERT)
        raise ZeroDivisionError


def test_what_raises_takes_everything_back_and_the_job_may_try_again(bench: Bench) -> None:
    with bench.claimed() as job:
        with pytest.raises(ZeroDivisionError):
            fail(job)
        assert bench.left(job) == NOTHING
        with pytest.raises(PayloadError):
            fail(job, result=object())
        assert bench.left(job) == NOTHING
        with job.transaction() as connection:
            connection.execute(INSERT)

    assert bench.left(job) == COMPLETED


def test_a_job_that_is_somebody_else_s_by_now_commits_nothing(bench: Bench) -> None:
    with bench.claimed() as job:
        bench.driver.settle([handed_back(job._claim)])
        again = take_one(bench.driver)
        with (
            pytest.raises(ClaimLost, match=f"no longer held by attempt {job.attempt}"),
            job.transaction() as connection,
        ):
            connection.execute(INSERT)
        assert not job.is_completed

    assert bench.left(job) == NOTHING
    assert one(bench.driver, job.id).attempt == again.attempt == job.attempt + 1


def test_a_job_is_in_one_transaction_at_a_time_and_in_none_once_it_has_ended(bench: Bench) -> None:
    with bench.claimed() as job, job.transaction(), pytest.raises(InvalidValue, match="in a transaction already"):
        job.transaction()
    with pytest.raises(NoCurrentJob, match="has ended"):
        job.transaction()


@pytest.mark.parametrize("way", [way for way in WAYS if not way.is_async], ids=lambda way: f"{way.store} {way.name}")
def test_a_job_is_completed_in_a_transaction_of_the_application_s(way: Way, tmp_path: Path) -> None:
    bench = opened(way.store, tmp_path)
    with bench.claimed() as job, way.open(bench.place) as caller:
        for ending, left in (("rollback", NOTHING), ("commit", COMPLETED)):
            caller.write()
            with job.transaction(connection=caller.connection) as given:
                assert given is caller.connection
            caller.end(ending)
            assert bench.left(job) == left
    bench.app.close()


@pytest.mark.parametrize("way", [way for way in WAYS if way.is_async], ids=lambda way: f"{way.store} {way.name}")
def test_a_job_is_completed_in_an_async_transaction_of_the_application_s(way: Way, tmp_path: Path) -> None:
    bench = opened(way.store, tmp_path)

    async def work() -> None:
        with bench.claimed() as job:
            async with way.open(bench.place) as caller:
                for ending, left in (("rollback", NOTHING), ("commit", COMPLETED)):
                    await caller.write()
                    async with job.transaction(connection=caller.connection) as given:
                        assert given is caller.connection
                    await caller.end(ending)
                    assert bench.left(job) == left

    asyncio.run(work())
    bench.app.close()


def test_async_jobs_have_an_async_transaction_on_postgresql(tmp_path: Path) -> None:
    bench = opened("postgres", tmp_path)

    async def work() -> None:
        with bench.claimed() as job:
            with pytest.raises(ZeroDivisionError):
                await afail(job)
            assert bench.left(job) == NOTHING
            async with job.transaction() as connection:
                await connection.execute(INSERT)
        assert bench.left(job) == COMPLETED

    asyncio.run(work())
    bench.app.close()


def test_a_connection_that_the_server_has_ended_is_not_lent_again(tmp_path: Path) -> None:
    bench = opened("postgres", tmp_path)
    with bench.claimed() as job:
        with pytest.raises(ZeroDivisionError), job.transaction() as first:
            raise ZeroDivisionError
        postgres.server().execute("SELECT pg_terminate_backend(%s, 5000)", (first.info.backend_pid,))
        with pytest.raises(StoreUnavailable), job.transaction() as second:
            postgres.server().execute("SELECT pg_terminate_backend(%s, 5000)", (second.info.backend_pid,))
        assert bench.left(job) == NOTHING
        with job.transaction() as third:
            third.execute(INSERT)

    assert first is not second
    assert bench.left(job) == COMPLETED
    bench.app.close()


def test_a_job_that_is_told_to_stop_while_the_server_works_leaves_nothing_working_there(tmp_path: Path) -> None:
    bench = opened("postgres", tmp_path)

    def stop(*_: object) -> None:
        raise JobTimeout

    before = signal.signal(signal.SIGALRM, stop)
    with bench.claimed() as job:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(JobTimeout), job.transaction() as connection:
            connection.execute(f"{INSERT}; SELECT pg_sleep(60)")
    signal.signal(signal.SIGALRM, before)

    working = (
        "SELECT pid FROM pg_stat_activity WHERE query ~ 'sleep.60' AND state = 'active' AND pid <> pg_backend_pid()"
    )
    deadline = time.monotonic() + 20
    while postgres.server().execute(working):
        assert time.monotonic() < deadline
    assert bench.left(job) == NOTHING
    bench.app.close()


def test_a_commit_that_fails_leaves_the_job_to_be_done(tmp_path: Path) -> None:
    bench = opened("postgres", tmp_path)
    with bench.claimed() as job:
        with pytest.raises(psycopg.errors.UniqueViolation), job.transaction() as connection:
            connection.execute(f"{INSERT}; {TWICE}")
        assert (bench.left(job), job.is_completed) == (NOTHING, False)
        with job.transaction() as connection:
            connection.execute(INSERT)

    assert bench.left(job) == COMPLETED
    bench.app.close()


def test_a_closed_driver_says_so_before_it_touches_a_connection(bench: Bench) -> None:
    driver = bench.driver
    driver.close()
    outcome = after_success(Claim(an_id(), 1, "t", "a", 500, "{}", "", 0, 0, 3, 0), None)

    async def in_async_code() -> None:
        with pytest.raises(StoreUnavailable, match="closed"):
            await driver.apush([a_job()], connection=object())
        with pytest.raises(StoreUnavailable, match="closed"):
            await driver.asettle_in(object(), outcome)
        if bench.url.startswith("postgresql"):
            with pytest.raises(StoreUnavailable, match="closed"):
                async with driver.atransaction():
                    pass

    with pytest.raises(StoreUnavailable, match="closed"):
        driver.push([a_job()], connection=object())
    with pytest.raises(StoreUnavailable, match="closed"):
        driver.settle_in(object(), outcome)
    with pytest.raises(StoreUnavailable, match="closed"), driver.transaction():
        pass
    asyncio.run(in_async_code())


@pytest.mark.parametrize("url", ["memory://", "redis"])
def test_a_store_without_transactions_says_so(url: str) -> None:
    app = Conveyor(servers.valkey().url() if url == "redis" else url)
    app.job("t")(print)
    app.driver.push([a_job(type="t")])

    async def work() -> None:
        with running(take_one(app.driver), app) as job:
            with pytest.raises(InvalidValue, match="SQLite or PostgreSQL"), job.transaction():
                pass
            with pytest.raises(InvalidValue, match="SQLite or PostgreSQL"), job.transaction(connection=object()):
                pass
            with pytest.raises(InvalidValue, match="SQLite or PostgreSQL"):
                async with job.transaction():
                    pass
            with pytest.raises(InvalidValue, match="SQLite or PostgreSQL"):
                async with job.transaction(connection=object()):
                    pass

    asyncio.run(work())
    app.close()


MODULE = """
from conveyor import Conveyor, NoRetry, current_job

app = Conveyor({url!r}, retry=NoRetry())


@app.job("pack")
def pack(order: int) -> int:
    with (done := current_job().transaction()) as connection:
        connection.execute("INSERT INTO orders VALUES (1)")
        current_job().push(follow.call())
        done.result = order
    if order == 2:
        return 7
    if order == 3:
        raise ValueError("too late")


@app.job("follow")
def follow() -> None: ...


@app.job("apack")
async def apack() -> None:
    async with current_job().transaction() as connection:
        await connection.execute("INSERT INTO orders VALUES (1)")
"""


def test_a_worker_takes_a_job_that_has_completed_itself_for_completed(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shop.py").write_text(MODULE.format(url=bench.url))
    is_postgres = bench.url.startswith("postgres")
    jobs = [a_job("default", type="pack", payload=f'{{"order":{number}}}') for number in (1, 2, 3)]
    jobs += [a_job("default", type="apack")] if is_postgres else []
    bench.driver.push(jobs)

    answer = run("work", "--app", "shop:app", "--burst")

    assert answer.returncode == 0, answer.stderr
    assert [one(bench.driver, job.id).status for job in jobs] == [JobStatus.COMPLETED] * len(jobs)
    assert [one(bench.driver, job.id).result for job in jobs[:3]] == ["1", "2", "3"]
    assert orders(bench.place) == len(jobs)
    assert {each.type: each.executions for each in bench.app.metrics.types()} == {
        "follow": 3,
        "pack": 3,
        **({"apack": 1} if is_postgres else {}),
    }
    assert answer.stderr.count("was completed by its own transaction before it returned") == 1
    assert answer.stderr.count("before it raised builtins.ValueError: too late") == 1
    assert "no longer ours" not in answer.stderr
