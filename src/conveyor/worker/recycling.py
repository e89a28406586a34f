"""Which children have grown too big, or too old, and are to make place for new ones."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final

from conveyor.worker.memory import resident_bytes
from conveyor.worker.offspring import Offspring, State

EVERY: Final = 0.5
"""Seconds between two looks."""

_MEBI: Final = 1 << 20

logger: Final = logging.getLogger("conveyor.worker")


class Recycling:
    """Looks at children from outside, where nothing that a job does can hide what it takes.

    Args:
        max_memory: bytes that a child may have resident; `None` for no bound.
        max_time: seconds that a child may live; `None` for no bound.
    """

    def __init__(self, max_memory: int | None, max_time: float | None) -> None:
        self._max_memory = max_memory
        self._max_time = max_time
        self._next_look = 0.0
        self._spared: set[str] = set()
        self._was_warned = False

    def began(self, child: Offspring) -> None:
        """This child is ready, and has run nothing yet.

        When it is too big already, so would its successors be: then they would only ever replace each other.
        """
        if self._max_memory is None or (resident := resident_bytes(child.pid)) <= self._max_memory:
            return
        self._spared.add(child.name)
        if not self._was_warned:
            self._was_warned = True
            logger.warning(
                "a child that has run nothing has %.0f MiB resident, more than the %.0f MiB of --max-memory, which "
                "therefore does nothing; raise it",
                resident / _MEBI,
                self._max_memory / _MEBI,
            )

    def due(self, children: Sequence[Offspring]) -> list[Offspring]:
        """Those that have passed a bound; each is named once."""
        now = time.monotonic()
        if now < self._next_look or (self._max_memory is None and self._max_time is None):
            return []
        self._next_look = now + EVERY
        found: list[Offspring] = []
        for child in children:
            if child.state is State.WORKING and not child.is_recycled and (reason := self._reason(child, now)):
                logger.info("replacing child %s: %s", child.name, reason)
                child.is_recycled = True
                found.append(child)
        return found

    def _reason(self, child: Offspring, now: float) -> str | None:
        if self._max_time is not None and (age := now - child.started) > self._max_time:
            return f"it is {age:.1f} s old"
        if self._max_memory is not None and child.name not in self._spared:
            resident = resident_bytes(child.pid)
            if resident > self._max_memory:
                return f"it has {resident / _MEBI:.0f} MiB resident"
        return None
