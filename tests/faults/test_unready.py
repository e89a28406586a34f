"""A store that is away makes a worker unready, and is all that does: it says so once, tries on, and works again."""

from __future__ import annotations

import json
import re
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager

import psutil
import pytest

from conveyor import JobStatus
from tests.faults.watching import complaints, get
from tests.worker import jobs
from tests.worker.tree import Bench, Tree, wait_until

pytestmark = pytest.mark.stores("sqlite")


@contextmanager
def moved(bench: Bench, tree: Tree) -> Generator[None]:
    """Somebody has moved the file away."""
    path, elsewhere = bench.directory / "jobs.db", bench.directory / "elsewhere.db"
    path.rename(elsewhere)
    yield
    elsewhere.rename(path)


@contextmanager
def locked(bench: Bench, tree: Tree) -> Generator[None]:
    """Somebody keeps the write lock."""
    holder = sqlite3.connect(bench.directory / "jobs.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        holder.execute("ROLLBACK")
        holder.close()


@contextmanager
def full(bench: Bench, tree: Tree) -> Generator[None]:
    """No file of the worker may grow: what a full disk does to it, without a disk."""
    processes = [psutil.Process(pid) for pid in (tree.process.pid, *tree.children)]
    limits = {process: process.rlimit(psutil.RLIMIT_FSIZE) for process in processes}
    for process, (_, most) in limits.items():
        # Room for its log, and for the lines that jobs leave.
        process.rlimit(psutil.RLIMIT_FSIZE, (65_536, most))
    try:
        yield
    finally:
        for process, limit in limits.items():
            process.rlimit(psutil.RLIMIT_FSIZE, limit)


@pytest.mark.parametrize("away", [moved, locked, full])
def test_a_worker_without_its_store_is_unready_and_works_on_within_two_seconds_of_its_return(
    bench: Bench, away: Callable[[Bench, Tree], AbstractContextManager[None]]
) -> None:
    if away is full and not hasattr(psutil, "RLIMIT_FSIZE"):
        pytest.skip("limits of another process can be set on Linux only")
    bench.url += "?timeout=1"
    ids = bench.push(*(jobs.note_slow.call(bench.path, str(number), 0.05) for number in range(100)))
    tree = bench.worker(processes=2, lease=1.0, health_port=0, log_json=True)
    at = wait_until(lambda: re.search(r"http://127\.0\.0\.1:\d+", tree.said))[0]
    wait_until(lambda: get(f"{at}/ready")[0] == 200)
    wait_until(lambda: len(bench.notes) > 10)
    children = tree.children

    with away(bench, tree):
        reason = wait_until(lambda: answer[1] if (answer := get(f"{at}/ready"))[0] == 503 else "")
        assert get(f"{at}/live") == (200, "ok\n")
        assert not json.loads(get(f"{at}/")[1])["ready"]
        said = complaints(tree)
    back = time.monotonic()
    (late,) = bench.push(jobs.add.call(1, 2))
    wait_until(lambda: bench.get(late).status is JobStatus.COMPLETED)

    # Two seconds, and as much again for a busy machine.
    assert time.monotonic() - back < 4.0
    wait_until(lambda: get(f"{at}/ready")[0] == 200)
    assert "answer" in reason
    # Once for each thing that each process cannot do, however often it tries; again only where it could meanwhile.
    assert said
    assert max(said.values()) <= 1, said
    ended = bench.ended(*ids)
    assert {job.status for job in ended} == {JobStatus.COMPLETED}
    assert tree.children == children
    assert tree.stop() == 0
    assert bench.counts().completed == len(ids) + 1
    assert {note for note in bench.notes if note.startswith("end")} == {f"end {number}" for number in range(len(ids))}
