from __future__ import annotations

import os
import time

import pytest

from conveyor import AsyncJob, ExponentialBackoff, Job, JobStatus, Reason
from conveyor.worker.settings import QueueShare
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until

AnyJob = Job[[str], None] | AsyncJob[[str], None]

STUBBORN: list[AnyJob] = [
    jobs.hang_catching_all,
    jobs.hang_with_the_interpreter_lock,
    jobs.hang_async_catching,
    jobs.hang_async_blocking,
    jobs.with_subprocess,
]
TRACTABLE: list[AnyJob] = [jobs.hang_in_a_loop, jobs.hang_in_sleep, jobs.hang_async]


@pytest.mark.parametrize("job", STUBBORN, ids=str)
def test_a_job_that_does_not_end_at_its_timeout_is_killed_and_its_neighbours_are_unharmed(
    bench: Bench, job: AnyJob
) -> None:
    (id,) = bench.push(job.call(bench.path))
    others = bench.push(*(jobs.add.call(number, 1) for number in range(20)), jobs.nap_async.call(0.01))

    begun = time.monotonic()
    bench.burst()

    assert time.monotonic() - begun < 10
    ended = bench.get(id)
    assert (ended.status, ended.reason, ended.failures, ended.crashes) == (JobStatus.EXPIRED, Reason.TIMED_OUT, 1, 0)
    assert "0.4 s" in ended.errors[0].message
    assert "killed" in ended.errors[0].message
    assert {(each.status, each.crashes) for each in bench.ended(*others)} == {(JobStatus.COMPLETED, 0)}
    assert bench.counts().processing == 0


@pytest.mark.parametrize("job", TRACTABLE, ids=str)
def test_a_job_is_told_at_its_timeout_and_its_process_lives(bench: Bench, job: AnyJob) -> None:
    (id,) = bench.push(job.call(bench.path))

    tree = bench.burst()

    ended = bench.get(id)
    assert (ended.status, ended.reason, ended.failures) == (JobStatus.EXPIRED, Reason.TIMED_OUT, 1)
    assert ended.errors[0].error_type == "conveyor.signals.JobTimeout"
    assert ended.started_at is not None
    assert ended.errors[0].ended_at is not None
    assert ended.errors[0].ended_at - ended.started_at < 700_000
    assert "jobs.py" in ended.errors[0].traceback
    assert "worker/" not in ended.errors[0].traceback.partition("jobs.py")[0].replace("tests/worker/", "")
    assert "killing" not in tree.said


@pytest.mark.parametrize("threads", [1, 2])
def test_a_job_whose_time_is_up_in_the_middle_of_a_push_leaves_no_transaction_behind(
    bench: Bench, threads: int
) -> None:
    ids = bench.push(*[jobs.hang_pushing.call(bench.path)] * 8)

    tree = bench.burst(threads=threads)

    ended = bench.ended(*ids)
    assert {(job.status, job.crashes) for job in ended} == {(JobStatus.EXPIRED, 0)}, (ended, tree.said)
    assert "killing" not in tree.said, tree.said
    assert "trying again" not in tree.said, tree.said
    # A server may come to a push that was broken off only now; when it has answered this it has.
    bench.counts()
    queue = next(counts for counts in bench.app.driver.counts() if counts.queue == "unserved")
    bench.cleared = bench.app.queue("unserved").clear()
    assert sum(level.ready for level in queue.by_priority.values()) == bench.cleared


def test_a_job_may_clean_up_when_its_time_is_up(bench: Bench) -> None:
    bench.push(jobs.clean_up.call(bench.path))

    bench.burst()

    assert bench.notes == ["JobTimeout"]


def test_a_job_that_timed_out_is_retried_as_its_strategy_says(bench: Bench) -> None:
    retry = ExponentialBackoff(max_attempts=2, base=0)
    ids = bench.push(
        bench.payload(jobs.hang_in_sleep.call(bench.path), retry=retry),
        bench.payload(jobs.hang_catching_all.call(bench.path), retry=retry),
    )

    bench.burst()

    assert [(job.status, job.failures, job.attempt >= 2) for job in bench.ended(*ids)] == [
        (JobStatus.EXPIRED, 2, True)
    ] * 2
    assert bench.notes.count("begin") == 4


def test_the_timeout_of_the_push_wins_over_the_type_that_over_the_queue_and_that_over_the_worker(bench: Bench) -> None:
    ids = bench.push(
        bench.payload(jobs.hang_in_sleep.call(bench.path), timeout=0.1, queue="hurried"),
        bench.payload(jobs.hang_in_sleep.call(bench.path), queue="hurried"),
        bench.payload(jobs.wait.call(bench.path, 3600), queue="hurried"),
        jobs.wait.call(bench.path, 3600),
    )

    bench.burst(queues=(QueueShare("default"), QueueShare("hurried")), timeout=0.2)

    messages = [bench.get(id).errors[0].message for id in ids]
    assert messages == [f"ran past its timeout of {limit:g} s" for limit in (0.1, 0.4, 0.3, 0.2)]


def test_a_job_that_takes_the_alarm_for_itself_does_not_spoil_the_timeout_of_the_next(bench: Bench) -> None:
    bench.push(jobs.use_the_alarm.call())
    (id,) = bench.push(jobs.hang_in_sleep.call(bench.path))

    bench.burst()

    job = bench.get(id)
    assert (job.status, job.crashes) == (JobStatus.EXPIRED, 0)
    assert "killed" not in job.errors[0].message


def test_what_a_killed_job_had_started_is_killed_with_it(bench: Bench) -> None:
    bench.push(jobs.with_subprocess.call(bench.path))

    bench.burst()

    pids = [int(note) for note in bench.notes]
    assert pids
    wait_until(lambda: not any(_is_there(pid) for pid in pids), 5.0)


def test_a_loop_blocked_by_a_job_without_a_timeout_costs_that_job_a_crash_and_its_victim_nothing(bench: Bench) -> None:
    (blocker, victim) = bench.push(
        jobs.block_the_loop.call(bench.path), bench.payload(jobs.nap_async.call(0.1), timeout=0.5)
    )

    bench.burst()

    (blocked, napped) = bench.ended(blocker, victim)
    assert (blocked.status, blocked.reason) == (JobStatus.FAILED, Reason.CRASHED)
    assert "held up its process" in blocked.errors[0].message
    assert (napped.status, napped.failures, napped.crashes) == (JobStatus.COMPLETED, 0, 0)


def test_threads_are_told_too_and_the_process_is_killed_where_that_does_not_help(bench: Bench) -> None:
    (looping, sleeping) = bench.push(jobs.hang_in_a_loop.call(bench.path), jobs.hang_in_sleep.call(bench.path))
    (innocent,) = bench.push(jobs.note_slow.call(bench.path, "innocent", 0.9))

    tree = bench.burst(threads=3)

    assert [job.status for job in bench.ended(looping, sleeping)] == [JobStatus.EXPIRED] * 2
    assert "killed" not in bench.get(looping).errors[0].message
    assert "killed" in bench.get(sleeping).errors[0].message
    cut = bench.get(innocent)
    assert (cut.status, cut.crashes, cut.failures) == (JobStatus.COMPLETED, 0, 0)
    assert "not interrupted at its timeout" in tree.said


def _is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
