"""Claims between the thread that fetched them and the threads, or the event loop, that run them."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

from conveyor.records import Claim, ClaimKey

NEVER: Final = -1

_NOT_YET: Final = 1 << 63


class Buffer:
    """What waits to be run, in the order it was claimed. Any thread may do anything; each claim leaves once.

    Args:
        capacity: how many jobs its readers run at a time.
    """

    __slots__ = (
        "_asleep",
        "_counting",
        "capacity",
        "closed",
        "free",
        "low",
        "on_low",
        "on_put",
        "started_at",
        "valid_until",
        "waiting",
    )

    def __init__(self, capacity: int) -> None:
        self.capacity: Final = capacity
        self.waiting: Final[deque[Claim]] = deque()
        self.free = 0
        """How many readers have nothing to run."""
        self.started_at = _NOT_YET
        """When a reader last took or began a job (monotonic nanoseconds); until the first does, no job is slow."""
        self.valid_until = 0
        """Until when the leases of all that waits are sure to last (nanoseconds since 1970)."""
        self.low = NEVER
        """A reader that leaves no more than this many behind, or becomes free, calls `on_low`, once."""
        self.on_low: Callable[[], None] = _nothing
        self.on_put: Callable[[], None] = self._notify
        self.closed = False
        self._asleep: Final[deque[threading.Lock]] = deque()
        self._counting = threading.Lock()

    def put(self, claims: Iterable[Claim], valid_until: int) -> None:
        """Let these wait at the end; their leases last until then (nanoseconds since 1970)."""
        self.valid_until = valid_until
        self.waiting.extend(claims)
        self.on_put()

    def wait(self) -> Claim | None:
        """The next claim, once there is one; `None` when the buffer is closed and empty. For readers on threads.

        Readers that are in a hurry try `waiting.popleft()` first.
        """
        with self._counting:
            self.free += 1
        if self.low != NEVER:
            self.reached_low()
        while True:
            try:
                claim = self.waiting.popleft()
            except IndexError:
                if self.closed:
                    return None
            else:
                # Else, until it begins, it would look as if it had been with its last job all the time.
                self.started_at = time.monotonic_ns()
                with self._counting:
                    self.free -= 1
                return claim
            self._sleep()

    def _sleep(self) -> None:
        """Until something comes, mostly: by a bare lock, for a condition wakes its sleeper 40 µs later."""
        bed = threading.Lock()
        bed.acquire()
        self._asleep.append(bed)
        # What came before it was known that somebody sleeps is not slept over.
        if not self.waiting and not self.closed:
            bed.acquire()

    def take_back(self) -> list[Claim]:
        """All that waits, in order; the readers will not see it."""
        taken: list[Claim] = []
        while True:
            try:
                taken.append(self.waiting.popleft())
            except IndexError:
                return taken

    def take_out(self, key: ClaimKey) -> Claim | None:
        """This one claim, if it still waits; the readers will not see it."""
        for claim in tuple(self.waiting):
            if claim.id == key.id and claim.attempt == key.attempt:
                try:
                    self.waiting.remove(claim)
                except ValueError:
                    return None
                return claim
        return None

    def close(self) -> None:
        """Nothing more comes: readers end when they have run what waits."""
        self.closed = True
        self.on_put()

    def reached_low(self) -> None:
        """What a reader calls that left no more than `low` behind."""
        self.low = NEVER
        self.on_low()

    @property
    def is_quiet(self) -> bool:
        """Nothing waits and nothing runs."""
        return self.free == self.capacity and not self.waiting

    def _notify(self) -> None:
        asleep = self._asleep
        while asleep:
            try:
                bed = asleep.popleft()
            except IndexError:
                return
            bed.release()


def _nothing() -> None:
    """What happens at the low mark until somebody wants to know."""
