"""Unique keys while workers die: a key lives exactly as long as its job."""

from __future__ import annotations

import pytest

from conveyor import JobStatus
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until


@pytest.mark.stores("sqlite")
def test_a_key_outlives_its_worker_and_not_its_job(bench: Bench) -> None:
    payload = bench.payload(jobs.note_slow.call(bench.path, "a", 0.5), unique="one")
    again = bench.payload(jobs.note_slow.call(bench.path, "b", 0.0), unique="one")
    (id,) = bench.push(payload)
    tree = bench.worker(lease=1.0)
    wait_until(lambda: len(bench.notes) == 1)
    tree.kill_all()

    assert bench.push(again) == [id]
    other = bench.worker(lease=1.0)
    assert bench.push(again) == [id]
    (job,) = bench.ended(id)
    assert (job.status, job.crashes) == (JobStatus.COMPLETED, 1)
    (second,) = bench.push(again)

    assert second != id
    assert bench.ended(second)[0].status is JobStatus.COMPLETED
    assert other.stop() == 0
    assert bench.notes == ["begin a", "begin a", "end a", "begin b", "end b"]
