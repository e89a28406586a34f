"""The thread that writes down what becomes of jobs: in batches, a little later, and again when the database is back."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from conveyor.errors import StoreError
from conveyor.history.moves import Move
from conveyor.history.tables import STEP
from conveyor.records import JobId

if TYPE_CHECKING:
    from logging import Logger

    from conveyor.history.tables import Step, Tables

LATEST: Final = 0.020
"""Seconds a move waits for company, at most."""

MOST: Final = 100_000
"""How many moves are kept while the database is away."""

_ROOM: Final = 10.0
"""Seconds that a caller waits for room, when the database is there and slow."""

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 1.5

Told = Move | JobId
"""A job that came to something; or one that was written down and then not pushed."""


class Recorder:
    """Takes moves from any thread, and writes them on its own.

    Args:
        tables: answers the tables, opened when they are needed.
        most: how many moves it keeps while they cannot be written. What comes on top is not written at all; a rebuild,
            or a worker's next look, finds it in the store.
    """

    def __init__(self, tables: Callable[[], Tables], most: int = MOST) -> None:
        self._tables: Final = tables
        self._most: Final = most
        self._told: Final[deque[Told]] = deque()
        self._errands: Final[deque[Callable[[], object]]] = deque()
        self._lock: Final = threading.Lock()
        self._wake: Final = threading.Event()
        self._has_room: Final = threading.Event()
        self._is_writing = False
        self._since: float | None = None
        self._lost = 0
        self._is_hurried = False
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def held(self) -> int:
        """How many moves are not written yet."""
        return len(self._told) + self._is_writing

    def add(self, told: Sequence[Told]) -> None:
        """Write these down soon. Waits for room where the database is slow; drops them where it is away for long."""
        if not told:
            return
        if len(self._told) >= self._most and not self._makes_room():
            self._lost += len(told)
            return
        self._told.extend(told)
        self._start()
        self._wake.set()

    def ask(self, errand: Callable[[], object]) -> None:
        """Do this between two batches, unless something of that kind waits already. What it raises is logged."""
        if not self._errands:
            self._errands.append(errand)
            self._start()
            self._wake.set()

    def flush(self, timeout: float) -> bool:
        """Write what there is; answer whether that was done in time."""
        deadline = time.monotonic() + timeout
        self._is_hurried = True
        self._wake.set()
        while self.held and time.monotonic() < deadline:
            time.sleep(0.002)
        return not self.held

    def stop(self, timeout: float) -> None:
        """Write what there is and end; what cannot be written in time is said in the log. Safe twice and unstarted."""
        self._stopping.set()
        if not self.flush(timeout):
            _log().error(
                "%d moves of jobs are not in the history, which cannot be written; a rebuild takes them from the store",
                self.held,
            )
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout)
        with self._lock:
            if self._thread is thread:
                self._thread = None

    def _start(self) -> None:
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._stopping = threading.Event()
                    self._thread = threading.Thread(target=self._run, name="conveyor-history", daemon=True)
                    self._thread.start()

    def _makes_room(self) -> bool:
        deadline = time.monotonic() + _ROOM
        while len(self._told) >= self._most:
            if self._since is not None or time.monotonic() >= deadline:
                return False
            self._has_room.clear()
            self._has_room.wait(0.05)
        return True

    def _run(self) -> None:
        stopping = self._stopping
        while True:
            self._wake.wait()
            if not self._is_hurried and not stopping.is_set():
                stopping.wait(LATEST)
            self._wake.clear()
            self._is_hurried = False
            while self._told:
                if not self._write(stopping):
                    return
            while self._errands:
                self._do(self._errands.popleft())
            if stopping.is_set() and not self._told:
                return

    def _write(self, stopping: threading.Event) -> bool:
        """Write one batch, however long the database is away; False when told to end before that."""
        self._is_writing = True
        batch = [self._told.popleft() for _ in range(min(len(self._told), STEP))]
        pause = _FIRST_PAUSE
        while True:
            try:
                write(self._tables(), batch)
            except StoreError as error:
                if self._since is None:
                    self._since = time.monotonic()
                    _log().error("the history cannot be written, trying again until it can: %s", error)
                if stopping.is_set():
                    self._told.extendleft(reversed(batch))
                    self._is_writing = False
                    return False
                stopping.wait(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)
            except Exception:  # noqa: BLE001 - it is logged with the one that it is about
                # A value that the database does not take must not keep all others from it.
                self._one_by_one(batch)
                break
            else:
                break
        self._is_writing = False
        self._has_room.set()
        if self._since is not None:
            _log().warning("the history can be written again after %.1f s", time.monotonic() - self._since)
            self._since = None
        if self._lost:
            lost, self._lost = self._lost, 0
            _log().error(
                "%d moves of jobs are not in the history, which was away for too long; a rebuild takes them from the "
                "store, or workers in the course of time",
                lost,
            )
        return True

    def _one_by_one(self, batch: Sequence[Told]) -> None:
        for told in batch:
            try:
                write(self._tables(), [told])
            except Exception:  # noqa: BLE001 - the others are to be written
                _log().exception("what became of job %s cannot be written into the history", _id_of(told))

    def _do(self, errand: Callable[[], object]) -> None:
        try:
            errand()
        except StoreError as error:
            # What writes says so too, and asks again.
            _log().debug("the history cannot be looked after now: %s", error)
        except Exception:  # noqa: BLE001 - what writes must go on
            _log().exception("the history cannot be looked after")


def write(tables: Tables, batch: Sequence[Told]) -> None:
    """Write these down in one transaction."""
    newest: dict[JobId, Move] = {}
    events: list[list[Any]] = []
    dropped: list[JobId] = []
    stored: list[list[Any]] = []
    for told in batch:
        if not isinstance(told, Move):
            dropped.append(told)
            continue
        if told.event is None:
            stored.append(told.row)
            continue
        events.append(told.event)
        known = newest.get(told.id)
        if known is None or told.version >= known.version:
            newest[told.id] = told
    # By id: two processes that write of the same jobs must not wait for each other.
    moved = [move.row for _, move in sorted(newest.items())]
    steps: list[Step] = []
    if stored:
        steps.append(("store", {"rows": sorted(stored)}))
    if moved:
        steps.append(("move", {"rows": moved}))
    if events:
        events.sort(key=_job_of)
        steps.append(("tell", {"rows": events}))
    if dropped:
        steps.append(("drop", {"ids": sorted(dropped)}))
    tables.run(*steps)


def _job_of(event: list[Any]) -> tuple[JobId, int]:
    return event[0], event[1]


def _id_of(told: Told) -> JobId:
    return told.id if isinstance(told, Move) else told


def _log() -> Logger:
    # Who pushes has no use for it until something goes wrong.
    import logging

    return logging.getLogger("conveyor.history")
