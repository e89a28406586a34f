"""The store goes away under a worker, and comes back."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from conveyor import JobStatus
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until

pytestmark = pytest.mark.stores("sqlite")


@contextmanager
def locked(bench: Bench) -> Generator[None]:
    """Nobody can write to the store: somebody else holds its write lock and does not let go."""
    holder = sqlite3.connect(bench.directory / "jobs.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_a_store_that_does_not_answer_costs_no_job_and_the_worker_goes_on_when_it_is_back(bench: Bench) -> None:
    ids = bench.push(*(jobs.note_slow.call(bench.path, str(number), 0.05) for number in range(60)))
    tree = bench.worker(processes=2, lease=3.0)
    wait_until(lambda: len(bench.notes) > 10)

    with locked(bench):
        # Longer than anyone waits for SQLite, and than the leases last.
        wait_until(lambda: "trying again until the store is back" in tree.said, 30.0)
        said = time.monotonic()
        wait_until(lambda: time.monotonic() - said > 3.5)
        assert tree.process.poll() is None
        children = tree.children
    back = time.monotonic()
    ended_before = bench.counts().completed
    wait_until(lambda: bench.counts().completed > ended_before)

    # Two seconds, and as much again for a busy machine.
    assert time.monotonic() - back < 4.0
    ended = bench.ended(*ids)
    assert {job.status for job in ended} == {JobStatus.COMPLETED}
    assert tree.children == children
    assert tree.stop() == 0
    assert bench.counts().completed == 60
    assert {note for note in bench.notes if note.startswith("end")} == {f"end {number}" for number in range(60)}
    # What was running may have run twice, and nothing else.
    assert sum(note.startswith("begin") for note in bench.notes) <= 60 + 2


def test_a_worker_waits_for_a_store_that_is_away_when_it_begins(bench: Bench) -> None:
    (id,) = bench.push(jobs.add.call(1, 2))
    bench.app.close()
    path = bench.directory / "jobs.db"
    path.rename(bench.directory / "elsewhere.db")
    path.mkdir()

    tree = bench.worker()
    wait_until(lambda: "cannot open the store" in tree.said)
    path.rmdir()
    Path(bench.directory / "elsewhere.db").rename(path)

    assert bench.ended(id)[0].result == "3"
    assert tree.stop() == 0


def test_a_worker_that_waits_for_its_store_can_be_stopped(bench: Bench) -> None:
    (bench.directory / "jobs.db").mkdir()

    tree = bench.worker()
    wait_until(lambda: "cannot open the store" in tree.said)

    assert tree.stop() == 0


def test_a_child_that_begins_while_the_file_is_elsewhere_makes_no_other_and_waits(bench: Bench) -> None:
    bench.push(jobs.add.call(1, 2))
    tree = bench.worker()
    wait_until(lambda: bench.counts().completed == 1)
    path = bench.directory / "jobs.db"

    path.rename(bench.directory / "elsewhere.db")
    (child,) = tree.children
    os.kill(child, signal.SIGKILL)
    wait_until(lambda: "jobs.db is not there any more" in tree.said)
    assert not path.exists()
    (bench.directory / "elsewhere.db").rename(path)

    (id,) = bench.push(jobs.add.call(3, 4))
    assert bench.ended(id)[0].result == "7"
    assert tree.stop() == 0
