from __future__ import annotations

import time
from collections import Counter

from conveyor import JobStatus
from conveyor.worker.settings import QueueShare
from tests.worker import jobs
from tests.worker.tree import QUEUES, Bench, wait_until


def test_a_thousand_async_jobs_of_100_ms_take_a_child_little_more_than_ten_rounds(bench: Bench) -> None:
    ids = bench.push(*(jobs.nap_async.call(0.1) for _ in range(1000)))

    bench.burst()

    ended = bench.ended(*ids)
    assert {job.status for job in ended} == {JobStatus.COMPLETED}
    began = min(job.started_at or 0 for job in ended)
    # 1.0 s is what ten rounds take; a busy machine is given as much again.
    assert max(job.finished_at or 0 for job in ended) - began < 2_500_000


def test_sync_jobs_are_not_delayed_by_async_ones(bench: Bench) -> None:
    asynchronous = bench.push(*(jobs.nap_async.call(2.0) for _ in range(50)))
    tree = bench.worker()
    wait_until(lambda: bench.counts().processing == 50)

    begun = time.monotonic()
    sync = bench.push(*(jobs.add.call(number, 1) for number in range(50)))
    bench.ended(*sync)

    assert time.monotonic() - begun < 1.5
    assert all(bench.get(id).status is JobStatus.PROCESSING for id in asynchronous)
    assert tree.stop() == 0


def test_async_jobs_are_not_held_up_by_a_slow_sync_one_in_their_queue(bench: Bench) -> None:
    (slow,) = bench.push(jobs.wait.call(bench.path, 4.0))
    tree = bench.worker()
    wait_until(lambda: bench.notes)

    ids = bench.push(jobs.wait.call(bench.path, 0.0), *(jobs.nap_async.call(0.01) for _ in range(100)))
    bench.ended(*ids[1:], seconds=3.5)

    assert bench.get(slow).status is JobStatus.PROCESSING
    assert {job.crashes for job in bench.ended(slow, *ids)} == {0}
    assert tree.stop() == 0


def test_no_job_waits_in_one_child_while_another_is_idle(bench: Bench) -> None:
    """Quick jobs teach both children to claim by the hundred; then slow ones come among the quick."""
    bench.push(*(jobs.add.call(number, 1) for number in range(2000)))
    tree = bench.worker(processes=2)
    wait_until(lambda: bench.counts().completed == 2000)

    mixed = [jobs.note_job.call(bench.path, f"quick {number}") for number in range(200)]
    mixed[20] = jobs.wait.call(bench.path, 3.0)
    ids = bench.push(*mixed)
    quick = [id for index, id in enumerate(ids) if index != 20]
    begun = time.monotonic()
    bench.ended(*quick)

    assert time.monotonic() - begun < 2.0
    assert bench.get(ids[20]).status is JobStatus.PROCESSING
    assert bench.ended(ids[20])[0].status is JobStatus.COMPLETED
    assert tree.stop() == 0


def test_no_job_waits_in_one_worker_while_another_is_idle(bench: Bench) -> None:
    """As above with workers that know nothing of each other: jobs of 1 ms, and among them two of 5 s."""
    bench.push(*(jobs.note_after.call(bench.path, "lesson", 0.001) for _ in range(600)))
    trees = [bench.worker() for _ in range(3)]
    wait_until(lambda: bench.counts().completed == 600)

    mixed = [jobs.note_after.call(bench.path, "quick", 0.001) for _ in range(300)]
    mixed[100:102] = [jobs.note_after.call(bench.path, "slow", 5.0) for _ in range(2)]
    ids = bench.push(*mixed)
    slow, quick = ids[100:102], ids[:100] + ids[102:]
    begun = time.monotonic()
    ended = bench.ended(*quick)

    # The third worker runs what was behind the slow ones, and those run beside each other.
    assert time.monotonic() - begun < 3.0
    assert {bench.get(id).status for id in slow} == {JobStatus.PROCESSING}
    ended += bench.ended(*slow)
    first, second = (bench.get(id).started_at or 0 for id in slow)
    assert abs(first - second) < 2_000_000
    assert {(job.status, job.crashes, job.failures) for job in ended} == {(JobStatus.COMPLETED, 0, 0)}
    # Nothing ran twice.
    assert Counter(bench.notes) == {"lesson": 600, "quick": 298, "slow": 2}
    assert [tree.stop() for tree in trees] == [0, 0, 0]


def test_threads_run_sync_jobs_side_by_side(bench: Bench) -> None:
    ids = bench.push(*(jobs.wait.call(bench.path, 0.5) for _ in range(8)))

    bench.burst(threads=8)

    ended = bench.ended(*ids)
    assert max(job.started_at or 0 for job in ended) < min(job.finished_at or 0 for job in ended)


def test_queues_without_weights_are_served_in_the_order_given(bench: Bench) -> None:
    bench.push(*(bench.payload(jobs.note_job.call(bench.path, "second"), queue="slow") for _ in range(30)))
    bench.push(*(jobs.note_job.call(bench.path, "first") for _ in range(30)))

    bench.burst(queues=QUEUES)

    assert bench.notes == ["first"] * 30 + ["second"] * 30


def test_queues_with_weights_share_the_worker(bench: Bench) -> None:
    for queue in ("a", "b"):
        bench.push(*(bench.payload(jobs.note_after.call(bench.path, queue, 0.01), queue=queue) for _ in range(60)))

    bench.burst(queues=(QueueShare("a", 3), QueueShare("b")))

    assert 20 <= bench.notes[:40].count("a") <= 38
    assert bench.notes[:40].count("b") >= 2
    assert bench.counts().completed == 120
