from __future__ import annotations

from conveyor import JobStatus
from tests.worker import jobs
from tests.worker.tree import Bench


def test_a_burst_runs_everything_that_is_ready_and_ends(bench: Bench) -> None:
    ids = bench.push(*(jobs.add.call(number, 1) for number in range(500)))

    tree = bench.burst()

    assert [bench.get(id).result for id in ids] == [str(number + 1) for number in range(500)]
    assert bench.counts().completed == 500
    assert "has stopped" in tree.said


def test_a_burst_runs_what_its_jobs_push_and_does_not_wait_for_jobs_due_later(bench: Bench) -> None:
    bench.push(jobs.parent.call(bench.path, 50))
    (later,) = bench.push(bench.payload(jobs.add.call(1, 1), delay=3600))

    bench.burst(processes=2)

    assert sorted(bench.notes) == sorted(f"child {number}" for number in range(50))
    assert bench.get(later).status is JobStatus.PENDING
    assert bench.counts().ready == 0


def test_a_burst_with_nothing_to_do_ends(bench: Bench) -> None:
    bench.burst()

    assert bench.counts().popped == 0
