"""What a worker gets done, said now and then: one that runs jobs and says nothing looks dead."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

from conveyor.worker.offspring import Offspring

EVERY: Final = 10.0
"""Seconds between two lines, as long as jobs end."""

logger: Final = logging.getLogger("conveyor.worker")


class Tally:
    """Counts the runs that have ended in all children, those that are no more included."""

    def __init__(self) -> None:
        self._ended = 0
        self._failed = 0
        self._lost = 0
        self._told_ended = 0
        self._told_failed = 0
        self._since = time.monotonic()

    def lost(self) -> None:
        """A run was cut short with its process, and failed by that. From any thread."""
        self._lost += 1

    def bury(self, child: Offspring) -> None:
        """Keep what this child has got done: it is no more."""
        header = child.slots.header()
        self._ended += header.ended
        self._failed += header.failed

    def run_once(self, children: Sequence[Offspring]) -> None:
        """Say what was done since the last line, if it is time to and there is something to say."""
        now = time.monotonic()
        ended, failed = self._totals(children)
        if ended == self._told_ended:
            # The ten seconds begin when something happens.
            self._since = max(self._since, now - EVERY)
        if now - self._since < EVERY or ended == self._told_ended:
            return
        logger.info(
            "ran %s in %.0f s", in_words(ended - self._told_ended, failed - self._told_failed), now - self._since
        )
        self._told_ended, self._told_failed, self._since = ended, failed, now

    def total(self, children: Sequence[Offspring]) -> str:
        """All of it, in words."""
        return in_words(*self._totals(children))

    def _totals(self, children: Sequence[Offspring]) -> tuple[int, int]:
        headers = [child.slots.header() for child in children]
        ended = self._ended + self._lost + sum(header.ended for header in headers)
        return ended, self._failed + self._lost + sum(header.failed for header in headers)


def in_words(ended: int, failed: int) -> str:
    """`1,234 jobs (3 failed)`."""
    return f"{ended:,} job{'' if ended == 1 else 's'}{f' ({failed:,} failed)' if failed else ''}"
