from __future__ import annotations

import os
import signal
import time
from functools import partial

import pytest

from conveyor import JobStatus
from tests.worker import jobs
from tests.worker.tree import Bench, wait_until

CHILDREN = 5
PARENTS = 30


def test_follow_ups_exist_exactly_once_with_their_parents_completion_wherever_the_worker_is_killed(
    bench: Bench,
) -> None:
    """Kills at many instants: a new one each round, while parents are being settled."""
    ids = bench.push(*(jobs.parent_of_marked.call(number, CHILDREN) for number in range(PARENTS)))
    tree = bench.worker(lease=1.0)
    for round_number in range(8):
        wait_until(lambda: tree.children)
        wait_until(partial(_has_popped, bench, bench.counts().popped))
        # Anywhere in the first hundredths of a second of work, a little later each time.
        time.sleep(0.002 * round_number)
        for pid in tree.children:
            os.kill(pid, signal.SIGKILL)

    def is_done() -> bool:
        counts = bench.counts()
        return not (counts.ready or counts.processing or counts.delayed)

    wait_until(is_done, 40.0)

    assert tree.stop() == 0
    ended = bench.ended(*ids)
    completed = [job for job in ended if job.status is JobStatus.COMPLETED]
    # A parent that is killed three times is buried, and has no children.
    assert len(completed) + sum(job.status is JobStatus.FAILED for job in ended) == PARENTS
    assert bench.counts().pushed == PARENTS + CHILDREN * len(completed)


@pytest.mark.parametrize("processes", [1, 2])
def test_work_that_must_not_repeat_is_begun_at_most_once_whatever_is_killed(bench: Bench, processes: int) -> None:
    ids = bench.push(*(jobs.note_once.call(bench.path, str(number), 0.01) for number in range(60)))
    trees = [bench.worker(processes=processes, lease=1.0)]
    for round_number in range(4):
        wait_until(lambda: trees[-1].children)
        wait_until(partial(_has_noted, bench, len(bench.notes) + 4))
        if round_number % 2:
            trees[-1].kill_all()
            trees.append(bench.worker(processes=processes, lease=1.0))
        else:
            for pid in trees[-1].children:
                os.kill(pid, signal.SIGKILL)

    ended = bench.ended(*ids, seconds=40.0)

    assert trees[-1].stop() == 0
    begun = [note for note in bench.notes if note.startswith("begin")]
    assert len(begun) == len(set(begun))
    # What was begun and cut off is in the dead letters; all else has been done.
    done = {note for note in bench.notes if note.startswith("end")}
    assert sum(job.status is JobStatus.COMPLETED for job in ended) <= len(done)
    assert {job.status for job in ended} <= {JobStatus.COMPLETED, JobStatus.FAILED}
    assert sum(job.status is JobStatus.COMPLETED for job in ended) >= 30


def _has_popped(bench: Bench, seen: int) -> bool:
    counts = bench.counts()
    return counts.popped > seen or not counts.ready


def _has_noted(bench: Bench, seen: int) -> bool:
    return len(bench.notes) > seen or not bench.counts().ready
