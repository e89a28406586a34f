"""Workers at rest without async jobs: the thread that runs jobs asks the store, and must hear everything else too."""

from __future__ import annotations

import signal
import time

from conveyor import JobStatus
from tests.worker import jobs, sync_jobs
from tests.worker.tree import Bench, promptly, wait_until


def test_a_worker_at_rest_picks_up_each_of_many_jobs_at_once(bench: Bench) -> None:
    tree = bench.worker(app=sync_jobs.APP)
    bench.ended(*bench.push(jobs.add.call(1, 1)))

    for _ in range(30):
        bench.ended(*bench.push(jobs.add.call(1, 1)), seconds=0.9)

    tree.signal(signal.SIGTERM)
    assert tree.wait() == 0


def test_a_worker_at_rest_is_gone_within_300_ms_of_the_signal(bench: Bench) -> None:
    def stop_one() -> float:
        tree = bench.worker(app=sync_jobs.APP)
        bench.ended(*bench.push(jobs.add.call(1, 1)))
        began = time.monotonic()
        tree.signal(signal.SIGTERM)
        assert tree.wait() == 0
        return time.monotonic() - began

    promptly(0.3, stop_one)


def test_while_one_job_runs_the_next_come_ahead_and_go_back_when_it_is_slow(bench: Bench) -> None:
    bench.worker(app=sync_jobs.APP)
    bench.ended(*bench.push(*(jobs.note_job.call(bench.path, "lesson") for _ in range(300))))

    slow, *rest = bench.push(
        jobs.note_slow.call(bench.path, "slow", 2.0), *(jobs.note_job.call(bench.path, "rest") for _ in range(30))
    )
    other = bench.worker(app=sync_jobs.APP)
    bench.ended(*rest)

    assert bench.get(slow).status in {JobStatus.PENDING, JobStatus.PROCESSING}
    bench.ended(slow)
    other.signal(signal.SIGTERM)
    assert other.wait() == 0


def test_a_worker_at_rest_gives_way_to_its_next_process(bench: Bench) -> None:
    tree = bench.worker(app=sync_jobs.APP)
    bench.ended(*bench.push(jobs.add.call(1, 1)))
    before = tree.children

    tree.signal(signal.SIGHUP)
    wait_until(lambda: len(tree.children) == 1 and tree.children != before)

    bench.ended(*bench.push(jobs.add.call(1, 1)))


def test_a_running_job_is_cancelled_after_a_rest(bench: Bench) -> None:
    bench.worker(app=sync_jobs.APP)
    bench.ended(*bench.push(jobs.add.call(1, 1)))
    (slow,) = bench.push(jobs.note_slow.call(bench.path, "slow", 30.0))
    wait_until(lambda: bench.notes)

    bench.app.driver.cancel([slow])

    bench.ended(slow)
    assert bench.get(slow).status is JobStatus.CANCELLED
