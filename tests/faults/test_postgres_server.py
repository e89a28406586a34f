"""A PostgreSQL server goes away under a worker, ends its sessions, or is out of reach."""

from __future__ import annotations

import itertools
import signal
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import psycopg
import pytest

from conveyor.drivers.open import open_driver
from conveyor.errors import StoreUnavailable
from conveyor.records import NewJob
from tests import postgres, servers
from tests.contract.recount import check_counters
from tests.contract.stores import a_job, every
from tests.postgres import Server
from tests.proxy import Proxy
from tests.worker import jobs, tree
from tests.worker.tree import Bench, Tree, wait_until

pytestmark = pytest.mark.stores("postgres")

BACK: Final = 2.0
"""Seconds within which a worker is at work again after its server is, and as much again for a busy machine."""

_schemas: Final = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Generator[Server]:
    """A server that may be stopped: the other tests have another."""
    made = Server(postgres.wheel(), listen_addresses="127.0.0.1", port=str(servers.free_port()))
    made.start()
    yield made
    made.remove()


@pytest.fixture
def bench(tmp_path: Path, server: Server) -> Generator[Bench]:
    with tree.bench(tmp_path, url=server.url(schema=f"faults_{next(_schemas)}")) as made:
        yield made


def through(way: Proxy, **options: object) -> str:
    """The URL of the server at the other end."""
    given = {"schema": f"faults_{next(_schemas)}", **options}
    return f"postgresql://postgres@127.0.0.1:{way.port}/postgres?" + "&".join(f"{k}={v}" for k, v in given.items())


@pytest.fixture
def way(server: Server) -> Generator[Proxy]:
    made = Proxy(int(server.settings["port"]))
    yield made
    made.close()


def slow_jobs(bench: Bench, count: int, seconds: float = 0.02) -> None:
    bench.push(*(jobs.note_slow.call(bench.path, str(number), seconds) for number in range(count)))


def begun(bench: Bench) -> int:
    return sum(note.startswith("begin") for note in bench.notes)


def at_work_again(bench: Bench, since: float) -> None:
    """More jobs begin, soon after the server came back at `since`."""
    before = begun(bench)
    wait_until(lambda: begun(bench) > before)
    assert time.monotonic() - since < 2 * BACK


def drain(bench: Bench, worker: Tree, count: int) -> None:
    """Everything completes, and the worker ends well."""
    wait_until(lambda: bench.counts().completed == count, 60)
    assert {note for note in bench.notes if note.startswith("end")} == {f"end {number}" for number in range(count)}
    assert worker.stop() == 0
    bench.account()


def outages(worker: Tree, doing: str) -> int:
    """How often the log says that something cannot be done."""
    return worker.said.count(f"cannot {doing}, trying again until the store is back")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT], ids=["restart", "immediate-shutdown"])
def test_a_server_that_is_stopped_is_waited_for(bench: Bench, server: Server, how: signal.Signals) -> None:
    worker = bench.worker(processes=2)
    wait_until(lambda: worker.is_ready)
    slow_jobs(bench, 300)
    wait_until(lambda: begun(bench) > 20)

    server.stop(how)
    with pytest.raises(StoreUnavailable, match="cannot be used"):
        bench.push(jobs.add.call(1, 2))
    # What was claimed is run and cannot be settled; nothing more comes.
    wait_until(lambda: outages(worker, "settle jobs") == outages(worker, "claim jobs") == 2)
    stopped = time.monotonic()
    wait_until(lambda: time.monotonic() - stopped > 1)
    assert worker.process.poll() is None
    server.start()
    at_work_again(bench, time.monotonic())

    drain(bench, worker, 300)
    assert worker.said.count("the store is back") >= 4
    # Each process says once what it cannot do.
    assert outages(worker, "settle jobs") == outages(worker, "claim jobs") == 2
    # Only what ran just then has run twice: what had ended was settled afterwards.
    assert begun(bench) == 300


def test_a_worker_waits_for_a_server_that_is_not_there_yet(bench: Bench, server: Server) -> None:
    ids = bench.push(jobs.add.call(1, 2))
    server.stop()

    worker = bench.worker()
    wait_until(lambda: "cannot open the store" in worker.said)
    server.start()

    started = time.monotonic()
    wait_until(lambda: worker.is_ready)
    assert time.monotonic() - started < 2 * BACK
    assert bench.ended(*ids)[0].result == "3"
    assert worker.stop() == 0
    bench.account()


def end_sessions(server: Server) -> int:
    """End every session of conveyor, as an administrator may; answer how many, when they have ended."""
    return len(
        server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'conveyor'"
        )
    )


def test_sessions_that_are_ended_under_a_worker_cost_no_job(bench: Bench, server: Server) -> None:
    slow_jobs(bench, 200, 0.005)
    worker = bench.worker(processes=2)
    wait_until(lambda: begun(bench) > 10)

    for _ in range(20):
        before = begun(bench)
        end_sessions(server)
        wait_until(lambda before=before: begun(bench) > before or begun(bench) >= 200)  # type: ignore[misc]

    drain(bench, worker, 200)


