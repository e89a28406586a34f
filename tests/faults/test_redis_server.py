"""A Redis or Valkey server goes away under a worker, loses its memory, or is out of reach."""

from __future__ import annotations

import os
import re
import socket
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Final

import psutil
import pytest

from conveyor import JobStatus
from conveyor.drivers.open import open_driver
from conveyor.errors import StoreUnavailable
from conveyor.records import NewJob
from tests import servers
from tests.contract.stores import a_job, every
from tests.faults.watching import complaints, get
from tests.proxy import Proxy
from tests.servers import Server
from tests.worker import jobs, tree
from tests.worker.tree import Bench, Tree, wait_until

BACK = 2.0
"""Seconds within which a worker is at work again after its server is, and as much again for a busy machine."""


ALWAYS: Final = ("--appendonly", "yes", "--appendfsync", "always", "--save", "")
EVERY_SECOND: Final = ("--appendonly", "yes", "--appendfsync", "everysec", "--save", "")
NEVER: Final = ("--appendonly", "no", "--save", "")


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Generator[Server]:
    """A server that may be killed: it keeps what it is told to keep."""
    made = Server(servers.VALKEY, *getattr(request, "param", ALWAYS))
    yield made
    made.remove()


@pytest.fixture
def way(server: Server) -> Generator[Proxy]:
    made = Proxy(server.port)
    yield made
    made.close()


def settled(bench: Bench) -> int:
    return bench.counts().completed


def at_work_again(bench: Bench, since: float) -> None:
    """More jobs end, soon after the server came back at `since`."""
    before = settled(bench)
    wait_until(lambda: settled(bench) > before)
    assert time.monotonic() - since < 2 * BACK


def begun(bench: Bench) -> int:
    return sum(note.startswith("begin") for note in bench.notes)


def drain(bench: Bench, tree: Tree, count: int, *, again: int = 0) -> None:
    """Everything completes, no more than `again` of it was run twice, and the worker ends well."""
    wait_until(lambda: settled(bench) == count)
    assert {note for note in bench.notes if note.startswith("end")} == {f"end {number}" for number in range(count)}
    assert begun(bench) <= count + again
    assert {(job.status, job.failures, job.crashes) for job in every(bench.app.driver)} == {(JobStatus.COMPLETED, 0, 0)}
    assert tree.stop() == 0
    bench.account()


def slow_jobs(bench: Bench, count: int, seconds: float = 0.02) -> None:
    bench.push(*(jobs.note_slow.call(bench.path, str(number), seconds) for number in range(count)))


def test_a_server_that_is_killed_while_it_is_drained_loses_nothing_that_it_syncs_at_once(
    tmp_path: Path, server: Server
) -> None:
    with tree.bench(tmp_path, url=server.url()) as bench:
        slow_jobs(bench, 150)
        worker = bench.worker(processes=2)
        wait_until(lambda: settled(bench) > 30)
        children = worker.children

        server.kill()
        with pytest.raises(StoreUnavailable, match="cannot reach"):
            bench.push(jobs.add.call(1, 2))
        wait_until(lambda: worker.said.count("trying again until the store is back") >= 3)
        server.start()
        at_work_again(bench, time.monotonic())

        assert worker.children == children
        drain(bench, worker, 150)


@pytest.mark.parametrize("server", [EVERY_SECOND], indirect=True)
def test_a_server_that_comes_back_as_it_was_a_moment_earlier_has_jobs_of_that_moment_run_again(
    tmp_path: Path, server: Server
) -> None:
    """As after a power cut: what was not synced yet is gone, and whoever runs it has heard that it was done."""
    (log,) = wait_until(lambda: list(server.directory.rglob("*.incr.aof")))
    with tree.bench(tmp_path, url=server.url()) as bench:
        slow_jobs(bench, 200)
        worker = bench.worker(processes=2, lease=2.0)
        wait_until(lambda: settled(bench) > 20)
        before = settled(bench)
        synced = log.stat().st_size
        wait_until(lambda: settled(bench) > before + 20)

        server.kill()
        os.truncate(log, synced)
        server.start()
        # And one that waited in each child.
        forgotten = begun(bench) - before + 2
        at_work_again(bench, time.monotonic())

        drain(bench, worker, 200, again=forgotten)


