"""What middleware sees of the runs of a worker."""

from __future__ import annotations

import re
from typing import Any

import pytest

from conveyor import JobCall, JobMetadata, JobPayload, JobStatus, Reason
from conveyor.records import JobId
from tests.worker import hooked
from tests.worker.tree import Bench, Tree, wait_until


def push(bench: Bench, call: JobCall[Any], **fields: str) -> JobId:
    metadata = JobMetadata(fields={"path": bench.path, **fields})
    (id,) = bench.app.driver.push([hooked.app.prepare(JobPayload(call, metadata=metadata))])
    return id


def burst(bench: Bench, **settings: Any) -> Tree:
    return bench.burst(app="tests.worker.hooked:app", **settings)


def around(type: str, how: str) -> list[str]:
    return [
        f"first before_run {type} sees none",
        f"second before_run {type} sees first",
        f"second after_run {type} {how} sees True",
        f"first after_run {type} {how} sees True",
    ]


def notes(bench: Bench) -> list[str]:
    """The lines, without the ids that context variables held."""
    return [re.sub(r" [0-9a-f-]{36}", "", note) for note in bench.notes]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    ("call", "type"), [(hooked.hooked.call(), "hooked"), (hooked.hooked_async.call(), "hooked.async")], ids=str
)
def test_hooks_surround_a_run_in_its_own_context(bench: Bench, call: JobCall[Any], type: str, threads: int) -> None:
    for _ in range(3):
        push(bench, call)
        burst(bench, threads=threads)

    # Nothing of the context of one run is seen by the next.
    assert notes(bench) == around(type, "returned second") * 3


def test_what_a_run_sets_as_context_variables_is_gone_with_it(bench: Bench) -> None:
    """In one process, one after another: sync jobs on its threads, and async jobs that begin as another one ends."""
    ids = [push(bench, call.call()) for _ in range(20) for call in (hooked.hooked, hooked.hooked_async)]

    burst(bench, async_limit=2)

    assert {job.result for job in bench.ended(*ids)} == {'"second"'}
    assert {note for note in notes(bench) if note.startswith("first before_run")} == {
        "first before_run hooked sees none",
        "first before_run hooked.async sees none",
    }


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (hooked.hooked.call(), ["before_run on MainThread", "after_run on MainThread"]),
        (hooked.hooked_async.call(), ["abefore_run on conveyor-loop", "aafter_run on conveyor-loop"]),
    ],
    ids=str,
)
def test_hooks_run_in_the_thread_of_the_job(bench: Bench, call: JobCall[Any], said: list[str]) -> None:
    push(bench, call)

    tree = burst(bench)

    assert re.findall(r"\w+_run on [\w-]+", tree.said) == said


@pytest.mark.parametrize("call", [hooked.hooked.call("raise"), hooked.hooked_async.call("raise")], ids=str)
def test_hooks_are_told_what_a_job_raised_and_once_the_store_knows_that_it_is_dead(
    bench: Bench, call: JobCall[Any]
) -> None:
    id = push(bench, call)

    burst(bench)

    assert notes(bench) == [
        *around(call.type, "raised ValueError"),
        "first on_dead failed after 0 + 0",
        "second on_dead failed after 0 + 0",
    ]
    (error,) = bench.get(id).errors
    assert "hooked.py" in error.traceback
    assert "hooks.py" not in error.traceback


def test_hooks_are_told_of_retries_too(bench: Bench) -> None:
    push(bench, hooked.twice.call("raise"))

    burst(bench)

    told = [note for note in notes(bench) if " on_" in note and note.startswith("first")]
    assert told == ["first on_retry failed after 0 + 0 in 0", "first on_dead failed after 1 + 0"]


@pytest.mark.parametrize(
    ("how", "reason", "counted"), [("kill", Reason.CRASHED, "0 + 1"), ("hang", Reason.TIMED_OUT, "1 + 0")]
)
def test_the_supervisor_tells_hooks_of_jobs_whose_process_died(
    bench: Bench, how: str, reason: Reason, counted: str
) -> None:
    id = push(bench, hooked.twice.call(how))

    burst(bench)

    assert bench.get(id).status.is_failure
    told = [note for note in notes(bench) if " on_" in note and note.startswith("second")]
    assert told == [f"second on_retry {reason} after 0 + 0 in 0", f"second on_dead {reason} after {counted}"]


