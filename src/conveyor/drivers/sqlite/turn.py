"""What one thread at a time may have, and gives back whatever interrupts it, at whatever instant."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")


class TurnTimeout(Exception):
    """Others did not give it back in time."""


class Turn:
    """A lock that Ctrl-C, or any other exception out of nowhere, does not leave taken.

    Python raises such an exception after a call, a lock's `acquire` included: between that and a `try` it would be kept
    for ever. Here the `try` comes first, and the lock itself knows whether it was taken: an RLock is given back by its
    owner only. `release`, written in C, is the first thing that `finally` does: nothing can come before it.
    """

    __slots__ = ("_lock",)

    def __init__(self) -> None:
        self._lock: Final = threading.RLock()

    def take(self, action: Callable[[], T], timeout: float = -1) -> T:
        """Answer `action()`, done while nobody else is in here.

        Raises:
            TurnTimeout: somebody else was, for `timeout` seconds; -1 waits for ever.
        """
        acquire, release = self._lock.acquire, self._lock.release
        try:
            if not acquire(timeout=timeout):
                raise TurnTimeout
            return action()
        finally:
            try:  # noqa: SIM105 - suppress() is Python code, which can be interrupted before it releases
                release()
            except RuntimeError:  # it was not taken
                pass
