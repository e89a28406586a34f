"""Timeouts in a process that is not a worker's: what the test itself does with signals is left as it was."""

from __future__ import annotations

import signal
import threading
import time
from typing import Final

from conveyor.records import Claim, ClaimKey
from conveyor.worker.guards import Alarm, Guard, SignalGuard, ThreadGuard
from conveyor.worker.slots import SlotTable

_SOON: Final = 0.000_1
"""Seconds; a timer of 0 would be none."""


class KitGuard:
    """Watches over jobs that have a timeout, on whatever thread they run.

    In the main thread a signal interrupts whatever they do, and the timer of the test, such as pytest-timeout's, goes
    on when they have ended. On other threads the next Python instruction does.
    """

    def __init__(self, slots: SlotTable, slot: int) -> None:
        self._slots = slots
        self._slot = slot
        self._guard: Guard | None = None
        self._alarm: Alarm | None = None
        self._handler: object = None
        self._timer = (0.0, 0.0)
        self._began = 0.0

    @property
    def claim(self) -> Claim | None:
        return None if self._guard is None else self._guard.claim

    def begin(self, claim: Claim, since: int, until: int) -> None:
        if not until:
            return
        if threading.current_thread() is threading.main_thread():
            self._handler = signal.getsignal(signal.SIGALRM)
            self._timer = signal.setitimer(signal.ITIMER_REAL, 0)
            self._began = time.monotonic()
            self._guard = SignalGuard(self._slots, self._slot)
        else:
            self._alarm = Alarm()
            self._guard = ThreadGuard(self._slots, self._slot, self._alarm)
            threading.Thread(target=self._alarm.run, name="conveyor-alarm", daemon=True).start()
        self._guard.begin(claim, since, until)

    def end(self) -> None:
        guard, self._guard = self._guard, None
        if guard is None:
            return
        guard.end()
        if self._alarm is not None:
            self._alarm.stop()
            self._alarm = None
            return
        signal.signal(signal.SIGALRM, self._handler)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - what getsignal answered
        left, interval = self._timer
        if left:
            signal.setitimer(signal.ITIMER_REAL, max(_SOON, left - (time.monotonic() - self._began)), interval)

    def cancel(self, key: ClaimKey) -> bool:
        return self._guard is not None and self._guard.cancel(key)
