"""What workers do for a history on the side: prune it, and find what it was not told."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from conveyor.drivers.base import Driver
from conveyor.errors import StoreError
from conveyor.history import moves
from conveyor.history.records import HistoryEntry
from conveyor.records import JobId, JobStatus, StoredJob

if TYPE_CHECKING:
    from conveyor.history.recording import Recording

SOME: Final = 200
"""How many jobs one look compares."""


class Upkeep:
    """Looks after a history, a little each time. Any number of workers may do so at once.

    Stores bury by themselves what was not begun in time; a process may die before it has told all it knows; and people
    do things to a store with programs that know nothing of the history.

    Args:
        recording: which queues of which history.
        driver: the store.
    """

    def __init__(self, recording: Recording, driver: Driver) -> None:
        self._recording: Final = recording
        self._driver: Final = driver
        self._cursor: JobId | None = None
        self._doubts: Final[deque[JobId]] = deque()

    def doubt(self, id: JobId) -> None:
        """What becomes of this job is decided by a transaction that is still open. From any thread."""
        self._doubts.append(id)

    @property
    def has_doubts(self) -> bool:
        """Of some jobs the store knows by now what the history cannot know."""
        return bool(self._doubts)

    def settle_doubts(self) -> None:
        """Look what has become of them.

        Raises:
            StoreError: the history or the store is away.
        """
        ids = [self._doubts.popleft() for _ in range(min(len(self._doubts), SOME))]
        try:
            same = self._compare([*self._recording.history.entries(ids).values()])
        except StoreError:
            self._doubts.extend(ids)
            raise
        # The transaction is open, or was rolled back, of which its worker tells.
        self._doubts.extend(entry.id for entry in same if entry.status is JobStatus.PROCESSING)

    def run_once(self) -> None:
        """One look.

        Raises:
            StoreError: the history or the store is away.
        """
        history = self._recording.history
        self._compare([entry for entry in history.overdue(SOME) if self._recording.has(entry.queue)])
        page = history.open_jobs(self._recording.queues, limit=SOME, cursor=self._cursor)
        self._cursor = page[-1].id if len(page) == SOME else None
        self._compare(page)
        history.prune_some()

    def _compare(self, entries: Sequence[HistoryEntry]) -> list[HistoryEntry]:
        """Tell the history what the store knows of these; answer those of which it knows nothing new."""
        if not entries:
            return []
        now = self._recording.history.clock()
        told: list[moves.Move] = []
        same: list[HistoryEntry] = []
        for entry, job in zip(entries, self._driver.get([entry.id for entry in entries]), strict=True):
            move = None if job is None else caught_up(entry, job, now)
            if move is not None:
                told.append(move)
            elif job is not None:
                same.append(entry)
        self._recording.history.recorder.add(told)
        return same


def caught_up(entry: HistoryEntry, job: StoredJob, now: int) -> moves.Move | None:
    """What the store knows of a job and the history does not; `None` when that is nothing."""
    if job.status is entry.status and job.attempt == entry.attempt:
        return None
    move = moves.seen(job, moves.rank_of(job, entry.status), now)
    return move if move.version > entry.version else None
