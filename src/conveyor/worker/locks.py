"""Jobs that run one at a time for each key: each run takes its lock first, and goes back in line where it is held."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from conveyor import lifecycle
from conveyor.drivers.base import Driver
from conveyor.errors import StoreError
from conveyor.job_lock import JobLock
from conveyor.records import Claim, ClaimKey, Outcome
from conveyor.worker.estimates import Estimates

SHORTEST: Final = 0.1
LONGEST: Final = 1.0
"""Seconds between two tries for one key by the jobs of one process: about the time a run takes, within these bounds."""

FARTHEST: Final = 60.0
"""Seconds after which the last of a long line tries again."""

_FORGOTTEN: Final = 10_000
"""How many lines are remembered."""

logger: Final = logging.getLogger("conveyor.worker")


class Busy(Exception):
    """Raised in place of a run whose lock is held: the job goes back, to try again later, and that costs nothing."""

    def __init__(self, name: str, after: float) -> None:
        super().__init__(f"lock {name!r} is held")
        self._name = name
        self._after = after

    def outcome(self, claim: Claim) -> Outcome:
        """What becomes of the claim."""
        return msgspec.structs.replace(lifecycle.snoozed(claim, self._after), note=f"waits for the lock {self._name!r}")


class JobLocks:
    """The locks of the jobs that run in one process. From any thread.

    They are held in the name of the process and the run, and live as long as its lease: the supervisor renews them
    together. Of those who wait for one key, one tries about as often as a run ends, so that a long line costs the store
    as little as a short one.
    """

    def __init__(self, driver: Driver, child: str, lease: float, estimates: Estimates) -> None:
        self._driver = driver
        self._child = child
        self._lease = lease
        self._estimates = estimates
        self._mutex = threading.Lock()
        self._lines: dict[str, float] = {}
        """By name, when the last of those sent away tries again (monotonic seconds)."""

    def enter(self, lock: JobLock, claim: Claim, call: Callable[[], Any]) -> str:
        """Take the lock for this run; answer its name.

        Raises:
            Busy: another run holds it, or a holder outside of jobs.
            InvalidValue: it has no name that can be made of the job's arguments.
        """
        name = lock.name_of(call)
        try:
            record = self._driver.acquire_lock(name, owner_of(self._child, claim), self._lease)
        except StoreError:
            # That is no failure of the job's.
            raise Busy(name, LONGEST) from None
        if record is None:
            raise Busy(name, self._place_in_line(name, claim.type))
        with self._mutex:
            self._lines.pop(name, None)
        return name

    def leave(self, name: str, claim: Claim) -> None:
        """The run has ended."""
        try:
            self._driver.release_lock(name, owner_of(self._child, claim))
        except StoreError as error:
            logger.warning("lock %r could not be released, so it is held until its lease is over: %s", name, error)

    def _place_in_line(self, name: str, type: str) -> float:
        """In how many seconds to try again."""
        mean = self._estimates.mean({type: 1})
        step = LONGEST if mean is None else min(LONGEST, max(SHORTEST, mean / 1e6))
        now = time.monotonic()
        with self._mutex:
            if len(self._lines) > _FORGOTTEN:
                self._lines = {each: at for each, at in self._lines.items() if at > now}
            at = max(now, self._lines.get(name, now)) + step
            if at - now > FARTHEST:
                return FARTHEST
            self._lines[name] = at
        return at - now


def owner_of(child: str, claim: Claim) -> str:
    """In whose name a run holds its lock: for people too, who see it beside those that programs hold."""
    return _owner(child, claim)


def _owner(child: str, run: Claim | ClaimKey) -> str:
    return f"job {run.id} on {child} attempt {run.attempt}"


def renew(driver: Driver, running: Sequence[tuple[str, ClaimKey]], lease: float) -> None:
    """Renew the locks of these runs, given with the process they run in."""
    owners = {_owner(child, key) for child, key in running}
    for lock in driver.locks():
        if lock.owner in owners:
            driver.renew_lock(lock.name, lock.owner, lease)


def release_all(driver: Driver, child: str) -> None:
    """Release whatever a process held that is no more."""
    for lock in driver.locks():
        if lock.owner.partition(" on ")[2].startswith(f"{child} attempt "):
            driver.release_lock(lock.name, lock.owner)
