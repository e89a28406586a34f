"""Timeouts and cancellation, first step: the job is told, by an exception inside it. The second is in `watch.py`."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from conveyor import unbroken
from conveyor.records import Claim, ClaimKey
from conveyor.signals import JobCancelled, JobTimeout
from conveyor.worker.plans import BILLION
from conveyor.worker.slots import SlotTable

CANCELLED: Final = "cancelled while it ran"

_handler_of: Final[Callable[[int], object]] = getattr(sys.modules.get("_signal"), "getsignal", signal.getsignal)
"""Asked after each job. What `signal` puts around it looks the handler up as an enum, at a third of a job's price."""

_ALARM: Final = int(signal.SIGALRM)

_SOONEST: Final = 0.000_1
"""Seconds; a timer of 0 would be none."""

_MOMENT: Final = 0.010
"""Seconds until a thread is asked again that was in a step which is not to be broken off, should it not say itself."""


class Guard(Protocol):
    """Watches over one thread's job."""

    @property
    def claim(self) -> Claim | None:
        """What runs."""
        ...

    def begin(self, claim: Claim, since: int, until: int) -> None:
        """From now on the job may be interrupted; at `until` (monotonic nanoseconds, 0 for never) it is."""
        ...

    def end(self) -> None:
        """From now on it is not."""
        ...

    def cancel(self, key: ClaimKey) -> bool:
        """Interrupt the job if it runs here; answer whether it does. From any thread; again changes nothing."""
        ...


def timed_out(since: int, until: int) -> JobTimeout:
    """What a job is told whose time is up."""
    return JobTimeout(f"ran past its timeout of {(until - since) / BILLION:g} s")


class SignalGuard:
    """For the main thread: a timer's signal raises inside whatever the job does there, sleeping and waiting included.

    It takes SIGALRM and the process's real-time timer: a job that uses them itself loses the first step of its own
    timeout.
    """

    def __init__(self, slots: SlotTable, slot: int) -> None:
        self._slots = slots
        self._slot = slot
        self.claim: Claim | None = None
        self._cancelled: Claim | None = None
        self._since = 0
        self._until = 0
        self._told = False
        self._thread = threading.get_ident()
        self._handler = self._interrupt
        signal.signal(signal.SIGALRM, self._handler)

    def begin(self, claim: Claim, since: int, until: int) -> None:
        self._told = False
        self._until = until
        self.claim = claim
        if until:
            self._since = since
            signal.setitimer(signal.ITIMER_REAL, max(_SOONEST, (until - time.monotonic_ns()) / BILLION))

    def end(self) -> None:
        self.claim = None
        if self._until:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if _handler_of(_ALARM) is not self._handler:
            # The job has used the signal itself; the next one's timeout must not suffer from that.
            signal.signal(signal.SIGALRM, self._handler)

    def cancel(self, key: ClaimKey) -> bool:
        claim = self.claim
        if claim is None or claim.id != key.id or claim.attempt != key.attempt:
            return False
        self._cancelled = claim
        signal.pthread_kill(self._thread, signal.SIGALRM)
        return True

    def _interrupt(self, _number: int, _frame: object) -> None:
        claim = self.claim
        if claim is None or self._told:
            return
        error: BaseException
        if self._cancelled is claim:
            error = JobCancelled(CANCELLED)
        elif self._until:
            # The timer and the clock may disagree by a little, and a signal may come from elsewhere.
            if (left := self._until - time.monotonic_ns()) > 0:
                signal.setitimer(signal.ITIMER_REAL, max(_SOONEST, left / BILLION))
                return
            error = timed_out(self._since, self._until)
        else:
            return
        if unbroken.postpone(self._thread, lambda: self._interrupt(_number, _frame)):
            return
        self._told = True
        self._slots.tell(self._slot)
        raise error


class ThreadGuard:
    """For any other thread: the interpreter raises at its next Python instruction. Waiting in C is not ended by it.

    Timers are the main thread's business, which is free where jobs run on other threads; see `Alarm`.
    """

    def __init__(self, slots: SlotTable, slot: int, alarm: Alarm) -> None:
        self._slots = slots
        self._slot = slot
        self._alarm = alarm
        self._lock = threading.Lock()
        self.claim: Claim | None = None
        self._thread = 0
        self._told = False
        self._kind: type[BaseException] = JobTimeout
        self.until = 0
        alarm.watch(self)

    def begin(self, claim: Claim, since: int, until: int) -> None:  # noqa: ARG002 - the protocol's signature
        self._thread = threading.get_ident()
        self._told = False
        self._kind = JobTimeout
        self.claim = claim
        self.until = until
        if until:
            self._alarm.at(until)

    def end(self) -> None:
        with self._lock:
            self.claim = None
            self.until = 0
            if self._told:
                # It may have been sent and not have arrived; then it must not hit the next job.
                _raise_in(self._thread, None)

    def cancel(self, key: ClaimKey) -> bool:
        with self._lock:
            claim = self.claim
            if claim is None or claim.id != key.id or claim.attempt != key.attempt:
                return False
            self._kind = JobCancelled
            self._tell()
        return True

    def expire(self, now: int) -> None:
        """Interrupt the job if its time is up."""
        with self._lock:
            if self.claim is not None and 0 < self.until <= now:
                self._tell()

    def _tell(self) -> None:
        if self._told:
            return
        if unbroken.postpone(self._thread, self._tell_now):
            self.until = time.monotonic_ns() + round(_MOMENT * BILLION)
            self._alarm.at(self.until)
            return
        self._told = True
        self.until = 0
        self._slots.tell(self._slot)
        _raise_in(self._thread, self._kind)

    def _tell_now(self) -> None:
        """Called by the job's own thread, which is through with what was not to be broken off."""
        with self._lock:
            if self.claim is not None:
                self._tell()


class Alarm:
    """What the main thread does where jobs run on others: it waits for the next one's time to be up."""

    def __init__(self) -> None:
        self._guards: list[ThreadGuard] = []
        self._changed = threading.Condition()
        self._next = 0
        self._stopped = False

    def watch(self, guard: ThreadGuard) -> None:
        """This guard's jobs too."""
        self._guards.append(guard)

    def at(self, until: int) -> None:
        """Some job's time is up at `until` (monotonic nanoseconds)."""
        with self._changed:
            if not self._next or until < self._next:
                self._next = until
                self._changed.notify()

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def run(self) -> None:
        """Interrupt jobs whose time is up, until stopped."""
        while True:
            with self._changed:
                if self._stopped:
                    return
                now = time.monotonic_ns()
                if not self._next or self._next > now:
                    self._changed.wait((self._next - now) / BILLION if self._next else None)
                    continue
                self._next = 0
            for guard in self._guards:
                guard.expire(now)
            if coming := [until for guard in self._guards if (until := guard.until)]:
                self.at(min(coming))


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    """Let the interpreter raise `kind` in a thread; `None` takes back what has not been raised yet."""
    # Only workers with threads need it, and it takes a while to load.
    import ctypes

    exception = ctypes.py_object(kind) if kind is not None else None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), exception)
