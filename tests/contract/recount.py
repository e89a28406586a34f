"""The counters, counted again from the jobs themselves."""

from __future__ import annotations

from collections import Counter

from conveyor.drivers.base import STEP, Driver
from conveyor.records import Counts, JobStatus, StoredJob
from tests.contract.stores import every


def check_counters(driver: Driver) -> None:
    """Assert that what `counts` says there is now is what `find` and `peek` find."""
    found = Counter((job.queue, job.priority, _kind(job)) for job in every(driver))
    told: Counter[tuple[str, int, str]] = Counter()
    waiting: Counter[str] = Counter()
    ready: Counter[tuple[str, int]] = Counter()
    for counters in driver.counts():
        for priority, counts in counters.by_priority.items():
            told.update({(counters.queue, priority, kind): number for kind, number in _kinds(counts).items()})
            waiting[counters.queue] += counts.ready + counts.delayed
            ready[counters.queue, priority] += counts.ready

    assert +told == +Counter({key: number for key, number in found.items() if key[2] != "ended"})
    # Which of the waiting jobs have been promoted, only `peek` can tell, and of no more than a step of them.
    for queue, number in waiting.items():
        if number <= STEP:
            shown = Counter((queue, job.priority) for job in driver.peek(queue, STEP))
            assert +shown == +Counter({key: number for key, number in ready.items() if key[0] == queue})


def _kind(job: StoredJob) -> str:
    if job.status is JobStatus.PROCESSING:
        return "processing"
    if job.status.is_failure:
        return "dead"
    if job.held:
        return "held"
    return "waiting" if job.status.is_active else "ended"


def _kinds(counts: Counts) -> dict[str, int]:
    return {
        "processing": counts.processing,
        "dead": counts.dead,
        "held": counts.held,
        "waiting": counts.ready + counts.delayed,
    }
