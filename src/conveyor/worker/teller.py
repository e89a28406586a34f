"""The thread that tells middleware how runs ended: whatever a hook does there holds up no lease and no outcome."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import Final

from conveyor.hooks import Hooks
from conveyor.records import Outcome

TOLD_WITHIN: Final = 5.0
"""Seconds that hooks have when their process ends."""

logger: Final = logging.getLogger("conveyor.middleware")


class Teller:
    """Calls `Hooks.settled` for each outcome it is given, in order, on a thread of its own."""

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._settled: deque[Outcome] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="conveyor-teller", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Tell what is left and end; give up after `timeout` seconds. Safe twice and unstarted."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
            if self._thread.is_alive():
                logger.error("a hook does not end; %d ends of runs are not told", len(self._settled))

    def tell(self, outcome: Outcome) -> None:
        """The store knows this outcome. From any thread."""
        if outcome.failure is not None or outcome.follow_ups:
            self._settled.append(outcome)
            self._wake.set()

    def tell_all(self, outcomes: Sequence[Outcome], held: Sequence[bool]) -> None:
        """As `tell`, of those that held their claims."""
        for outcome, is_held in zip(outcomes, held, strict=True):
            if is_held:
                self.tell(outcome)

    def run_once(self) -> None:
        """Tell what there is."""
        while self._settled:
            try:
                self._hooks.settled(self._settled.popleft())
            except BaseException:
                logger.exception("a hook raised; it changes nothing")

    def _run(self) -> None:
        while True:
            self.run_once()
            if self._stopping and not self._settled:
                return
            self._wake.wait()
            self._wake.clear()


def teller_of(hooks: Hooks | None) -> Teller | None:
    """One that is not started; `None` where nobody wants to be told."""
    return None if hooks is None or not hooks.want_ends else Teller(hooks)
