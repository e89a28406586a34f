"""Waiting for work without asking all the time: commits by any process are seen as writes to the WAL."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from conveyor.drivers.sqlite.database import Database
from conveyor.drivers.sqlite.part import Part, to_json
from conveyor.drivers.sqlite.statements import SQL
from conveyor.drivers.sqlite.watch import Watches
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import SECOND, Clock

_LONGEST_SLEEP: Final = 1.0
"""However little the file system tells us, we look this often."""

_FIRST_PAUSE: Final = 0.001
_LONGEST_PAUSE: Final = 0.008
"""A write to the WAL is noticed a little before its commit can be read (much before, where commits are synced): so look
again after a pause. It doubles while commits go on that do not concern this waiter, which bounds what they cost it."""

_AFTER_WRITE: Final = (0.004, 0.020)
"""Then look again after these, unless something is written meanwhile."""


class Wait(Part):
    """The operation that waits; its promises stand in `drivers/base.py`."""

    def __init__(self, database: Database, clock: Clock, aging: Aging, retention: Retention) -> None:
        super().__init__(database, clock, aging, retention)
        self._watches = Watches()

    def wait(self, queues: Sequence[str], timeout: float) -> bool:
        asked = to_json(list(queues))
        self._database.check_file()
        try:
            return self._wait(asked, time.monotonic() + timeout)
        except FileNotFoundError:
            # The WAL has gone with the last connection: it was closed meanwhile, as this look will say, or reopened.
            self._look(asked)
            return True

    def _wait(self, asked: str, deadline: float) -> bool:
        # Watch first, then look: a push between the two is either seen or heard.
        with self._watches.on(Path(f"{self._database.path}-wal")) as watching:
            pauses: list[float] = []
            is_fresh = False
            pause = _FIRST_PAUSE
            while True:
                ready, next_due = self._look(asked)
                if ready:
                    return True
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                if next_due is not None:
                    left = min(left, max(0.0, next_due))
                if is_fresh:
                    time.sleep(min(left, pause))
                    is_fresh = False
                    pause = min(2 * pause, _LONGEST_PAUSE)
                elif watching.wrote(min(left, pauses.pop(0) if pauses else _LONGEST_SLEEP)):
                    is_fresh = True
                    pauses = list(_AFTER_WRITE)
                elif not pauses:
                    pause = _FIRST_PAUSE

    def _look(self, asked: str) -> tuple[bool, float | None]:
        """Whether a claim would find something, and the seconds until a delayed job is due."""
        now = self._clock()
        probed = msgspec.json.decode(self._database.read(SQL["probe"], {"queues": asked, "now": now}))
        if any(ready or due for _, ready, due, _, _ in probed):
            return True, None
        return False, min(((at - now) / SECOND for *_, at in probed if at is not None), default=None)
