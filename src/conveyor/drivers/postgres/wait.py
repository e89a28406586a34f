"""Waiting for work without asking all the time: whoever makes a job ready tells those who wait."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from conveyor.drivers.base import Retention
from conveyor.drivers.postgres.database import Database
from conveyor.drivers.postgres.listener import Listener
from conveyor.drivers.postgres.part import Part, to_json
from conveyor.priority import Aging
from conveyor.times import SECOND, Clock

_LONGEST_SLEEP: Final = 1.0
"""However little the server tells us, we look this often."""

_FIRST_PAUSE: Final = 0.010
"""Where the server cannot tell us, we look again after this, and then after twice as long, up to the longest sleep."""


class Wait(Part):
    """The operation that waits; its promises stand in `drivers/base.py`."""

    def __init__(self, database: Database, clock: Clock, aging: Aging, retention: Retention) -> None:
        super().__init__(database, clock, aging, retention)
        self._listeners: list[Listener] = []

    def wait(self, queues: Sequence[str], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        asked = to_json(list(queues))
        pause = _FIRST_PAUSE
        with self._listening() as listener:
            while True:
                self._database.check_open()
                with self._database.translating():
                    # Ask to be told first, then look: a push between the two is either seen or heard.
                    listener.ask(queues)
                    ready, due_in = listener.probe(asked, self._now())
                left = deadline - time.monotonic()
                if ready or left <= 0:
                    return ready
                left = min(left, _LONGEST_SLEEP if due_in is None else min(max(0, due_in) / SECOND, _LONGEST_SLEEP))
                if not listener.can_hear:
                    left, pause = min(left, pause), 2 * pause
                with self._database.translating():
                    if listener.hears(left, queues):
                        return True

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

    def _close_listeners(self) -> None:
        """Close those that nobody uses now; the others learn it from the database."""
        while self._listeners:
            self._listeners.pop().close()
