"""Patience with a store that is away: said once, asked again ever more slowly, welcomed back."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from conveyor.errors import StoreError

LONGEST_PAUSE: Final = 1.5
"""Seconds between two tries, at most: work goes on within two of the store's return."""

_FIRST_PAUSE: Final = 0.05

logger: Final = logging.getLogger("conveyor.worker")


class Patience:
    """What one thread does about a store that does not answer.

    Args:
        doing: what cannot be done meanwhile, for the log: "claim jobs".
        stopping: ends every pause early.
    """

    def __init__(self, doing: str, stopping: threading.Event | None = None) -> None:
        self._doing = doing
        self._stopping = stopping or threading.Event()
        self._since: float | None = None
        self._pause = _FIRST_PAUSE

    @property
    def is_tried(self) -> bool:
        """The last try failed."""
        return self._since is not None

    def failed(self, error: StoreError) -> float:
        """The store did not answer: seconds until the next try. Said in the log the first time."""
        if self._since is None:
            self._since = time.monotonic()
            logger.error("cannot %s, trying again until the store is back: %s", self._doing, error)
        pause = self._pause
        self._pause = min(2 * pause, LONGEST_PAUSE)
        return pause

    def pause(self, error: StoreError) -> None:
        """As `failed`, and wait so long, or until everything stops."""
        self._stopping.wait(self.failed(error))

    def succeeded(self) -> None:
        """The store answered. Said in the log when it had been away."""
        if self._since is not None:
            logger.warning("the store is back after %.1f s: can %s again", time.monotonic() - self._since, self._doing)
            self._since = None
            self._pause = _FIRST_PAUSE
