from __future__ import annotations

from typing import Any

import pytest

from conveyor import CancelAnswer, JobCall, JobStatus
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("sync", "JobCancelled"),
        ("async", "CancelledError"),
        ("stubborn", "caught JobCancelled"),
        ("blocking", ""),
        ("locked", ""),
    ],
)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_running_job_can_be_cancelled(bench: Bench, kind: str, note: str, threads: int) -> None:
    # A thread that waits in C code is not interrupted there, so with threads the job looks up now and then.
    calls: dict[str, JobCall[Any]] = {
        "sync": jobs.wait_in_steps.call(bench.path, 3600),
        "async": jobs.wait_async.call(bench.path, 3600),
        "stubborn": jobs.wait_stubborn.call(bench.path),
        "blocking": jobs.saturate_the_loop.call(bench.path, 3600),
        "locked": jobs.hold_the_lock_for_good.call(bench.path),
    }
    (id,) = bench.push(calls[kind])
    tree = bench.worker(threads=threads)
    wait_until(lambda: bench.notes == ["begin"])

    (answer,) = bench.app.driver.cancel([id])

    assert answer is CancelAnswer.REQUESTED
    (job,) = bench.ended(id)
    assert (job.status, job.failures, job.crashes) == (JobStatus.CANCELLED, 0, 0)
    assert "cancelled while it ran" in (job.note or "")
    assert ("killed" in (job.note or "")) == (not note or kind == "stubborn")
    assert bench.notes[1:2] == ([note] if note else [])
    assert tree.stop() == 0
    assert bench.counts().cancelled == 1


def test_a_job_that_ends_well_before_it_hears_of_its_cancellation_is_complete(bench: Bench) -> None:
    (id,) = bench.push(jobs.wait_ignoring.call(bench.path, 1.5))
    tree = bench.worker(grace=30.0)
    wait_until(lambda: bench.notes == ["begin"])

    bench.app.driver.cancel([id])

    (job,) = bench.ended(id)
    assert (job.status, job.result) == (JobStatus.COMPLETED, '"caught JobCancelled"')
    assert tree.stop() == 0