@pytest.mark.parametrize("server", [NEVER], indirect=True)
def test_a_server_that_comes_back_empty_holds_nobody_up_and_the_worker_says_what_is_lost(
    tmp_path: Path, server: Server
) -> None:
    with tree.bench(tmp_path, url=server.url()) as bench:
        # So that the numbers of queues and types mean something else afterwards.
        bench.push(bench.payload(jobs.note_job.call(bench.path, "never"), queue="unserved"))
        slow_jobs(bench, 100, 0.3)
        worker = bench.worker(lease=2.0)
        wait_until(lambda: bench.notes[-1:] == ["begin 3"])

        server.kill()
        wait_until(lambda: "cannot settle jobs" in worker.said)
        server.start()
        started = time.monotonic()
        (id,) = bench.push(jobs.add.call(1, 2))

        (job,) = bench.ended(id)
        assert time.monotonic() - started < 2 * BACK
        assert (job.status, job.result, job.queue, job.type) == (JobStatus.COMPLETED, "3", "default", "add")
        (line,) = wait_until(lambda: [line for line in worker.said.splitlines() if "the store has lost" in line])
        assert re.search(r"has lost \d jobs? .*note\.slow \S+ \(queue slow, attempt 1\) completed", line)
        assert worker.stop() == 0
        assert [job.id for job in every(bench.app.driver)] == [id]
        bench.account()


def test_a_worker_waits_for_a_server_that_is_not_there_when_it_begins(tmp_path: Path, server: Server) -> None:
    with tree.bench(tmp_path, url=server.url()) as bench:
        ids = bench.push(*[jobs.add.call(1, 2)] * 5)
        bench.app.close()
        server.kill()

        worker = bench.worker()
        wait_until(lambda: "cannot open the store" in worker.said)
        server.start()
        started = time.monotonic()

        wait_until(lambda: worker.is_ready)
        assert time.monotonic() - started < 2 * BACK
        assert {job.result for job in bench.ended(*ids)} == {"3"}
        assert worker.stop() == 0
        bench.account()


def test_connections_that_are_cut_again_and_again_lose_nothing(tmp_path: Path, server: Server) -> None:
    with tree.bench(tmp_path, url=server.url()) as bench, server.client() as client:
        slow_jobs(bench, 200, 0.005)
        worker = bench.worker(processes=2)
        wait_until(lambda: begun(bench) > 10)

        for kind in ("normal", "pubsub") * 10:
            before = begun(bench)
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            wait_until(lambda before=before: begun(bench) > before or before == 200)  # type: ignore[misc]

        drain(bench, worker, 200)


@pytest.mark.parametrize(
    ("silence", "timeout"), [(4.5, 1.0), pytest.param(20.0, 5.0, marks=pytest.mark.soak)], ids=["short", "20s"]
)
def test_a_connection_that_is_half_open_costs_no_job_and_makes_the_worker_unready(
    tmp_path: Path, way: Proxy, silence: float, timeout: float
) -> None:
    with tree.bench(tmp_path, url=f"redis://127.0.0.1:{way.port}/0?timeout={timeout}") as bench:
        slow_jobs(bench, 150)
        worker = bench.worker(processes=2, lease=1.0, health_port=0, log_json=True)
        at = wait_until(lambda: re.search(r"http://127\.0\.0\.1:\d+", worker.said))[0]
        wait_until(lambda: begun(bench) > 20)
        children = worker.children

        way.stick()
        stuck = time.monotonic()
        with pytest.raises(StoreUnavailable, match=f"did not answer within {timeout:g} s"):
            bench.push(jobs.add.call(1, 2))
        assert time.monotonic() - stuck < timeout + 1
        wait_until(lambda: get(f"{at}/ready")[0] == 503)
        wait_until(lambda: time.monotonic() - stuck > silence)
        assert get(f"{at}/live") == (200, "ok\n")
        said = complaints(worker)
        way.loosen()
        at_work_again(bench, time.monotonic())

        # Once for each thing that each process cannot do.
        assert set(said.values()) == {1}
        wait_until(lambda: get(f"{at}/ready")[0] == 200)
        assert worker.children == children
        # The server did what it had been asked for: whom it gave jobs so has not heard of them, and hands them back.
        drain(bench, worker, 150)


