from __future__ import annotations

import signal
import time

import pytest

from conveyor import JobStatus, Reason
from tests.worker import jobs
from tests.worker.tree import Bench, promptly, wait_until


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_lets_running_jobs_finish_and_claims_no_more(bench: Bench, number: signal.Signals) -> None:
    (running,) = bench.push(jobs.note_slow.call(bench.path, "a", 1.0))
    tree = bench.worker()
    wait_until(lambda: bench.notes)
    (waiting,) = bench.push(jobs.add.call(1, 1))

    tree.signal(number)

    assert tree.wait() == 0
    assert bench.get(running).status is JobStatus.COMPLETED
    left = bench.get(waiting)
    assert (left.status, left.crashes) == (JobStatus.PENDING, 0)
    assert bench.app.driver.workers() == []


def test_a_worker_is_gone_within_100_ms_of_its_last_job(bench: Bench) -> None:
    def stop_one() -> float:
        """Seconds from the end of the job to the end of the worker."""
        began = len(bench.notes) + 1
        (id,) = bench.push(jobs.note_the_time.call(bench.path, 0.5))
        tree = bench.worker()
        wait_until(lambda: len(bench.notes) == began)
        tree.signal(signal.SIGTERM)
        assert tree.wait() == 0
        gone_at = time.time()
        assert bench.get(id).status is JobStatus.COMPLETED
        return gone_at - float(bench.notes[-1])

    promptly(0.1, stop_one, rounds=10)


def test_what_waits_in_a_child_is_handed_back_at_once_when_it_drains(bench: Bench) -> None:
    lessons = bench.push(*(jobs.note_job.call(bench.path, "lesson") for _ in range(300)))
    tree = bench.worker()
    bench.ended(*lessons)
    (slow, *rest) = bench.push(
        jobs.terminate_the_worker.call(bench.path, 1.0), *(jobs.note_job.call(bench.path, "rest") for _ in range(30))
    )

    wait_until(lambda: "draining" in bench.notes)
    wait_until(lambda: bench.counts().processing == 1, 0.9)

    assert tree.wait() == 0
    assert bench.get(slow).status is JobStatus.COMPLETED
    assert {(job.status, job.crashes, job.failures) for job in map(bench.get, rest)} == {(JobStatus.PENDING, 0, 0)}


def test_jobs_that_do_not_end_in_time_are_handed_back_uncounted(bench: Bench) -> None:
    (sync, once, asynchronous) = bench.push(
        jobs.wait.call(bench.path, 3600),
        jobs.note_once.call(bench.path, "once", 3600),
        jobs.wait_async.call(bench.path, 3600),
    )
    tree = bench.worker(threads=2, shutdown_timeout=0.5)
    wait_until(lambda: len(bench.notes) == 3)

    begun = time.monotonic()
    tree.signal(signal.SIGTERM)

    assert tree.wait() == 0
    assert 0.5 <= time.monotonic() - begun < 3
    for id in (sync, asynchronous):
        job = bench.get(id)
        assert (job.status, job.failures, job.crashes) == (JobStatus.PENDING, 0, 0)
    # Begun once, it must not be begun again.
    assert bench.get(once).reason is Reason.CRASHED
    assert bench.counts().processing == 0


def test_the_second_signal_ends_it_now(bench: Bench) -> None:
    (id,) = bench.push(jobs.wait.call(bench.path, 3600))
    tree = bench.worker()
    wait_until(lambda: bench.notes)

    tree.signal(signal.SIGTERM)
    wait_until(lambda: "draining" in tree.said)
    tree.signal(signal.SIGTERM)

    assert tree.wait(5) == 128 + signal.SIGTERM
    job = bench.get(id)
    assert (job.status, job.failures, job.crashes) == (JobStatus.PENDING, 0, 0)


def test_a_worker_stopped_while_its_children_begin_ends_at_once(bench: Bench) -> None:
    tree = bench.worker(processes=2)
    wait_until(lambda: tree.children)

    assert tree.stop() == 0
    assert bench.counts().processing == 0
