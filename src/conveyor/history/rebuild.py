"""Putting back what a store has lost."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from conveyor.app import Conveyor
from conveyor.drivers.base import Driver
from conveyor.history import moves
from conveyor.history.letters import PATIENCE, rebury
from conveyor.history.recording import RecordingDriver
from conveyor.history.records import HistoryEntry, Rebuilt
from conveyor.history.tables import STEP
from conveyor.history.upkeep import caught_up
from conveyor.queue import Queue
from conveyor.records import JobId, JobStatus, NewJob, Slot

if TYPE_CHECKING:
    from conveyor.history.history import History

SOME: Final = 10_000
"""How many lost jobs are put back together."""


def rebuild(history: History, queue: Queue | Conveyor) -> Rebuilt:
    """See `History.rebuild`."""
    app, queues = (queue, None) if isinstance(queue, Conveyor) else (queue.app, [queue.name])
    driver = bare(app.driver)
    rebuilt = _Rebuild(history, driver, queues).run()
    return replace(rebuilt, dead_letters=rebury(history, driver, queues, app.retention))


def bare(driver: Driver) -> Driver:
    """The store itself, without those who write down what it does."""
    while isinstance(driver, RecordingDriver):
        driver = driver.inner
    return driver


class _Rebuild:
    def __init__(self, history: History, driver: Driver, queues: Sequence[str] | None) -> None:
        self._history: Final = history
        self._driver: Final = driver
        self._queues: Final = queues
        self._put_back = self._running = self._kept = self._caught_up = self._replaced = 0

    def run(self) -> Rebuilt:
        history = self._history
        history.flush()
        # What is pushed from here on is not lost.
        last = history.last_open()
        cursor: JobId | None = None
        lost: list[tuple[JobId, int]] = []
        while last is not None:
            page = history.open_jobs(self._queues, limit=STEP, cursor=cursor, last=last)
            if page:
                cursor = page[-1].id
                lost += self._missing(page)
            if lost and (not page or len(lost) >= SOME):
                self._restore(lost)
                lost = []
            if not page:
                break
        history.flush()
        return Rebuilt(
            put_back=self._put_back,
            running=self._running,
            kept=self._kept,
            caught_up=self._caught_up,
            replaced=self._replaced,
            dead_letters=0,
        )

    def _missing(self, page: Sequence[HistoryEntry]) -> list[tuple[JobId, int]]:
        """Those that the store does not have, with their versions."""
        lost: list[tuple[JobId, int]] = []
        now = self._history.clock()
        for entry, job in zip(page, self._driver.get([entry.id for entry in page]), strict=True):
            if job is None:
                lost.append((entry.id, entry.version))
            elif (move := caught_up(entry, job, now)) is not None:
                self._caught_up += 1
                self._history.recorder.add([move])
            else:
                self._kept += 1
        return lost

    def _restore(self, lost: Sequence[tuple[JobId, int]]) -> None:
        while lost:
            # A job that has just ended may be gone from the store, and its end not be written yet.
            time.sleep(PATIENCE)
            moved: list[tuple[JobId, int]] = []
            for start in range(0, len(lost), STEP):
                versions = dict(lost[start : start + STEP])
                entries = [entry for entry in self._history.entries(list(versions)).values() if entry.status.is_active]
                self._push([entry for entry in entries if entry.version == versions[entry.id]])
                # Of these somebody has told meanwhile, and may have more to tell.
                moved += self._missing([entry for entry in entries if entry.version != versions[entry.id]])
            lost = moved

    def _push(self, entries: Sequence[HistoryEntry]) -> None:
        if not entries:
            return
        now = self._history.clock()
        keyless: list[HistoryEntry] = []
        told: list[moves.Move] = []
        for entry, id in zip(entries, self._driver.push([_new(entry) for entry in entries]), strict=True):
            if id == entry.id:
                told.append(self._back(entry, now))
            elif entry.is_alone or entry.unique is None:
                self._replaced += 1
                told.append(moves.ended(entry, now, moves.REPLACED))
            else:
                keyless.append(entry)
        # Their rules let them be beside others with their key; what that key was to keep out is past.
        for entry, id in zip(keyless, self._driver.push([_new(entry, keyed=False) for entry in keyless]), strict=True):
            if id == entry.id:
                told.append(self._back(entry, now))
            else:
                self._replaced += 1
                told.append(moves.ended(entry, now, moves.REPLACED))
        self._history.recorder.add(told)

    def _back(self, entry: HistoryEntry, now: int) -> moves.Move:
        self._put_back += 1
        self._running += entry.status is JobStatus.PROCESSING
        return moves.put_back(entry, now)


def _new(entry: HistoryEntry, *, keyed: bool = True) -> NewJob:
    """The job as it is pushed again."""
    return NewJob(
        id=entry.id,
        queue=entry.queue,
        type=entry.type,
        payload=entry.payload,
        options=entry.options,
        priority=entry.priority,
        run_at=entry.due_at,
        # One that has begun cannot expire.
        expires_at=entry.expires_at if entry.status is JobStatus.PENDING else None,
        max_crashes=entry.max_crashes,
        unique=entry.unique if keyed else None,
        slot=None if entry.slot is None or entry.slot_at is None else Slot(entry.slot, entry.slot_at),
        attempt=entry.attempt,
        failures=entry.failures,
        crashes=entry.crashes,
    )