def test_many_threads_share_a_driver_while_sessions_are_ended(server: Server) -> None:
    driver = open_driver(server.url(schema=f"faults_{next(_schemas)}"))
    stored: list[NewJob] = []
    failed: list[NewJob] = []
    done = threading.Event()

    def push() -> None:
        while not done.is_set():
            new = a_job()
            try:
                driver.push([new])
                stored.append(new)
            except StoreUnavailable:
                failed.append(new)

    threads = [threading.Thread(target=push) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(30):
        before = len(stored)
        end_sessions(server)
        wait_until(lambda before=before: len(stored) > before)  # type: ignore[misc]
    done.set()
    for thread in threads:
        thread.join()

    assert None not in driver.get([job.id for job in stored])
    # Whether these were stored nobody knows: to push them again is safe.
    driver.push(failed)
    assert len(every(driver)) == len(stored) + len(failed)
    check_counters(driver)
    driver.close()


def within(seconds: float, act: Callable[[], object]) -> None:
    """It raises StoreUnavailable, and takes no longer than that."""
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable, match=r"did not answer within|cannot be used"):
        act()
    assert time.monotonic() - begun < seconds


def test_nobody_waits_longer_than_the_timeout_for_a_server_that_says_nothing(way: Proxy) -> None:
    driver = open_driver(through(way, timeout=0.5))
    try:
        assert not driver.wait(["a"], 0.05)
        way.stick()

        # On a connection that is open, and on one that has to be opened first.
        for _ in range(2):
            within(3.0, lambda: driver.push([a_job()]))
        within(3.0, lambda: driver.wait(["a"], 10))
    finally:
        driver.close()
        way.close()


@pytest.mark.parametrize(
    ("silence", "timeout"), [(3.0, 1.0), pytest.param(20.0, 10.0, marks=pytest.mark.soak)], ids=["short", "20s"]
)
def test_a_half_open_connection_costs_no_job(tmp_path: Path, way: Proxy, silence: float, timeout: float) -> None:
    with tree.bench(tmp_path, url=through(way, timeout=timeout)) as bench:
        slow_jobs(bench, 100)
        worker = bench.worker(processes=2, lease=2.0)
        wait_until(lambda: begun(bench) > 20)

        way.stick()
        stuck = time.monotonic()
        wait_until(lambda: time.monotonic() - stuck > silence, 30)
        assert worker.process.poll() is None
        assert "did not answer within" in worker.said
        way.loosen()
        at_work_again(bench, time.monotonic())

        # The server did what it had been asked for: whom it gave jobs so has not heard of them, and hands them back.
        wait_until(lambda: bench.counts().completed == 100)
        assert {(job.failures, job.crashes) for job in every(bench.app.driver)} == {(0, 0)}
        assert {note for note in bench.notes if note.startswith("end")} == {f"end {number}" for number in range(100)}
        assert worker.stop() == 0
        bench.account()


def test_who_waits_on_a_session_that_is_ended_goes_on_waiting_on_another(server: Server) -> None:
    url = server.url(schema=f"faults_{next(_schemas)}")
    driver, other = open_driver(url), open_driver(url)
    try:
        assert not driver.wait(["a"], 0.05)
        # While nobody waits on it, and while somebody does.
        end_sessions(server)
        wake = threading.Timer(0.5, end_sessions, [server])
        wake.start()
        assert not driver.wait(["a"], 1)
        wake.join()

        threading.Timer(1.2, lambda: other.push([a_job()])).start()
        asked = time.monotonic()
        assert driver.wait(["a"], 5)
        assert time.monotonic() - asked < 1.9
    finally:
        driver.close()
        other.close()


def test_a_server_with_no_connection_left_is_waited_for(bench: Bench, server: Server) -> None:
    limit = int(server.execute("SHOW max_connections")[0][0])
    ids = bench.push(*[jobs.add.call(1, 2)] * 5)
    # A superuser of ours has some in reserve, and takes those too.
    crowd: list[psycopg.Connection[tuple[object, ...]]] = []
    bench.app.close()
    with pytest.raises(psycopg.OperationalError):  # noqa: PT012 - whichever it is
        for _ in range(limit + 1):
            crowd.append(psycopg.connect(server.url()))  # noqa: PERF401 - it ends with an error

    worker = bench.worker()
    wait_until(lambda: "cannot open the store" in worker.said)
    assert "too many clients" in worker.said or "connection slots" in worker.said
    for each in crowd:
        each.close()

    wait_until(lambda: worker.is_ready)
    assert {job.result for job in bench.ended(*ids)} == {"3"}
    assert worker.stop() == 0
    bench.account()
