from __future__ import annotations

import os
import signal

from conveyor import JobStatus, Reason
from tests.worker import jobs
from tests.worker.tree import Bench, Tree, wait_until


def freeze(tree: Tree) -> None:
    """Stop every process of the worker, as a laptop's lid does; the supervisor first, so that it sees nothing."""
    for pid in (tree.process.pid, *tree.children):
        os.kill(pid, signal.SIGSTOP)


def thaw(tree: Tree) -> None:
    for pid in (tree.process.pid, *tree.children):
        os.kill(pid, signal.SIGCONT)


def test_the_late_result_of_a_worker_frozen_past_its_lease_is_refused(bench: Bench) -> None:
    (id,) = bench.push(jobs.race.call(bench.path))
    frozen = bench.worker(lease=1.0, name="frozen")
    wait_until(lambda: bench.notes == ["frozen begins"])

    freeze(frozen)
    other = bench.worker(lease=1.0, name="other")
    (job,) = bench.ended(id)
    thaw(frozen)

    assert (job.result, job.crashes) == ('"other"', 1)
    assert job.errors[0].reason is Reason.CRASHED
    assert "lapsed" in job.errors[0].message
    wait_until(lambda: "frozen ends" in bench.notes)
    wait_until(lambda: "no longer ours" in frozen.said)
    assert bench.get(id) == job
    assert (frozen.stop(), other.stop()) == (0, 0)
    assert bench.counts().completed == 1


def test_what_waited_in_a_frozen_worker_is_not_run_by_it_once_its_lease_is_over(bench: Bench) -> None:
    """The frozen worker holds jobs behind the one that runs; when it wakes it asks before it runs them."""
    teach = bench.push(*(jobs.note_job.call(bench.path, "lesson") for _ in range(200)))
    tree = bench.worker(lease=1.5, name="frozen")
    bench.ended(*teach)
    (slow, *quick) = bench.push(
        jobs.stop_all.call(bench.path), *(jobs.note_job.call(bench.path, f"quick {number}") for number in range(30))
    )
    wait_until(lambda: "frozen" in bench.notes)
    assert bench.counts().processing > 1

    other = bench.worker(lease=1.5, name="other")
    ended = bench.ended(*quick)
    thaw(tree)

    (stopped,) = bench.ended(slow)
    assert {job.status for job in (stopped, *ended)} == {JobStatus.COMPLETED}
    # It asks before it runs them, or it asks to hand them back: whichever of its threads wakes first.
    wait_until(
        lambda: "was not run: its lease lapsed" in tree.said or "no longer ours when it ended as pending" in tree.said
    )
    assert (tree.stop(), other.stop()) == (0, 0)
    assert sorted(note for note in bench.notes if note.startswith("quick")) == sorted(f"quick {n}" for n in range(30))
    assert bench.counts().processing == 0


def test_work_that_must_not_repeat_is_not_begun_again_by_others_when_its_worker_is_frozen(bench: Bench) -> None:
    (id,) = bench.push(jobs.note_once.call(bench.path, "once", 0.5))
    frozen = bench.worker(lease=1.0)
    wait_until(lambda: bench.notes)

    freeze(frozen)
    other = bench.worker(lease=1.0)
    (buried,) = bench.ended(id)
    thaw(frozen)

    assert (buried.status, buried.reason, buried.crashes) == (JobStatus.FAILED, Reason.CRASHED, 1)
    wait_until(lambda: "no longer ours" in frozen.said)
    assert bench.get(id) == buried
    assert (frozen.stop(), other.stop()) == (0, 0)
    assert bench.notes == ["begin once", "end once"]


def test_a_healthy_job_longer_than_the_lease_runs_once_even_while_it_holds_the_lock_or_the_loop(bench: Bench) -> None:
    ids = bench.push(
        jobs.note_slow.call(bench.path, "sleeping", 3.0),
        jobs.hold_the_lock.call(bench.path, 3.0),
        jobs.saturate_the_loop.call(bench.path, 3.0),
    )
    trees = [bench.worker(lease=1.0), bench.worker(lease=1.0)]

    ended = bench.ended(*ids)

    assert [(job.status, job.crashes) for job in ended] == [(JobStatus.COMPLETED, 0)] * 3
    assert sorted(bench.notes) == ["begin", "begin locked", "begin sleeping", "end", "end locked", "end sleeping"]
    assert [tree.stop() for tree in trees] == [0, 0]
