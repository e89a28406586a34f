"""When a burst is over: nothing is ready, and nothing of this worker's runs."""

from __future__ import annotations

from collections.abc import Sequence

from conveyor.drivers.base import Driver
from conveyor.errors import StoreError
from conveyor.worker.messages import Freeze
from conveyor.worker.offspring import Offspring, State
from conveyor.worker.queues import Queues


class Burst:
    """Asks the children in two rounds: one that was idle a moment ago may have claimed what another one pushed.

    First all have been idle; then all are frozen, so that nobody claims or pushes while the store is asked once more.
    """

    def __init__(self, driver: Driver, queues: Queues) -> None:
        self._driver = driver
        self._queues = queues
        self._is_asking = False

    def is_over(self, children: Sequence[Offspring]) -> bool:
        """Whether it is, as far as these children have answered; they are asked, and thawed, on the way."""
        if not children or not all(child.is_idle and child.state is State.WORKING for child in children):
            return False
        if not self._is_asking:
            self._is_asking = True
            for child in children:
                child.is_quiet = None
                child.send(Freeze())
            return False
        if any(child.is_quiet is None for child in children):
            return False
        if all(child.is_quiet for child in children) and not self._is_anything_ready():
            return True
        self.go_on(children)
        return False

    def go_on(self, children: Sequence[Offspring]) -> None:
        """It is not over: let all work that may."""
        self._is_asking = False
        for child in children:
            if not child.is_standby:
                child.thaw()

    def _is_anything_ready(self) -> bool:
        try:
            self._queues.look_again()
            self._queues.look()
            return self._driver.wait(self._queues.names, 0.0)
        except StoreError:
            return True
