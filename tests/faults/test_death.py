from __future__ import annotations

import os
import re
import signal
import time
from functools import partial

import pytest

from conveyor import JobStatus, Reason
from tests.worker import jobs
from tests.worker.tree import Bench, promptly, wait_until


def test_a_job_whose_process_is_killed_runs_again_within_a_second_and_counts_one_crash(bench: Bench) -> None:
    tree = bench.worker()

    def kill_one() -> float:
        """Seconds until a job whose process is killed runs again."""
        (id,) = bench.push(jobs.note_slow.call(bench.path, "a", 1.0))
        begun = len(bench.notes) + 1
        wait_until(lambda: len(bench.notes) == begun)
        killed_at = time.monotonic()
        (child,) = tree.children
        os.kill(child, signal.SIGKILL)
        wait_until(lambda: len(bench.notes) == begun + 1)
        took = time.monotonic() - killed_at
        (job,) = bench.ended(id)
        assert (job.status, job.crashes, job.failures) == (JobStatus.COMPLETED, 1, 0)
        (error,) = job.errors
        assert error.reason is Reason.CRASHED
        assert "signal 9, SIGKILL" in error.message
        assert error.started_at is not None
        return took

    promptly(1.0, kill_one)
    assert tree.stop() == 0


def test_what_was_only_fetched_by_a_dead_child_goes_back_uncounted(bench: Bench) -> None:
    """The quick jobs teach the worker to claim ahead, so that some wait behind the one that dies."""
    before = bench.push(*(jobs.add.call(number, 1) for number in range(300)))
    (dying,) = bench.push(jobs.die.call("exit", bench.path))
    after = bench.push(*(jobs.add.call(number, 2) for number in range(300)))

    bench.burst()

    assert {job.crashes for job in bench.ended(*before, *after)} == {0}
    assert {job.status for job in bench.ended(*before, *after)} == {JobStatus.COMPLETED}
    assert bench.get(dying).status is JobStatus.FAILED
    assert bench.counts().completed == 600


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("exit", "exit code 7"),
        ("SIGKILL", "signal 9, SIGKILL"),
        ("SIGSEGV", "signal 11, SIGSEGV"),
        ("SIGABRT", "SIGABRT"),
    ],
)
def test_a_job_that_kills_its_process_is_buried_after_three_crashes(bench: Bench, how: str, words: str) -> None:
    (poison, healthy) = bench.push(jobs.die.call(how, bench.path), jobs.add.call(1, 1))

    bench.burst()

    job = bench.get(poison)
    assert (job.status, job.reason, job.crashes, job.failures) == (JobStatus.FAILED, Reason.CRASHED, 3, 0)
    assert len(bench.notes) == 3
    assert all(words in error.message for error in job.errors)
    assert bench.get(healthy).status is JobStatus.COMPLETED


def test_a_job_that_runs_at_most_once_is_buried_by_its_first_crash(bench: Bench) -> None:
    (id,) = bench.push(jobs.note_once.call(bench.path, "a", 30.0))
    tree = bench.worker()
    wait_until(lambda: bench.notes)

    os.kill(tree.children[0], signal.SIGKILL)

    (job,) = bench.ended(id)
    assert (job.status, job.reason, job.crashes) == (JobStatus.FAILED, Reason.CRASHED, 1)
    assert tree.stop() == 0
    assert bench.notes == ["begin a"]


def test_after_a_whole_worker_is_killed_another_one_finishes_everything_once_the_lease_is_over(bench: Bench) -> None:
    def kill_a_worker() -> float:
        """Seconds from the start of another worker until everything is done."""
        numbers = range(len(bench.notes), len(bench.notes) + 40)
        quick = [jobs.note_slow.call(bench.path, str(number), 0.01) for number in numbers]
        ids = bench.push(*quick[:20], jobs.note_slow.call(bench.path, "killed", 0.4), *quick[20:])
        killed = bench.notes.count("begin killed")
        tree = bench.worker(processes=2, lease=1.0)
        wait_until(lambda: bench.notes.count("begin killed") > killed)
        tree.kill_all()
        begun = time.monotonic()
        other = bench.worker(processes=2, lease=1.0)
        ended = bench.ended(*ids)
        took = time.monotonic() - begun
        assert {job.status for job in ended} == {JobStatus.COMPLETED}
        assert ended[20].crashes == 1
        assert max(job.crashes for job in ended) == 1
        assert other.stop() == 0
        assert {f"end {number}" for number in numbers} < set(bench.notes)
        return took

    promptly(1.0 + 2.0, kill_a_worker)


