"""What is due later waits in the store, and in no worker's memory."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from conveyor import JobStatus
from tests.worker import jobs
from tests.worker.tree import Bench, promptly, wait_until

JOBS = 1000


def test_a_thousand_jobs_due_in_one_second_are_not_late_because_a_worker_was_killed(bench: Bench) -> None:
    def kill_before_they_are_due() -> float:
        """Seconds from the moment they are due until all have been run, by another worker."""
        tree = bench.worker(processes=2, lease=1.0)
        wait_until(lambda: tree.is_ready)
        due = datetime.now(UTC) + timedelta(seconds=2)
        ids = bench.push(*(bench.payload(jobs.add.call(number, 1), run_at=due) for number in range(JOBS)))
        assert bench.counts().delayed == JOBS
        # The worker has seen them, and keeps none of them.
        seen = time.monotonic()
        wait_until(lambda: time.monotonic() - seen > 1.0)
        assert bench.counts().processing == 0
        tree.kill_all()

        other = bench.worker(processes=2, lease=1.0)
        ended = bench.ended(*ids)

        assert {(job.status, job.crashes) for job in ended} == {(JobStatus.COMPLETED, 0)}
        assert other.stop() == 0
        return max(job.finished_at or 0 for job in ended) / 1e6 - due.timestamp()

    # Hours late it was elsewhere; here it is tending, once a second, and the work itself.
    promptly(2.5, kill_before_they_are_due)


def test_a_worker_killed_while_it_works_off_a_thousand_due_jobs_costs_those_it_had_one_lease(bench: Bench) -> None:
    due = datetime.now(UTC) + timedelta(seconds=1)
    calls = [jobs.note_after.call(bench.path, str(number), 0.001) for number in range(JOBS)]
    ids = bench.push(*(bench.payload(call, run_at=due) for call in calls))
    tree = bench.worker(processes=2, lease=1.0)
    wait_until(lambda: len(bench.notes) > 100)

    tree.kill_all()
    held = bench.counts().processing
    assert held < JOBS / 2
    other = bench.worker(processes=2, lease=1.0)
    ended = bench.ended(*ids, seconds=30.0)

    assert {job.status for job in ended} == {JobStatus.COMPLETED}
    assert sum(job.crashes for job in ended) <= held
    assert set(bench.notes) == {str(number) for number in range(JOBS)}
    assert len(bench.notes) <= JOBS + held
    assert other.stop() == 0
