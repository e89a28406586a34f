"""Children that are to make place for new ones: one by one, and each only once its successor is ready."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Sequence

from conveyor.worker.offspring import Offspring, State


class Rotation:
    """The line of those to be replaced. The next one's turn comes when the last one's successor has taken over."""

    def __init__(self) -> None:
        self._line: deque[Offspring] = deque()
        self._reloaded_at = 0.0
        self.is_stalled = False
        """A successor could not begin, and no other could before the next `reload`."""

    def add(self, children: Iterable[Offspring]) -> None:
        """Replace these too."""
        self._line.extend(children)

    def reload(self, children: Iterable[Offspring]) -> None:
        """Replace all: what they have loaded is out of date, in those who stand by too, whose turn comes last."""
        self._line.extend(sorted(children, key=lambda child: child.is_standby))
        self._reloaded_at = time.monotonic()
        self.is_stalled = False

    def clear(self) -> None:
        """Replace nobody any more."""
        self._line.clear()

    def turn(self, children: Sequence[Offspring]) -> tuple[Offspring, Offspring] | None:
        """The next to be replaced, with its successor, as soon as that is ready; until then it is wished for."""
        while self._line:
            child = self._line[0]
            if child not in children or child.state is State.DRAINING or child.is_killed:
                self._line.popleft()
                continue
            if child.is_standby:
                # The one it stands by for ends this moment.
                return None
            if child.successor is None:
                child.successor = child
            if child.successor.state is not State.STANDBY:
                return None
            self._line.popleft()
            return child, child.successor
        return None

    def stall(self, failed: Offspring, children: Iterable[Offspring]) -> bool:
        """This child could not begin: start no other before the next `reload`, unless one has come since its start.

        Answers whether it is waited for.
        """
        if failed.started < self._reloaded_at:
            return False
        self._line.clear()
        for child in children:
            if child.successor is child:
                child.successor = None
        self.is_stalled = True
        return True
