"""Locks that live in the store: one holder at a time, over processes and machines, renewed while it lives."""

from __future__ import annotations

import os
import random
import secrets
import socket
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from conveyor.context import current_job
from conveyor.drivers.base import Driver
from conveyor.errors import InvalidValue, LockLost, LockTimeout, NoCurrentJob, StoreError
from conveyor.job_lock import check_lock_name
from conveyor.payload import positive
from conveyor.records import LockRecord
from conveyor.retry import Duration
from conveyor.times import seconds

if TYPE_CHECKING:
    from concurrent.futures import Future

    from conveyor.app import Conveyor

_FIRST_PAUSE: Final = 0.005
_LONGEST_PAUSE: Final = 0.25
"""Seconds between two tries for a lock that is held."""


class Lock:
    """One holder's way to a lock; made by `Conveyor.lock`, for `with` or `async with`. Not to be shared by threads.

    While it is held, a thread renews it every third of its `ttl`. A holder that is frozen or cut off from the store for
    longer has lost it, and finds out: by `check`, and at the end of the block. Whoever must be safe against a holder
    that has not found out yet hands `fence` on: it grows with each acquisition, so that a resource can refuse a smaller
    one than it has seen.

    Attributes:
        name: the lock's name.
    """

    def __init__(self, app: Conveyor, name: str, *, ttl: Duration, wait: Duration | None) -> None:
        self._app: Final = app
        self.name: Final = check_lock_name(name)
        self._ttl: Final = positive(ttl, "ttl")
        self._wait: Final = None if wait is None else seconds(wait, "wait")
        self._holding: _Holding | None = None

    def __repr__(self) -> str:
        return f"<lock {self.name!r}{f', held with fence {self._holding.fence}' if self._holding else ''}>"

    # ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def is_held(self) -> bool:
        """Whether this object holds the lock now. Reads no store."""
        return self._holding is not None and self._holding.is_valid

    @property
    def fence(self) -> int:
        """The number of this acquisition: greater than that of every one before.

        Raises:
            InvalidValue: it is not acquired.
        """
        return self._held.fence

    def check(self) -> None:
        """Go on only if the lock is still held; for long blocks, before each step that others must not take too.

        Raises:
            LockLost: it was not renewed in time, or somebody released it.
            InvalidValue: it is not acquired.
        """
        if not self._held.is_valid:
            raise LockLost(self.name, self._held.fence)

    # ── hold ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it; answer whether it was taken.

        Raises:
            InvalidValue: this object holds it already.
        """
        if self._holding is not None:
            raise InvalidValue(
                f"lock {self.name!r} is acquired by this object already; make another one to wait for it"
            )
        holding = _Holding.take(self._app.driver, self.name, self._ttl)
        if holding is None:
            return False
        self._holding = holding
        holding.start()
        return True

    def acquire(self) -> None:
        """Wait for the lock, up to `wait`, and take it. Who waits longest does not come first.

        Raises:
            LockTimeout: others have held it all the time.
            InvalidValue: this object holds it already.
        """
        turns = _Turns(self.name, self._wait)
        while not self.try_acquire():
            time.sleep(turns.pause())

    def release(self) -> None:
        """Give the lock up. Again does nothing.

        Raises:
            LockLost: it was no longer held.
        """
        holding, self._holding = self._holding, None
        if holding is not None and not holding.release():
            raise LockLost(self.name, holding.fence)

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._leave(error)

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def atry_acquire(self) -> bool:
        """As `try_acquire`. A lock taken for a caller who was cancelled meanwhile is released."""
        import asyncio

        trying = self._app.aio.submit(self.try_acquire)
        try:
            return await asyncio.wrap_future(trying)
        except asyncio.CancelledError:
            trying.add_done_callback(self._give_back)
            raise

    async def aacquire(self) -> None:
        """As `acquire`. It occupies no thread while it waits."""
        import asyncio

        turns = _Turns(self.name, self._wait)
        while not await self.atry_acquire():  # noqa: ASYNC110 - what is awaited lies in a store
            await asyncio.sleep(turns.pause())

    async def arelease(self) -> None:
        """As `release`."""
        await self._app.aio.call(self.release)

    async def __aenter__(self) -> Self:
        await self.aacquire()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._app.aio.call(self._leave, error)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _held(self) -> _Holding:
        if self._holding is None:
            raise InvalidValue(f"lock {self.name!r} is not acquired; use it in a with block, or call acquire()")
        return self._holding

    def _leave(self, error: BaseException | None) -> None:
        """What has been raised in the block matters more than what becomes of the lock."""
        try:
            self.release()
        except (LockLost, StoreError) as problem:
            if error is None:
                raise
            _warn("%s", problem)

    def _give_back(self, trying: Future[bool]) -> None:
        if not trying.cancelled() and trying.exception() is None and trying.result():
            self._leave(LockLost(self.name, 0))


class _Holding:
    """One acquisition, and the thread that renews it."""

    def __init__(self, driver: Driver, record: LockRecord, ttl: float, valid_until: float) -> None:
        self._driver = driver
        self._record = record
        self._ttl = ttl
        self._valid_until = valid_until
        self._pid = os.getpid()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"conveyor-lock-{record.name}", daemon=True)

    @classmethod
    def take(cls, driver: Driver, name: str, ttl: float) -> _Holding | None:
        # From before the question: whatever the store's answer took, the lock ends no sooner than this.
        valid_until = _now() + ttl
        record = driver.acquire_lock(name, _owner(), ttl)
        return None if record is None else cls(driver, record, ttl, valid_until)

    def start(self) -> None:
        self._thread.start()

    @property
    def fence(self) -> int:
        return self._record.fence

    @property
    def is_valid(self) -> bool:
        # A forked child has a copy of the object, not the lock.
        return _now() < self._valid_until and os.getpid() == self._pid

    def release(self) -> bool:
        """Give it up; False when it was no longer held."""
        self._ended.set()
        if os.getpid() != self._pid:
            return False
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            # It may be about to renew what is released here.
            self._thread.join()
        was_valid, self._valid_until = self.is_valid, 0.0
        return self._driver.release_lock(self._record.name, self._record.owner) and was_valid

    def _renew(self) -> None:
        pause = self._ttl / 3
        while not self._ended.wait(pause):
            valid_until = _now() + self._ttl
            try:
                is_held = self._driver.renew_lock(self._record.name, self._record.owner, self._ttl)
            except StoreError as error:
                if not self.is_valid:
                    _warn("lock %r could not be renewed and is lost: %s", self._record.name, error)
                    return
                pause = self._ttl / 10
                continue
            if not is_held:
                self._valid_until = 0.0
                _warn("lock %r is lost: it was not renewed in time, or was released", self._record.name)
                return
            self._valid_until = valid_until
            pause = self._ttl / 3


def _warn(text: str, *words: object) -> None:
    # Logging is slow to import, and most programs that take locks never lose one.
    import logging

    logging.getLogger("conveyor.lock").warning(text, *words)


class _Turns:
    """Pauses between tries, up to a deadline."""

    def __init__(self, name: str, wait: float | None) -> None:
        self._name = name
        self._wait = wait
        self._deadline = None if wait is None else time.monotonic() + wait
        self._pause = _FIRST_PAUSE

    def pause(self) -> float:
        """Seconds until the next try.

        Raises:
            LockTimeout: the deadline has passed.
        """
        # Of random length, so that those who wait do not all come at once.
        pause = self._pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreading, not secrecy
        self._pause = min(self._pause * 1.5, _LONGEST_PAUSE)
        if self._deadline is None:
            return pause
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise LockTimeout(self._name, self._wait or 0.0)
        return min(pause, left)


def _owner() -> str:
    """Who holds it, for people, and something that no other acquisition has."""
    try:
        who = f"job {current_job().id} on "
    except NoCurrentJob:
        who = ""
    return f"{who}{socket.gethostname()}:{os.getpid()} {secrets.token_hex(4)}"


def _now() -> float:
    """Seconds that go on while this process is stopped, and where there is such a clock, while the machine sleeps."""
    return time.clock_gettime(_CLOCK)


_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
