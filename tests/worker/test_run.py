from __future__ import annotations

from typing import Any

import pytest

from conveyor import JobStatus, NoRetry, Reason
from conveyor.ids import new_id
from conveyor.records import NewJob
from tests.worker import jobs
from tests.worker.tree import Bench


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("return", {"status": JobStatus.COMPLETED, "result": '"attempt 1"', "failures": 0}),
        ("cancel", {"status": JobStatus.CANCELLED, "note": "not wanted", "failures": 0}),
        ("give up", {"status": JobStatus.FAILED, "reason": Reason.GIVEN_UP, "failures": 1}),
        ("exit", {"status": JobStatus.FAILED, "reason": Reason.FAILED, "failures": 1, "crashes": 0}),
        ("interrupt", {"status": JobStatus.FAILED, "reason": Reason.FAILED, "failures": 1, "crashes": 0}),
        ("retry", {"status": JobStatus.FAILED, "reason": Reason.FAILED, "failures": 1}),
    ],
)
def test_a_job_ends_as_it_says(bench: Bench, how: str, expected: dict[str, Any]) -> None:
    (id,) = bench.push(jobs.steer.call(how))

    bench.burst()

    job = bench.get(id)
    assert {field: getattr(job, field) for field in expected} == expected


def test_a_snoozed_job_runs_again_and_has_lost_nothing(bench: Bench) -> None:
    (id,) = bench.push(jobs.steer.call("snooze"))
    tree = bench.worker()

    (job,) = bench.ended(id)

    assert (job.status, job.result, job.failures) == (JobStatus.COMPLETED, '"attempt 2"', 0)
    assert tree.stop() == 0


def test_a_failed_job_is_retried_and_keeps_its_error(bench: Bench) -> None:
    (id,) = bench.push(jobs.fail_once.call(bench.path))

    tree = bench.burst()

    job = bench.get(id)
    assert (job.status, job.result, job.failures) == (JobStatus.COMPLETED, "2", 1)
    (error,) = job.errors
    assert (error.error_type, error.message) == ("builtins.ConnectionError", "the first time")
    assert error.worker.endswith(".1")
    assert "fail.once" in tree.said
    assert "runs again in 0.0 s" in tree.said


def test_a_failure_shows_where_the_job_failed_and_none_of_the_worker(bench: Bench) -> None:
    (id,) = bench.push(jobs.fail_oddly.call())

    tree = bench.burst()

    job = bench.get(id)
    assert job.status is JobStatus.FAILED
    (error,) = job.errors
    assert error.message == "broken \\ud800"
    assert error.traceback.startswith("Traceback (most recent call last):")
    assert "in fail" in error.traceback
    assert "runner.py" not in error.traceback
    assert error.started_at is not None
    assert "went to the dead letters (failed)" in tree.said
    assert "ValueError: broken" in tree.said


def test_a_result_that_cannot_be_kept_completes_the_job_with_a_note_and_a_warning(bench: Bench) -> None:
    (id,) = bench.push(jobs.unstorable.call())

    tree = bench.burst()

    job = bench.get(id)
    assert (job.status, job.result, job.attempt) == (JobStatus.COMPLETED, None, 1)
    assert job.note
    assert "WARNING conveyor.job: unstorable" in tree.said


def test_a_job_of_an_unknown_type_is_held_until_a_worker_knows_it(bench: Bench) -> None:
    unknown = NewJob(id=new_id(), queue="default", type="nobody.knows", payload="{}")
    bench.app.driver.push([unknown])

    tree = bench.burst()

    job = bench.get(unknown.id)
    assert (job.status, job.held, job.failures, job.crashes) == (JobStatus.PENDING, True, 0, 0)
    assert "nobody.knows" in (job.note or "")
    assert "is held" in tree.said
    assert bench.app.driver.tend(["nobody.knows"]).unheld == 1


