"""Jobs that have to stop: their children are told, and killed where that does not help."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from conveyor.records import ClaimKey
from conveyor.worker.messages import Cancel
from conveyor.worker.offspring import Offspring
from conveyor.worker.plans import BILLION
from conveyor.worker.watch import overdue

logger: Final = logging.getLogger("conveyor.worker")


class Enforcer:
    """Sees to it that jobs end which are past their timeout, or whose end someone wants.

    Args:
        threads: how many of a child's slots belong to threads.
        grace: seconds that a job has to end once it has been told to.
        wake: ends the supervisor's wait. Called from any thread.
    """

    def __init__(self, *, threads: int, grace: float, wake: Callable[[], None]) -> None:
        self._threads = threads
        self._grace = round(grace * BILLION)
        self._wake = wake
        self._wanted: deque[ClaimKey] = deque()
        self._cancelled: dict[ClaimKey, int] = {}

    def want_cancelled(self, keys: Sequence[ClaimKey]) -> None:
        """Someone wants these jobs stopped. From any thread; again changes nothing."""
        self._wanted.extend(keys)
        self._wake()

    def run_once(self, children: Sequence[Offspring]) -> None:
        """Pass on what is wanted, and kill the children of jobs whose time to end is over."""
        self._pass_on(children)
        self._stop_the_overdue(children)

    def _pass_on(self, children: Sequence[Offspring]) -> None:
        """Its time to end begins when a job is seen running; while it only waits in a child, it is handed back."""
        if not self._wanted:
            return
        running = [{job.key: job for job in child.slots.running()} for child in children]
        while self._wanted:
            key = self._wanted.popleft()
            for child, jobs in zip(children, running, strict=True):
                if (job := jobs.get(key)) is not None:
                    self._cancelled.setdefault(key, time.monotonic_ns())
                    if not job.told:
                        child.send(Cancel(key))
                elif child.slots.header().held:
                    child.send(Cancel(key))

    def _stop_the_overdue(self, children: Sequence[Offspring]) -> None:
        cancelled: dict[ClaimKey, int] = {}
        for child in children:
            child.channel.flush()
            running = child.slots.running()
            cancelled |= {job.key: self._cancelled[job.key] for job in running if job.key in self._cancelled}
            if child.is_killed:
                continue
            verdicts = overdue(
                running,
                child.slots.header(),
                self._cancelled,
                threads=self._threads,
                grace=self._grace,
                now=time.monotonic_ns(),
            )
            if verdicts is not None:
                logger.warning("killing child %s: a job in it did not end when it was told to", child.name)
                child.kill(verdicts)
        self._cancelled = cancelled
