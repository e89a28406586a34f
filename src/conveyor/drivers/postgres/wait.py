"""Waiting for work without asking all the time: whoever makes a job ready tells those who wait."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

import psycopg

from conveyor.drivers.postgres.database import Database
from conveyor.drivers.postgres.listener import Listener
from conveyor.drivers.postgres.part import Part, to_json
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import SECOND, Clock

_LONGEST_SLEEP: Final = 2.5
"""However little the server tells us, we look this often: a push whose snapshot is older than our asking to be told
does not tell us."""

_LONGEST_DEAF: Final = 1.0
"""Where it cannot tell us, or where we look past what may lie before the fronts, this often."""

_PAUSES: Final = (0.010, 0.020, 0.040, 0.080, 0.160, 0.320, 0.640)
"""Where the server cannot tell us, we look again after these, and then after the longest sleep. Where it can, at first
too: a push that began before we asked to be told, and is committed after our look, tells us nothing."""


class Wait(Part):
    """The operation that waits; its promises stand in `drivers/base.py`."""

    def __init__(self, database: Database, clock: Clock, aging: Aging, retention: Retention) -> None:
        super().__init__(database, clock, aging, retention)
        self._listeners: list[Listener] = []

    def wait(self, queues: Sequence[str], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        asked = to_json(list(queues))
        with self._listening() as listener, self._database.translating():
            pauses = [] if listener.can_hear else list(_PAUSES)
            while True:
                self._database.check_open()
                fronts = self._fronts.of(queues)
                is_new, ready, due_in = self._look(listener, queues, asked, fronts)
                if is_new:
                    pauses = list(_PAUSES)
                left = deadline - time.monotonic()
                if ready or left <= 0:
                    return ready
                left = min(left, _LONGEST_SLEEP if listener.can_hear and fronts is None else _LONGEST_DEAF)
                if due_in is not None:
                    left = min(left, max(0, due_in) / SECOND)
                if pauses:
                    left = min(left, pauses.pop(0))
                if listener.hears(left, queues):
                    return True

    def _look(
        self, listener: Listener, queues: Sequence[str], asked: str, fronts: str | None
    ) -> tuple[bool, bool, int | None]:
        """Whether we were not told until now, whether there is a job, and the microseconds until one is due."""
        try:
            return listener.look(queues, asked, self._now(), fronts)
        except psycopg.OperationalError:
            if not listener.has_lost_its_session:
                raise
        # Somebody has ended it; the server may be there all the same.
        listener.close()
        return listener.look(queues, asked, self._now(), fronts)

    @contextmanager
    def _listening(self) -> Generator[Listener]:
        """A listener that nobody else has meanwhile: kept from one wait to the next."""
        self._database.check_open()
        # A list's own steps are atomic: any number of threads may wait.
        try:
            listener = self._listeners.pop()
        except IndexError:
            listener = Listener(self._database)
        try:
            yield listener
        except BaseException:
            listener.close()
            raise
        self._listeners.append(listener)
        # Asked last: the driver may have been closed meanwhile.
        if self._database.is_closed:
            self._close_listeners()

    def _close_listeners(self) -> None:
        """Close those that nobody uses now; the others learn it from the database."""
        while self._listeners:
            try:
                self._listeners.pop().close()
            except IndexError:
                return
