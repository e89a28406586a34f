"""A Redis or Valkey server goes away under a worker, loses its memory, or is out of reach."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from conveyor.drivers.open import open_driver
from conveyor.errors import StoreUnavailable
from conveyor.records import NewJob
from tests import servers
from tests.contract.stores import a_job
from tests.proxy import Proxy
from tests.servers import Server
from tests.worker import jobs, tree
from tests.worker.tree import Bench, Tree, wait_until

BACK = 2.0
"""Seconds within which a worker is at work again after its server is, and as much again for a busy machine."""


@pytest.fixture
def lasting() -> Generator[Server]:
    """A server that loses nothing it has acknowledged."""
    server = Server(servers.VALKEY, "--appendonly", "yes", "--appendfsync", "always", "--save", "")
    yield server
    server.remove()


def settled(bench: Bench) -> int:
    return bench.counts().completed


def at_work_again(bench: Bench, since: float) -> None:
    """More jobs end, soon after the server came back at `since`."""
    before = settled(bench)
    wait_until(lambda: settled(bench) > before)
    assert time.monotonic() - since < 2 * BACK


def drain(bench: Bench, tree: Tree, count: int) -> None:
    """Everything completes, every job began as often as it ended or once more, and the worker ends well."""
    wait_until(lambda: settled(bench) == count, 60)
    assert {note for note in bench.notes if note.startswith("end")} == {f"end {number}" for number in range(count)}
    assert tree.stop() == 0
    bench.account()


def slow_jobs(bench: Bench, count: int, seconds: float = 0.02) -> None:
    bench.push(*(jobs.note_slow.call(bench.path, str(number), seconds) for number in range(count)))


def test_a_paused_server_is_waited_for_and_a_push_is_not(tmp_path: Path, lasting: Server) -> None:
    with tree.bench(tmp_path, url=lasting.url(timeout=1)) as bench, lasting.client() as client:
        slow_jobs(bench, 200)
        worker = bench.worker()
        wait_until(lambda: settled(bench) > 10)

        client.execute_command("CLIENT", "PAUSE", "3000", "ALL")
        paused = time.monotonic()
        with pytest.raises(StoreUnavailable, match="did not answer within 1 s"):
            bench.push(jobs.add.call(1, 2))
        assert time.monotonic() - paused < 2.5
        wait_until(lambda: time.monotonic() - paused > 3)
        at_work_again(bench, time.monotonic())

        # What the server was asked for while it was paused, it did afterwards.
        wait_until(lambda: bench.counts().ready + bench.counts().processing == 0, 60)
        assert {note for note in bench.notes if note.startswith("end")} == {f"end {n}" for n in range(200)}
        assert worker.stop() == 0
        bench.account()


def test_scripts_that_are_flushed_are_loaded_again(tmp_path: Path, lasting: Server) -> None:
    with tree.bench(tmp_path, url=lasting.url()) as bench, lasting.client() as client:
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


def test_nobody_waits_longer_than_the_timeout_for_a_server_that_says_nothing(lasting: Server) -> None:
    way = Proxy(lasting.port)
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


def test_many_threads_share_a_driver_while_connections_are_cut(lasting: Server) -> None:
    driver = open_driver(lasting.url())
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
    with lasting.client() as client:
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
