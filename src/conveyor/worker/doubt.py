"""Claims that the store made without our knowing: it did what it was asked to, and its answer was lost on the way.

The supervisor extends whatever its living children hold, so these would wait for the end of their child.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import Final

from conveyor.drivers.base import Driver
from conveyor.records import Claim, ClaimKey

FIRST_PAUSE: Final = 1.0
"""Seconds between two looks, at least. A claim that nobody here knows in either is nobody's: on its way from one thread
to the next it is for microseconds."""


class Doubt:
    """Finds the claims that a child holds and does not know of. For one thread; any may let it arise.

    Args:
        name: under which the child claims.
        lease: in seconds; for so long after a failed claim the store may still come to make it.
        known: answers the claims that wait, run, or have ended and are not settled.
    """

    def __init__(self, driver: Driver, name: str, lease: float, known: Callable[[], AbstractSet[ClaimKey]]) -> None:
        self._driver = driver
        self._name = name
        self._lease = lease
        self._known = known
        self._strange: set[ClaimKey] = set()
        self._until = 0.0
        self._looked = -FIRST_PAUSE
        self._next = 0.0
        self._pause = 0.0

    def arise(self) -> None:
        """A claim has failed, and may have been made all the same; or a lease has lapsed that we should have."""
        self._until = time.monotonic() + self._lease
        self._next = self._looked + FIRST_PAUSE
        self._pause = FIRST_PAUSE

    @property
    def left(self) -> float:
        """Seconds until the next look; at most what a thread can wait."""
        return max(0.0, self._next - time.monotonic()) if self._until else threading.TIMEOUT_MAX

    def strangers(self) -> list[Claim]:
        """The claims to hand back now, after a look that is due.

        Raises:
            StoreError: the store does not answer; the look is due still.
        """
        now = time.monotonic()
        if not self._until or now < self._next:
            return []
        # In this order: what has been settled since the store was asked is refused if it is handed back.
        held = self._driver.held_by([self._name])
        known = self._known()
        strange = {key: claim for claim in held if (key := ClaimKey(claim.id, claim.attempt)) not in known}
        found = [claim for key, claim in strange.items() if key in self._strange]
        self._strange = set(strange)
        if now >= self._until and not strange:
            self._until = 0.0
        self._looked = now
        self._next = now + self._pause
        self._pause = min(2 * self._pause, max(FIRST_PAUSE, self._lease / 3))
        return found
