"""How soon a child that died is replaced."""

from __future__ import annotations

import time
from typing import Final

SHORT_LIFE: Final = 5.0
"""Seconds; a child that dies sooner may do so again, and then again."""

_FREE: Final = 3
"""So many short lives in a row are replaced at once: a poison job is usually allowed as many crashes."""


class Pacing:
    """Pauses between the starts of children that die young."""

    def __init__(self) -> None:
        self._short_lives = 0
        self.next_start = 0.0
        """When the next child may be started (monotonic seconds)."""

    def died(self, lived: float, *, was_ready: bool) -> float:
        """A child has died after so many seconds of life: how many seconds to wait before the next one is started."""
        self._short_lives = self._short_lives + 1 if lived < SHORT_LIFE else 0
        pause = 0.0
        if not was_ready:
            # It could not even begin: no job is to blame, and no job will be buried for it.
            pause = min(30.0, 0.5 * 2 ** min(self._short_lives, 10))
        elif self._short_lives > _FREE:
            pause = min(10.0, 0.1 * 2 ** min(self._short_lives - _FREE, 10))
        self.next_start = time.monotonic() + pause
        return pause