def test_a_worker_started_again_under_its_name_does_not_take_its_predecessors_claims_for_its_own(bench: Bench) -> None:
    (id,) = bench.push(jobs.note_slow.call(bench.path, "a", 1.5))
    first = bench.worker(name="alpha", lease=1.0)
    wait_until(lambda: bench.notes)
    first.kill_all()

    second = bench.worker(name="alpha", lease=1.0)

    (job,) = bench.ended(id)
    assert (job.status, job.crashes) == (JobStatus.COMPLETED, 1)
    assert second.stop() == 0


def test_what_the_store_claims_for_a_child_that_is_already_dead_goes_back_at_once_and_uncounted(bench: Bench) -> None:
    """As a server does that works at the request while the child dies."""
    (running,) = bench.push(jobs.note_slow.call(bench.path, "a", 0.5))
    tree = bench.worker(lease=60.0)
    wait_until(lambda: bench.notes)
    os.kill(tree.children[0], signal.SIGKILL)
    found = wait_until(lambda: re.search(r"child (\S+) is lost", tree.said))
    wait_until(lambda: bench.get(running).crashes == 1)
    late = bench.app.prepare(jobs.add.call(1, 1), queue="elsewhere")
    bench.app.driver.push([late])

    assert bench.app.driver.claim(["elsewhere"], limit=1, lease=60.0, worker=found[1])

    wait_until(lambda: bench.get(late.id).status is JobStatus.PENDING, 5.0)
    assert (bench.get(late.id).crashes, bench.get(late.id).errors) == (0, ())
    assert tree.stop() == 0


@pytest.mark.stores("sqlite")
def test_a_child_that_waits_for_its_store_does_not_outlive_its_supervisor(bench: Bench) -> None:
    bench.push(jobs.note_slow.call(bench.path, "a", 30.0))
    tree = bench.worker(max_jobs=1)
    wait_until(lambda: bench.notes)
    (bench.directory / "jobs.db").rename(bench.directory / "elsewhere.db")
    (bench.directory / "jobs.db").mkdir()
    os.kill(tree.children[0], signal.SIGKILL)
    # The next child cannot open what is no file.
    wait_until(lambda: len(tree.children) == 1)
    wait_until(lambda: "cannot open the store" in tree.said)
    (child,) = tree.children

    os.kill(tree.process.pid, signal.SIGKILL)
    tree.wait()

    wait_until(lambda: not _is_there(child), 5.0)
    (bench.directory / "jobs.db").rmdir()
    (bench.directory / "elsewhere.db").rename(bench.directory / "jobs.db")


def test_children_whose_supervisor_is_killed_give_back_their_jobs_and_end(bench: Bench) -> None:
    (running, once) = bench.push(
        jobs.note_slow.call(bench.path, "a", 30.0), jobs.note_once.call(bench.path, "once", 30.0)
    )
    tree = bench.worker(processes=2, lease=30.0)
    wait_until(lambda: len(bench.notes) == 2)
    children = tree.children

    os.kill(tree.process.pid, signal.SIGKILL)
    tree.wait()

    wait_until(lambda: not any(_is_there(pid) for pid in children), 5.0)
    job = bench.get(running)
    assert (job.status, job.crashes, job.failures) == (JobStatus.PENDING, 0, 0)
    assert bench.get(once).reason is Reason.CRASHED


def test_children_that_die_one_after_another_lose_nothing(bench: Bench) -> None:
    ids = bench.push(*(jobs.note_slow.call(bench.path, str(number), 0.02) for number in range(60)))
    tree = bench.worker(processes=2)
    for round_number in range(1, 5):
        wait_until(partial(_has_notes, bench, round_number * 10))
        os.kill(wait_until(lambda: tree.children)[0], signal.SIGKILL)

    ended = bench.ended(*ids)

    assert {job.status for job in ended} == {JobStatus.COMPLETED}
    assert 0 < sum(job.crashes for job in ended) <= 4
    assert bench.counts().completed == 60
    assert tree.stop() == 0


def _has_notes(bench: Bench, count: int) -> bool:
    return len(bench.notes) >= count


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
