"""Behind PgBouncer in transaction mode: each step may find another server session, which is not ours to change."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from conveyor import Conveyor
from conveyor.context import running
from conveyor.drivers.open import open_driver
from conveyor.lifecycle import after_success
from conveyor.records import JobStatus, NewJob
from tests import pgbouncer, postgres
from tests.contract.recount import check_counters
from tests.contract.stores import a_job, every, jobs, take, take_one
from tests.pgbouncer import Pooler
from tests.worker import jobs as sample
from tests.worker import tree
from tests.worker.tree import ROOT, wait_until

pytestmark = pytest.mark.skipif(pgbouncer.PROGRAM is None, reason="there is no PgBouncer here")

BACK: Final = 2.0
"""Seconds within which a worker is at work again after its pooler is, and as much again for a busy machine."""

_schemas: Final = itertools.count(1)


@pytest.fixture(scope="module")
def pooler() -> Generator[Pooler]:
    assert pgbouncer.PROGRAM is not None
    postgres.server().execute("DROP ROLE IF EXISTS strict")
    postgres.server().execute("CREATE ROLE strict LOGIN SUPERUSER")
    postgres.server().execute("ALTER ROLE strict SET default_transaction_isolation = 'serializable'")
    made = Pooler(pgbouncer.PROGRAM, postgres.server(), "strict")
    yield made
    made.remove()


@pytest.fixture
def url(pooler: Pooler) -> str:
    return pooler.url(schema=f"pooled_{next(_schemas)}")


def in_the_sessions(pooler: Pooler, query: str) -> set[object]:
    """What a query answers in each of the sessions that are shared."""
    found: set[object] = set()
    clients = [psycopg.connect(pooler.url(), prepare_threshold=None) for _ in range(4)]
    # All at once, in a transaction each: so each has another session.
    for client in clients:
        found.update(row[0] for row in client.execute(query.encode()))
    for client in clients:
        client.close()
    return found


def test_many_open_a_new_store_at_once(url: str) -> None:
    opened = [threading.Thread(target=lambda: open_driver(url).close()) for _ in range(4)]
    for thread in opened:
        thread.start()
    for thread in opened:
        thread.join()

    driver = open_driver(url)
    driver.push([a_job()])
    check_counters(driver)
    driver.close()


def test_jobs_complete_in_transactions_of_theirs_whatever_session_they_get(pooler: Pooler, url: str) -> None:
    app = Conveyor(url)
    app.job("t")(print)

    def work() -> None:
        app.driver.push([a_job(type="t")])
        with running(take_one(app.driver), app) as job, job.transaction() as connection:
            connection.execute("SELECT %s", ("the same each time, often enough to be prepared",))

    for _ in range(8):
        work()
    with psycopg.connect(pooler.url(), prepare_threshold=None) as other:
        other.execute("SELECT 1")
        work()

    check_counters(app.driver)
    assert [job.status for job in every(app.driver)] == [JobStatus.COMPLETED] * 9
    app.close()


def test_a_worker_drains_and_leaves_nothing_in_the_sessions(tmp_path: Path, pooler: Pooler, url: str) -> None:
    with tree.bench(tmp_path, url=url) as bench:
        ids = bench.push(*[sample.add.call(number, 1) for number in range(500)])
        ids += bench.push(*[sample.fail_once.call(bench.path)] * 3, *[sample.parent.call(bench.path, 2)] * 3)
        worker = bench.worker(processes=2)

        ended = bench.ended(*ids)
        wait_until(lambda: len([note for note in bench.notes if note.startswith("child")]) == 6)
        assert {job.status.value for job in ended} == {"completed"}
        assert worker.stop() == 0
        bench.account()

    assert in_the_sessions(pooler, "SELECT name FROM pg_prepared_statements") == set()
    assert in_the_sessions(pooler, "SELECT pg_listening_channels()") == set()
    assert in_the_sessions(pooler, "SELECT current_setting('statement_timeout')") == {"0"}
    assert in_the_sessions(pooler, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'") == {0}


def test_a_pooler_that_is_started_again_is_waited_for(tmp_path: Path, pooler: Pooler, url: str) -> None:
    with tree.bench(tmp_path, url=url) as bench:
        bench.push(*(sample.note_slow.call(bench.path, str(number), 0.01) for number in range(200)))
        worker = bench.worker(processes=2)
        wait_until(lambda: len(bench.notes) > 20)

        pooler.stop()
        wait_until(lambda: worker.said.count("cannot claim jobs, trying again") == 2)
        pooler.start()
        back, before = time.monotonic(), len(bench.notes)
        wait_until(lambda: len(bench.notes) > before + 20)
        assert time.monotonic() - back < 2 * BACK

        wait_until(lambda: bench.counts().completed == 200, 60)
        assert worker.stop() == 0
        assert worker.said.count("cannot claim jobs, trying again") == 2
        bench.account()


def test_who_waits_looks_ever_more_rarely_and_a_job_is_seen_within_a_second(pooler: Pooler, url: str) -> None:
    driver, other = open_driver(url), open_driver(url)
    try:
        waiting = threading.Thread(target=lambda: driver.wait(["a"], 4.5))
        begun = pooler.statements
        waiting.start()
        waiting.join(1.5)
        settled = pooler.statements
        waiting.join()
        ended = pooler.statements

        # Seven looks in the first 1.3 seconds, those of the beginning and of getting to know the session beside them.
        assert settled - begun <= 12
        assert ended - settled <= 5
        threading.Timer(2.0, lambda: other.push([a_job()])).start()
        asked = time.monotonic()
        assert driver.wait(["a"], 10)
        assert time.monotonic() - asked < 3.3
    finally:
        driver.close()
        other.close()


def test_of_many_processes_one_has_the_lock_at_a_time(tmp_path: Path, url: str) -> None:
    open_driver(url).close()
    command = [sys.executable, "-m", "tests.services.holder", "race", url, "import", str(tmp_path / "marker"), "10"]
    processes = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)]

    said = [process.communicate(timeout=60)[0].split() for process in processes]

    fences = [word for words in said for word in words]
    assert "overlap" not in fences
    assert sorted(map(int, fences)) == list(range(1, 31))


def test_a_role_that_wants_transactions_serializable_works_beside_others(url: str) -> None:
    strict = url.replace("postgres@", "strict@")
    with psycopg.connect(strict.partition("&schema")[0]) as connection:
        assert connection.execute("SHOW default_transaction_isolation").fetchone() == ("serializable",)
    driver = open_driver(strict)
    stored: list[NewJob] = []

    def work() -> None:
        for _ in range(10):
            new = jobs(5)
            driver.push(new)
            stored.extend(new)
            driver.settle([after_success(claim, None) for claim in take(driver, limit=3)])

    # Were they serializable, most of these would have to be tried again and again.
    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(every(driver)) == len(stored) == 300
    check_counters(driver)
    driver.close()
