"""How many jobs to claim: what can begin now, and about as much more as runs in 50 ms."""

from __future__ import annotations

import operator
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from conveyor.drivers.base import STEP
from conveyor.records import Claim
from conveyor.worker.buffer import Buffer
from conveyor.worker.estimates import WINDOW_US, Estimates

PATIENCE_NS: Final = 75_000_000
"""What waits is handed back when nothing has begun for so many nanoseconds: what runs in front of it is slow."""

_type_of: Final = operator.attrgetter("type")


class Lane:
    """A buffer, and how much to keep in it. Sync jobs have one, async jobs another."""

    def __init__(self, buffer: Buffer, estimates: Estimates) -> None:
        self.buffer: Final = buffer
        self._estimates = estimates
        self._types: Mapping[str, int] = {}
        self._most = buffer.capacity

    @property
    def is_stuck(self) -> bool:
        """All readers are busy, and have been with the same jobs for a while."""
        buffer = self.buffer
        return buffer.free <= 0 and time.monotonic_ns() - buffer.started_at > PATIENCE_NS

    def target(self) -> int:
        """How many jobs should wait here, for the free readers and for the next 50 ms."""
        buffer = self.buffer
        free = max(0, buffer.free)
        if self.is_stuck:
            return 0
        mean = self._estimates.mean(self._types)
        # Of types that nobody has measured, no more than can begin at once.
        ahead = 0 if mean is None else int(buffer.capacity * WINDOW_US / max(mean, 1.0))
        return free + min(ahead, self._most, STEP)

    def room(self) -> int:
        """How many jobs to claim now; 0 until the buffer is half empty, so that claims come in batches."""
        target = self.target()
        waiting = len(self.buffer.waiting)
        if waiting * 2 > target and self.buffer.free <= waiting:
            return 0
        return max(0, target - waiting)

    def claimed(self, claims: Sequence[Claim]) -> None:
        """These came, for this lane."""
        self._types = Counter(map(_type_of, claims))
        # Doubling: a wrong guess about a new kind of job costs no more than all before it.
        self._most = min(STEP, max(self._most, 2 * len(claims)))

    def start_over(self) -> None:
        """The guess was wrong."""
        self._most = self.buffer.capacity

    def call_when_low(self) -> None:
        """Let the readers call, once, when there is room."""
        self.buffer.low = 0 if self.is_stuck else self.target() // 2