def test_a_paused_server_is_waited_for_and_a_push_is_not(tmp_path: Path, server: Server) -> None:
    with tree.bench(tmp_path, url=server.url(timeout=1)) as bench, server.client() as client:
        slow_jobs(bench, 100)
        worker = bench.worker()
        wait_until(lambda: settled(bench) > 10)

        client.execute_command("CLIENT", "PAUSE", "2000", "ALL")
        paused = time.monotonic()
        with pytest.raises(StoreUnavailable, match="did not answer within 1 s"):
            bench.push(jobs.add.call(1, 2))
        assert time.monotonic() - paused < 2.5
        wait_until(lambda: time.monotonic() - paused > 2)
        at_work_again(bench, time.monotonic())

        # What the server was asked for while it was paused, it did afterwards: perhaps the push too.
        wait_until(lambda: bench.counts().ready + bench.counts().processing == 0)
        assert {note for note in bench.notes if note.startswith("end")} == {f"end {n}" for n in range(100)}
        assert begun(bench) == 100
        assert worker.stop() == 0
        bench.account()


def test_scripts_that_are_flushed_are_loaded_again(tmp_path: Path, server: Server) -> None:
    with tree.bench(tmp_path, url=server.url()) as bench, server.client() as client:
        slow_jobs(bench, 200, 0.005)
        worker = bench.worker(processes=2)

        while settled(bench) < 200:
            client.execute_command("SCRIPT", "FLUSH")

        drain(bench, worker, 200)
        assert "trying again" not in worker.said


def within(seconds: float, act: Callable[[], object]) -> None:
    """It raises StoreUnavailable, and takes no longer than that."""
    begun = time.monotonic()
    with pytest.raises(StoreUnavailable):
        act()
    assert time.monotonic() - begun < seconds


def test_nobody_waits_longer_than_the_timeout_for_a_server_that_says_nothing(server: Server) -> None:
    way = Proxy(server.port)
    driver = open_driver(f"redis://127.0.0.1:{way.port}/0?timeout=0.5")
    try:
        way.stick()

        # On a connection that is open, and on one that has to be opened first.
        for _ in range(2):
            within(2.0, lambda: driver.push([a_job()]))
        within(2.0, lambda: driver.wait(["a"], 10))
    finally:
        driver.close()
        way.close()


def test_connections_that_lead_nowhere_any_more_cost_one_timeout_and_not_one_each(way: Proxy) -> None:
    driver = open_driver(f"redis://127.0.0.1:{way.port}/0?timeout=1")
    waiting = [threading.Thread(target=driver.wait, args=(["a"], 0.3)) for _ in range(4)]
    for thread in waiting:
        thread.start()
    for thread in waiting:
        thread.join()

    way.strand()
    within(2.0, lambda: driver.push([a_job()]))
    begun = time.monotonic()
    driver.push([a_job()])
    driver.wait(["a"], 5)

    assert time.monotonic() - begun < 0.8
    driver.close()


def test_the_kernel_finds_out_whether_the_other_end_of_a_quiet_connection_is_there(server: Server) -> None:
    url = server.url()
    driver = open_driver(url)
    driver.wait(["a"], 0.05)

    ours = [each.fd for each in psutil.Process().net_connections("tcp") if each.raddr[1:] == (server.port,)]

    assert len(ours) >= 2
    for fd in ours:
        with socket.socket(fileno=os.dup(fd)) as each:
            assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if hasattr(socket, "TCP_KEEPIDLE"):
                assert each.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) <= 10
    driver.close()


def test_who_waits_on_a_connection_that_is_cut_goes_on_waiting_on_another(server: Server) -> None:
    url = server.url()
    driver, other = open_driver(url), open_driver(url)
    assert not driver.wait(["a"], 0.05)
    with server.client() as client:

        def cut() -> None:
            client.execute_command("CLIENT", "KILL", "TYPE", "pubsub")

        # While nobody waits on it, and while somebody does.
        cut()
        timer = threading.Timer(0.3, cut)
        timer.start()
        assert not driver.wait(["a"], 0.6)
        timer.join()

    threading.Timer(0.4, lambda: other.push([a_job()])).start()
    begun = time.monotonic()
    assert driver.wait(["a"], 5)
    # Told, and not found by looking again.
    assert time.monotonic() - begun < 0.8
    driver.close()
    other.close()


def test_many_threads_share_a_driver_while_connections_are_cut(server: Server) -> None:
    driver = open_driver(server.url())
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
    with server.client() as client:
        for _ in range(30):
            before = len(stored)
            client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            wait_until(lambda before=before: len(stored) > before)  # type: ignore[misc]
    done.set()
    for thread in threads:
        thread.join()

    kept = driver.get([job.id for job in stored])
    assert None not in kept
    # Whether these were stored nobody knows: to push them again is safe.
    driver.push(failed)
    assert sum(level.ready for level in driver.counts(["a"])[0].by_priority.values()) == len(stored) + len(failed)
    driver.close()
