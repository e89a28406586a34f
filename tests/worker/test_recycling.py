from __future__ import annotations

import os
import signal
import time
from collections import Counter

from conveyor import JobStatus
from tests.worker import jobs, slow_start
from tests.worker.tree import Bench, wait_until


def test_a_child_runs_no_more_than_max_jobs(bench: Bench) -> None:
    ids = bench.push(*(jobs.note_process.call(bench.path) for _ in range(50)))

    bench.burst(max_jobs=20)

    assert sorted(Counter(bench.notes).values()) == [10, 20, 20]
    assert {job.crashes for job in bench.ended(*ids)} == {0}


def test_with_max_jobs_of_one_each_job_has_a_process_of_its_own(bench: Bench) -> None:
    bench.push(*(jobs.note_process.call(bench.path) for _ in range(4)))

    bench.burst(max_jobs=1, processes=2)

    assert len(set(bench.notes)) == 4


def test_the_successor_of_a_child_is_there_before_its_last_job_ends(bench: Bench) -> None:
    (id,) = bench.push(jobs.wait.call(bench.path, 3.0))
    tree = bench.worker(max_jobs=1)
    wait_until(lambda: bench.notes)
    (first,) = tree.children[:1]

    wait_until(lambda: len(tree.children) == 2)
    (standby,) = set(tree.children) - {first}
    (next_id,) = bench.push(jobs.note_process.call(bench.path))

    assert bench.get(id).status is JobStatus.PROCESSING
    bench.ended(id, next_id)
    assert bench.notes == ["begin", "end", str(standby)]
    assert tree.stop() == 0


def test_sighup_replaces_the_children_one_by_one_and_loses_nothing(bench: Bench) -> None:
    tree = bench.worker(processes=2)
    wait_until(lambda: "running" in {worker.state for worker in bench.app.driver.workers()})
    before = set(tree.children)
    ids = bench.push(*(jobs.note_process.call(bench.path) for _ in range(20)))
    (slow,) = bench.push(jobs.wait.call(bench.path, 1.0))

    os.kill(tree.process.pid, signal.SIGHUP)

    wait_until(lambda: len(tree.children) == 2 and not before & set(tree.children))
    ended = bench.ended(*ids, slow)
    assert {(job.status, job.crashes) for job in ended} == {(JobStatus.COMPLETED, 0)}
    more = bench.push(*(jobs.note_process.call(bench.path) for _ in range(20)))
    bench.ended(*more)
    assert not {str(pid) for pid in before} & set(bench.notes[-20:])
    assert tree.stop() == 0


def test_a_child_that_is_replaced_while_it_runs_a_long_job_finishes_that(bench: Bench) -> None:
    (id,) = bench.push(jobs.wait.call(bench.path, 2.0))
    tree = bench.worker()
    wait_until(lambda: bench.notes == ["begin"])
    before = tree.children

    begun = time.monotonic()
    os.kill(tree.process.pid, signal.SIGHUP)
    (quick,) = bench.push(jobs.add.call(1, 1))
    bench.ended(quick)

    assert time.monotonic() - begun < 1.9
    assert (bench.ended(id)[0].status, bench.get(id).attempt) == (JobStatus.COMPLETED, 1)
    wait_until(lambda: len(tree.children) == 1 and tree.children != before)
    assert tree.stop() == 0


def test_a_child_that_has_grown_too_big_makes_place_for_one_that_is_ready(bench: Bench) -> None:
    tree = bench.worker(max_memory=150 << 20)
    (id,) = bench.push(jobs.grow.call(bench.path, 200, 2.0))
    wait_until(lambda: bench.notes)
    (first,) = tree.children[:1]

    wait_until(lambda: "MiB resident" in tree.said)
    (next_id,) = bench.push(jobs.note_process.call(bench.path))

    # What runs in the old one is let finish, while the new one works already.
    bench.ended(next_id)
    assert bench.get(id).status is JobStatus.PROCESSING
    assert (bench.ended(id)[0].status, bench.get(id).attempt) == (JobStatus.COMPLETED, 1)
    assert bench.notes[0] == f"grown in {first}"
    assert bench.notes[1] != str(first)
    wait_until(lambda: len(tree.children) == 1 and tree.children != [first])
    assert tree.stop() == 0


def test_a_limit_below_what_the_application_takes_is_said_and_replaces_nobody(bench: Bench) -> None:
    tree = bench.worker(max_memory=1 << 20, processes=2)
    ids = bench.push(*(jobs.note_after.call(bench.path, "run", 0.1) for _ in range(20)))

    bench.ended(*ids)

    assert tree.said.count("of --max-memory, which therefore does nothing") == 1
    assert "replacing child" not in tree.said
    assert tree.stop() == 0


def test_children_are_replaced_one_by_one_when_they_are_old_and_never_fewer_work(bench: Bench) -> None:
    tree = bench.worker(processes=2, max_time=2.0)
    wait_until(lambda: len(tree.children) == 2)
    before = set(tree.children)
    ended = 0

    while before & set(tree.children):
        ids = bench.push(*(jobs.note_process.call(bench.path) for _ in range(4)))
        assert {(job.status, job.crashes) for job in bench.ended(*ids)} == {(JobStatus.COMPLETED, 0)}
        ended += len(ids)
        assert len(tree.children) >= 2

    assert ended == len(bench.notes)
    assert "s old" in tree.said
    assert tree.stop() == 0


def test_there_is_no_gap_in_capacity_while_children_are_replaced(bench: Bench) -> None:
    """A process takes long to begin here: a job that came into a gap would wait as long."""
    tree = bench.worker(app="tests.worker.slow_start:app")
    bench.ended(*bench.push(jobs.note_process.call(bench.path)))
    (before,) = bench.notes
    waited: list[float] = []

    tree.signal(signal.SIGHUP)
    while bench.notes[-1] == before:
        pushed = time.monotonic()
        bench.ended(*bench.push(jobs.note_process.call(bench.path)))
        waited.append(time.monotonic() - pushed)

    assert len(waited) > 10
    assert max(waited) < slow_start.TAKES
    assert tree.stop() == 0