@pytest.mark.parametrize("payload", ["not json", '{"a": "x", "b": 1}', "{}"])
def test_a_payload_that_does_not_fit_its_job_goes_to_the_dead_letters_as_it_is(bench: Bench, payload: str) -> None:
    unreadable = NewJob(id=new_id(), queue="default", type="add", payload=payload)
    bench.app.driver.push([unreadable])

    bench.burst()

    job = bench.get(unreadable.id)
    assert (job.status, job.reason, job.payload, job.failures) == (JobStatus.FAILED, Reason.UNREADABLE, payload, 0)
    assert job.errors[0].reason is Reason.UNREADABLE


@pytest.mark.parametrize("type", ["add", "nap.async"])
def test_options_that_cannot_be_read_send_a_job_to_the_dead_letters(bench: Bench, type: str) -> None:
    unreadable = NewJob(id=new_id(), queue="default", type=type, payload="{}", options="{")
    bench.app.driver.push([unreadable])

    bench.burst()

    assert bench.get(unreadable.id).reason is Reason.UNREADABLE


def test_jobs_pushed_inside_a_job_that_fails_never_exist(bench: Bench) -> None:
    (id,) = bench.push(jobs.parent_failing.call(bench.path))

    bench.burst()

    assert bench.get(id).status is JobStatus.FAILED
    assert bench.notes == []
    assert bench.counts().pushed == 1


def test_async_jobs_end_in_the_same_ways(bench: Bench) -> None:
    good, bad, given_up, cancelled, odd, parent = bench.push(
        *(jobs.steer_async.call(how) for how in ("return", "fail", "give up", "cancel", "cancelled error")),
        jobs.parent_async.call(bench.path),
    )

    bench.burst()

    assert bench.get(good).result == '"return"'
    assert (bench.get(bad).reason, bench.get(bad).errors[0].error_type) == (Reason.FAILED, "builtins.ValueError")
    assert "steer_async" in bench.get(bad).errors[0].traceback
    assert bench.get(given_up).reason is Reason.GIVEN_UP
    assert bench.get(cancelled).status is JobStatus.CANCELLED
    assert bench.get(odd).reason is Reason.FAILED
    assert bench.get(parent).status is JobStatus.COMPLETED
    assert bench.notes == ["from an async job"]


def test_the_retry_strategy_of_the_push_wins_over_that_of_the_type(bench: Bench) -> None:
    (id,) = bench.push(bench.payload(jobs.fail_once.call(bench.path), retry=NoRetry()))

    bench.burst()

    assert (bench.get(id).status, bench.get(id).failures) == (JobStatus.FAILED, 1)


def test_async_jobs_that_run_at_most_once_complete_like_any_other(bench: Bench) -> None:
    ids = bench.push(*(jobs.once_async.call(bench.path) for _ in range(20)))

    bench.burst()

    assert {(job.status, job.result, job.attempt) for job in bench.ended(*ids)} == {(JobStatus.COMPLETED, '"done"', 1)}
    assert bench.notes == ["once"] * 20


def test_what_the_worker_ran_is_in_the_metrics(bench: Bench) -> None:
    bench.push(*(jobs.add.call(number, 1) for number in range(20)), jobs.fail.call("broken"))

    bench.burst()

    metrics = bench.app.driver.read_metrics(since=0, until=2**40)
    runs = {one.type: 0 for one in metrics}
    for one in metrics:
        runs[one.type] += one.completed + one.failed
        assert sum(one.buckets.values()) == one.completed + one.failed
        assert one.queue == "default"
    assert runs == {"add": 20, "fail": 1}


def test_the_current_job_is_right_on_threads_and_on_the_loop(bench: Bench) -> None:
    sync = bench.push(*(jobs.who_am_i.call() for _ in range(20)))
    asynchronous = bench.push(*(jobs.who_am_i_async.call() for _ in range(20)))

    bench.burst(threads=3)

    assert [job.result for job in bench.ended(*sync, *asynchronous)] == [f'"{id}"' for id in (*sync, *asynchronous)]
