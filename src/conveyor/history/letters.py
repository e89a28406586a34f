"""Dead letters that a store has lost, buried in it again."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from conveyor.drivers.base import MAX_ERRORS, Driver
from conveyor.history import moves
from conveyor.history.records import HistoryEntry
from conveyor.history.tables import STEP
from conveyor.records import Failure, JobId, StoredJob
from conveyor.retention import Retention
from conveyor.selection import DEAD

if TYPE_CHECKING:
    from conveyor.history.history import History

PATIENCE: Final = 1.0
"""Seconds in which other processes write what they know of jobs that look lost."""


def rebury(history: History, driver: Driver, queues: Sequence[str] | None, retention: Retention) -> int:
    """Bury the dead letters of these queues, or of all, that the store has lost; answer how many.

    Those that the store would prune at once stay away: it has not lost them.
    """
    room = None
    if retention.dead_count is not None:
        there = sum(counts.dead for queue in driver.counts() for counts in queue.by_priority.values())
        room = max(0, retention.dead_count - there)
    lost = dict(islice(_lost(history, driver, queues, retention.dead_age), room))
    if not lost:
        return 0
    # One may just have been brought back or forgotten, and that not be written yet.
    time.sleep(PATIENCE)
    done = 0
    oldest_first = list(reversed(lost))
    for start in range(0, len(oldest_first), STEP):
        some = oldest_first[start : start + STEP]
        found = history.entries(some)
        entries = [found[id] for id in some if id in found and found[id].version == lost[id]]
        failures: defaultdict[JobId, list[Failure]] = defaultdict(list)
        for id, failure in history.failures([entry.id for entry in entries]):
            failures[id].append(failure)
        done += sum(driver.bury([_letter(entry, failures[entry.id]) for entry in entries]))
    return done


def _lost(
    history: History, driver: Driver, queues: Sequence[str] | None, age: float | None
) -> Iterator[tuple[JobId, int]]:
    """Those that the store does not have, newest first, with their versions."""
    cursor: HistoryEntry | None = None
    while page := history.find(queue=queues or (), status=DEAD, since=age, limit=STEP, after=cursor):
        cursor = page[-1]
        dead = [entry for entry in page if not moves.is_forgotten(entry)]
        for entry, job in zip(dead, driver.get([entry.id for entry in dead]), strict=True):
            if job is None:
                yield entry.id, entry.version


def _letter(entry: HistoryEntry, failures: Sequence[Failure]) -> StoredJob:
    """The dead letter as it was, as far as is known."""
    return StoredJob(
        id=entry.id,
        queue=entry.queue,
        type=entry.type,
        status=entry.status,
        priority=entry.priority,
        payload=entry.payload,
        options=entry.options,
        attempt=entry.attempt,
        failures=entry.failures,
        crashes=entry.crashes,
        max_crashes=entry.max_crashes,
        pushed_at=entry.pushed_at,
        due_at=entry.due_at,
        expires_at=entry.expires_at,
        unique=entry.unique,
        worker=entry.worker,
        started_at=failures[-1].started_at if failures else None,
        finished_at=entry.changed_at,
        reason=entry.reason,
        note=entry.note,
        errors=tuple(failures if len(failures) <= MAX_ERRORS else [failures[0], *failures[1 - MAX_ERRORS :]]),
    )