def test_the_supervisor_tells_hooks_of_jobs_that_it_rescues(bench: Bench) -> None:
    id = push(bench, hooked.hooked.call())
    bench.app.driver.claim(["default"], limit=1, lease=0.01, worker="dead and gone")
    tree = bench.worker(app="tests.worker.hooked:app")

    assert bench.ended(id)[0].crashes == 1
    assert "first on_retry crashed after 0 + 0 in 0" in wait_until(lambda: bench.notes)
    assert tree.stop() == 0


def test_what_before_run_raises_is_the_failure_of_the_job(bench: Bench) -> None:
    id = push(bench, hooked.hooked.call(), before="raise")

    burst(bench)

    job = bench.get(id)
    assert (job.status, job.reason, job.failures) == (JobStatus.FAILED, Reason.FAILED, 1)
    assert job.errors[0].message == "no session to be had"
    # Whoever has begun is told of the end.
    assert notes(bench)[:2] == [
        "first before_run hooked sees none",
        "first after_run hooked raised LookupError sees False",
    ]
    assert not any("second after_run" in note for note in bench.notes)


def test_before_run_may_steer_as_a_job_may(bench: Bench) -> None:
    id = push(bench, hooked.hooked.call(), before="snooze")

    burst(bench)

    job = bench.get(id)
    assert (job.status, job.attempt >= 2, job.failures) == (JobStatus.COMPLETED, True, 0)


def test_before_run_is_part_of_the_time_of_the_job(bench: Bench) -> None:
    id = push(bench, hooked.twice.call(""), before="hang")

    tree = burst(bench)

    assert (bench.get(id).status, bench.get(id).reason) == (JobStatus.EXPIRED, Reason.TIMED_OUT)
    assert "killing" not in tree.said


@pytest.mark.parametrize("after", ["raise", "exit"])
@pytest.mark.parametrize("call", [hooked.hooked.call(), hooked.hooked_async.call()], ids=str)
def test_what_after_run_raises_is_logged_and_changes_nothing(bench: Bench, call: JobCall[Any], after: str) -> None:
    id = push(bench, call, after=after)

    tree = burst(bench)

    assert bench.get(id).status is JobStatus.COMPLETED
    assert notes(bench) == around(call.type, "returned second")
    assert "raised; it changes nothing" in tree.said


def test_an_after_run_that_does_not_end_is_interrupted_with_its_jobs_time_and_the_job_is_complete(
    bench: Bench,
) -> None:
    (hung, late) = (push(bench, hooked.briefly.call(), after="hang"), push(bench, hooked.briefly.call("3600")))

    tree = burst(bench)

    assert bench.get(hung).status is JobStatus.COMPLETED
    assert bench.get(late).status is JobStatus.EXPIRED
    assert "first after_run hooked.briefly raised JobTimeout sees True" in notes(bench)
    assert "killing" not in tree.said


def test_what_after_run_pushes_comes_with_the_completion(bench: Bench) -> None:
    push(bench, hooked.hooked.call(), after="push")

    burst(bench)

    assert bench.counts().completed == 2


@pytest.mark.parametrize("on", ["raise", "hang"])
def test_a_hook_that_raises_or_hangs_where_retries_are_told_of_holds_nothing_up(bench: Bench, on: str) -> None:
    id = push(bench, hooked.twice.call("raise"), on=on)
    others = [push(bench, hooked.hooked.call()) for _ in range(10)]
    tree = bench.worker(app="tests.worker.hooked:app")

    ended = bench.ended(id, *others)

    assert ended[0].failures == 2
    assert {job.status for job in ended[1:]} == {JobStatus.COMPLETED}
    assert tree.stop() == 0
    assert ("a hook does not end" in tree.said) == (on == "hang")


def test_hooks_are_told_of_follow_ups_when_these_exist(bench: Bench) -> None:
    push(bench, hooked.hooked.call("push"))

    burst(bench)

    assert bench.counts().completed == 3
    told = [note for note in notes(bench) if "after_push" in note]
    assert told == ["second after_push 2 True", "first after_push 2 True"]
