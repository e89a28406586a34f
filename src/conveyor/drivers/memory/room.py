"""What the parts of the memory driver share: the state, and the step in which they touch it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from conveyor.drivers.memory.entry import Entry, Place
from conveyor.drivers.memory.state import State
from conveyor.errors import StoreUnavailable
from conveyor.priority import Aging
from conveyor.records import Claim, ClaimKey
from conveyor.retention import Retention
from conveyor.times import SECOND, Clock


class Room:
    """The base of every part of the driver."""

    def __init__(self, url: str, state: State, *, clock: Clock, aging: Aging, retention: Retention) -> None:
        self._url = url
        self._opened: State | None = state
        self._clock = clock
        self._aging = aging
        self._retention = retention

    @property
    def _state(self) -> State:
        state = self._opened
        if state is None:
            raise StoreUnavailable(f"the driver of {self._url} is closed; open the store again to go on")
        return state

    @contextmanager
    def _step(self) -> Generator[tuple[State, int]]:
        """One atomic step: the state, under its lock, and the present moment."""
        state = self._state
        with state.changed:
            # It may have been closed while we waited for the lock.
            yield self._state, self._clock()

    def _due(self, job: Entry, now: int, delay: float | None) -> None:
        """Let the job wait: ready at once with delay 0, else delayed; with `None` ready at once, in its old place."""
        job.lease_until = None
        job.started_at = None
        if delay is None:
            job.place = Place.READY
            return
        job.due_at = now + round(delay * SECOND)
        job.score = self._aging.score(job.priority, job.due_at)
        job.place = Place.DELAYED if job.due_at > now else Place.READY

    @staticmethod
    def _held(state: State, claim: Claim | ClaimKey) -> Entry | None:
        """The running job that this claim holds."""
        job = state.jobs.get(claim.id)
        if job is None or job.place is not Place.PROCESSING or job.attempt != claim.attempt:
            return None
        # An id that was deleted and pushed again may live on elsewhere.
        if isinstance(claim, Claim) and (job.queue, job.priority) != (claim.queue, claim.priority):
            return None
        return job
