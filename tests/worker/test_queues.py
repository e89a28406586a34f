"""Which queues a worker serves: those named, all, all but some, and those that come while it works."""

from __future__ import annotations

import time

import pytest

from conveyor import JobStatus
from conveyor.errors import ConfigError
from conveyor.records import JobId
from conveyor.worker.settings import QueueShare, WorkerSettings
from conveyor.worker.supervisor import run_worker
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until

ALL = QueueShare("*")


def push(bench: Bench, queue: str, count: int = 1) -> list[JobId]:
    """Push jobs that note the name of their queue."""
    return bench.push(*(bench.payload(jobs.note_job.call(bench.path, queue), queue=queue) for _ in range(count)))


def served(bench: Bench) -> set[str]:
    """What workers say that they serve."""
    return {queue for worker in bench.app.driver.workers() for queue in worker.queues}


def test_a_star_serves_all_queues_and_new_ones_without_a_restart(bench: Bench) -> None:
    before = push(bench, "before")
    tree = bench.worker(queues=(ALL,))
    bench.ended(*before)
    (child,) = tree.children

    begun = time.monotonic()
    new = push(bench, "new")
    bench.ended(*new)

    assert time.monotonic() - begun < 4
    wait_until(lambda: {"before", "new", "default", "slow"} <= served(bench))
    assert "*" not in served(bench)
    # From now on it is as quick as any other queue.
    begun = time.monotonic()
    bench.ended(*push(bench, "new"))
    assert time.monotonic() - begun < 0.9
    assert tree.children == [child]
    assert tree.stop() == 0


def test_excluded_queues_are_left_alone_even_when_they_come_later(bench: Bench) -> None:
    early = push(bench, "reports")
    tree = bench.worker(queues=(ALL,), exclude=("reports", "later", "slow"))
    late = push(bench, "later")
    slow = push(bench, "slow")

    # Served, and after the others came: a look at all queues has left those out.
    bench.ended(*push(bench, "served"))

    assert [bench.get(id).attempt for id in early + late + slow] == [0, 0, 0]
    wait_until(lambda: "served" in served(bench))
    assert not served(bench) & {"reports", "later", "slow"}
    assert tree.stop() == 0


def test_exclude_takes_away_from_the_queues_of_the_app_and_from_those_named(bench: Bench) -> None:
    default, slow = push(bench, "default"), push(bench, "slow")

    bench.burst(queues=(), exclude=("slow",))
    assert [bench.get(id).status for id in default + slow] == [JobStatus.COMPLETED, JobStatus.PENDING]

    bench.burst(queues=(QueueShare("slow"), QueueShare("default")), exclude=("default",))
    assert bench.get(slow[0]).status is JobStatus.COMPLETED


def test_queues_that_nobody_named_take_turns(bench: Bench) -> None:
    for queue in ("default", "slow"):
        push(bench, queue, 30)

    bench.burst(queues=())

    # In order, the first would have to be empty before the second is served.
    assert "slow" in bench.notes[:30]
    assert len(bench.notes) == 60


def test_a_worker_without_any_queue_left_says_so(bench: Bench) -> None:
    settings = WorkerSettings(
        app="tests.worker.jobs:app", url=bench.url, queues=(QueueShare("default"),), exclude=("default",)
    )

    with pytest.raises(ConfigError, match="no queue is left to serve: default"):
        run_worker(settings)


def test_a_burst_over_all_queues_runs_what_its_jobs_push_to_new_ones(bench: Bench) -> None:
    bench.push(jobs.parent_elsewhere.call(bench.path, "born.in.the.burst"))

    bench.burst(queues=(ALL,), processes=2)

    assert bench.notes == ["born.in.the.burst"]
    assert bench.counts().ready == 0


def test_a_burst_with_every_known_queue_excluded_ends(bench: Bench) -> None:
    (id,) = push(bench, "default")

    bench.burst(queues=(ALL,), exclude=("default", "slow"))

    assert bench.get(id).attempt == 0


def test_a_named_queue_keeps_its_place_or_weight_beside_a_star(bench: Bench) -> None:
    for queue in ("a", "b", "high"):
        push(bench, queue, 30)

    bench.burst(queues=(QueueShare("high"), ALL))

    assert bench.notes[:30] == ["high"] * 30
    # The others take turns: neither waits until the other is empty.
    assert set(bench.notes[30:70]) == {"a", "b"}
    assert len(bench.notes) == 90
