from __future__ import annotations

from conveyor import JobStatus
from tests.worker import jobs
from tests.worker.tree import Bench


def test_once_runs_one_job_and_ends(bench: Bench) -> None:
    ids = bench.push(*(jobs.note_process.call(bench.path) for _ in range(3)))

    tree = bench.worker(once=True)

    assert tree.wait() == 0
    assert len(bench.notes) == 1
    assert sorted(job.status for job in map(bench.get, ids)) == [
        JobStatus.COMPLETED,
        JobStatus.PENDING,
        JobStatus.PENDING,
    ]
    assert {bench.get(id).attempt for id in ids} == {0, 1}
    assert "no job is ready" not in tree.said


def test_once_ends_at_once_and_says_so_when_nothing_is_ready(bench: Bench) -> None:
    (later,) = bench.push(bench.payload(jobs.add.call(1, 1), delay=3600))

    tree = bench.worker(once=True)

    assert tree.wait() == 0
    assert "no job is ready" in tree.said
    assert bench.get(later).attempt == 0


def test_once_waits_for_an_async_job_and_leaves_the_next(bench: Bench) -> None:
    ids = bench.push(*(jobs.wait_async.call(bench.path, 0.2) for _ in range(2)))

    assert bench.worker(once=True).wait() == 0

    assert bench.notes == ["begin", "end"]
    assert sorted(bench.get(id).status for id in ids) == [JobStatus.COMPLETED, JobStatus.PENDING]


def test_once_begins_no_second_job_when_the_first_takes_its_process_down(bench: Bench) -> None:
    # Which of them comes first is not said where they lie in two partitions.
    ids = bench.push(*(jobs.die.call("SIGKILL", bench.path) for _ in range(2)))

    assert bench.worker(once=True).wait() == 0

    assert bench.notes == ["attempt 1"]
    left = sorted((bench.get(id) for id in ids), key=lambda job: job.attempt)
    assert [(job.status, job.attempt, job.crashes) for job in left] == [
        (JobStatus.PENDING, 0, 0),
        (JobStatus.PENDING, 1, 1),
    ]
