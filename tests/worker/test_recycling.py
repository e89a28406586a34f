from __future__ import annotations

import os
import signal
import time
from collections import Counter

from conveyor import JobStatus
from tests.worker import jobs
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
