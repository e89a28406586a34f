"""Jobs with a lock: one at a time for each key, and no place of the worker is held by one that waits."""

from __future__ import annotations

import os
import re
import signal
import time

import pytest

from conveyor import Conveyor, InvalidValue, JobStatus
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until


def no_two_at_once(notes: list[str]) -> None:
    """Between the beginning and the end of a key's run nothing of that key begins."""
    running: set[str] = set()
    for line in notes:
        what, key = line.split()
        assert (key in running) == (what == "end"), notes
        running ^= {key}
    assert not running


def test_jobs_of_one_key_run_one_at_a_time_and_those_of_others_beside_them(bench: Bench) -> None:
    ids = bench.push(
        *(
            job.call(bench.path, key, 0.05)
            for _ in range(4)
            for key in ("a", "b")
            for job in (jobs.exclusive, jobs.exclusive_async)
        )
    )

    tree = bench.worker(processes=2)
    ended = bench.ended(*ids, seconds=60)

    assert {job.status for job in ended} == {JobStatus.COMPLETED}
    assert {(job.failures, job.crashes) for job in ended} == {(0, 0)}
    no_two_at_once(bench.notes)
    assert bench.app.locks() == []
    assert tree.stop() == 0


def test_a_job_that_waits_for_its_lock_holds_up_nobody(bench: Bench) -> None:
    with bench.app.lock("exclusive:a"):
        locked = bench.push(jobs.exclusive.call(bench.path, "a"), jobs.exclusive_async.call(bench.path, "a"))
        others = bench.push(*(jobs.add.call(number, 1) for number in range(50)))
        tree = bench.worker()
        bench.ended(*others)

        wait_until(lambda: all(bench.get(id).note == "waits for the lock 'exclusive:a'" for id in locked))
        assert bench.notes == []
        released = time.monotonic()

    ended = bench.ended(*locked)
    assert time.monotonic() - released < 10
    assert {(job.status, job.failures, job.crashes) for job in ended} == {(JobStatus.COMPLETED, 0, 0)}
    assert {job.note for job in ended} == {None}
    assert "is held" not in tree.said
    assert tree.stop() == 0


def test_a_run_longer_than_the_lease_keeps_its_lock(bench: Bench) -> None:
    ids = bench.push(*(jobs.exclusive.call(bench.path, "a", 2.5) for _ in range(2)))

    tree = bench.worker(processes=2, lease=1.0)
    bench.ended(*ids, seconds=30)

    no_two_at_once(bench.notes)
    assert len(bench.notes) == 4
    assert tree.stop() == 0


def test_the_lock_of_a_process_that_was_killed_is_free_at_once(bench: Bench) -> None:
    (first,) = bench.push(jobs.exclusive_hang.call(bench.path, "a"))
    tree = bench.worker(processes=2, lease=120.0)
    wait_until(lambda: bench.notes)
    (holder,) = bench.app.locks()
    assert re.fullmatch(rf"job {first} on \S+\.\d+ attempt 1", holder.owner)
    (second,) = bench.push(jobs.exclusive_async.call(bench.path, "a"))
    wait_until(lambda: bench.get(second).note)

    os.kill(int(bench.notes[0]), signal.SIGKILL)

    one, other = bench.ended(first, second)
    assert (one.status, one.crashes, other.status) == (JobStatus.COMPLETED, 1, JobStatus.COMPLETED)
    assert tree.stop() == 0


@pytest.mark.parametrize("text", ["", "x" * 10_240])
def test_a_lock_name_that_cannot_be_fails_the_job_alone(bench: Bench, text: str) -> None:
    (bad,) = bench.push(jobs.exclusive_long.call(bench.path, text))
    (good,) = bench.push(jobs.add.call(1, 2))

    bench.burst()

    failed, done = bench.get(bad), bench.get(good)
    assert done.status is JobStatus.COMPLETED
    assert failed.status is JobStatus.FAILED
    assert "lock name is" in failed.errors[0].message
    assert bench.notes == []


@pytest.mark.parametrize(
    ("lock", "problem"),
    [
        ("report:{user}", "has no argument 'user'; name one of user_id"),
        ("report:{", "is no template"),
        ("", "lock name"),
    ],
)
def test_a_lock_that_no_run_could_have_is_refused_at_registration(lock: str, problem: str) -> None:
    app = Conveyor("memory://")

    with pytest.raises(InvalidValue, match=problem):

        @app.job("report", lock=lock)
        def report(user_id: int) -> None:
            """Never registered."""
