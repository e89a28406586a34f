"""Taking jobs from a queue by hand: each is leased to the caller, who says what became of it."""

from __future__ import annotations

import os
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from conveyor import lifecycle
from conveyor.errors import ClaimLost, InvalidValue, PayloadError
from conveyor.failures import after_error, failure_of
from conveyor.options import JobOptions
from conveyor.payload import JobCall, JobPayload, Runs, positive
from conveyor.priority import Priority
from conveyor.records import Claim, ClaimKey, JobId, Outcome, Reason
from conveyor.retry import Duration
from conveyor.times import SECOND, seconds

if TYPE_CHECKING:
    from concurrent.futures import Future

    from conveyor.app import Conveyor

LEASE: Final = 30.0
"""Seconds a popped job is the caller's, unless extended."""

TENDING_PAUSE: Final = 1.0
"""Seconds between two looks for lapsed leases by an application that pops from empty queues."""

RESCUED: Final = 100
"""How many lapsed leases one look settles."""


@dataclass(frozen=True, slots=True, init=False, repr=False)
class LeasedPayload(JobPayload):
    """A job that `Queue.pop` leased: `job` is the call or the class instance with its arguments decoded.

    Attributes:
        id: the job's id.
        attempt: how often it has been claimed, this time included.
        claim: the right to settle it; (id, attempt) is its fence.
    """

    id: JobId
    attempt: int
    claim: Claim

    def __init__(self, job: JobCall[Any] | Runs[Any], claim: Claim, options: JobOptions) -> None:
        JobPayload.__init__(
            self,
            job,
            id=claim.id,
            queue=claim.queue,
            priority=Priority(claim.priority),
            timeout=options.timeout,
            retry=options.strategy(),
            metadata=options.metadata,
        )
        object.__setattr__(self, "attempt", claim.attempt)
        object.__setattr__(self, "claim", claim)


class Leases(ABC):
    """The consumer's side of a queue. Works with or without workers on the same queue."""

    @property
    @abstractmethod
    def _target(self) -> tuple[Conveyor, str]:
        """The application, and the queue's name."""

    def pop(self, lease: Duration = LEASE, *, timeout: Duration = 0) -> LeasedPayload | None:
        """Take the next ready job; `None` when there is none, or the queue is paused.

        It is leased, not gone: `complete`, `fail` or `release` it before the lease ends, or `extend` it; otherwise it
        counts a crash and is offered again. A job of an unregistered type is held back and shown, one whose payload no
        longer fits its job goes to the dead letters with its bytes; neither is answered.

        Args:
            lease: seconds or timedelta.
            timeout: seconds or timedelta to wait for a job when none is ready.
        """
        app, queue = self._target
        lease = positive(lease, "lease")
        deadline = time.monotonic() + seconds(timeout, "timeout")
        while True:
            claims = app.driver.claim([queue], limit=1, lease=lease, worker=_consumer())
            if not claims and self._tend():
                continue
            if not claims:
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                app.driver.wait([queue], min(left, TENDING_PAUSE))
            elif (payload := self._read(claims[0])) is not None:
                return payload

    def complete(self, payload: LeasedPayload, result: object = None) -> None:
        """The job is done; keep `result` for `JobHandle.result`.

        Raises:
            ClaimLost: it is no longer leased to this payload; nothing was changed.
            PayloadError: JSON cannot hold the result; the job is still leased.
        """
        claim = _claim_of(payload)
        app, _ = self._target
        stored = app.job_types.named(claim.type).dump_result(result)
        self._settle(lifecycle.after_success(claim, stored, ended_at=app.clock()))

    def fail(self, payload: LeasedPayload, error: BaseException | str) -> None:
        """The job failed: it is retried as its payload or its type says, or goes to the dead letters with `error`.

        Signals are understood as in a worker: `fail(payload, Snooze(60))` lets it run later at no cost.

        Raises:
            ClaimLost: it is no longer leased to this payload; nothing was changed.
        """
        claim = _claim_of(payload)
        app, _ = self._target
        retry = payload.retry or app.job_types.named(claim.type).retry
        self._settle(after_error(claim, error, retry, worker=_consumer(), ended_at=app.clock()))

    def release(self, payload: LeasedPayload) -> None:
        """Give the job back unrun: it is offered again at once, at no cost.

        Raises:
            ClaimLost: it is no longer leased to this payload; nothing was changed.
        """
        claim = _claim_of(payload)
        self._settle(lifecycle.handed_back(claim))

    def extend(self, payload: LeasedPayload, lease: Duration = LEASE) -> None:
        """Let the lease end `lease` (seconds or timedelta) from now.

        Raises:
            ClaimLost: the lease lapsed and somebody else has the job, or it was settled.
        """
        claim = _claim_of(payload)
        app, _ = self._target
        key = ClaimKey(claim.id, claim.attempt)
        if not app.driver.extend([key], positive(lease, "lease"))[0]:
            raise ClaimLost(key.id, key.attempt)

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def apop(self, lease: Duration = LEASE, *, timeout: Duration = 0) -> LeasedPayload | None:  # noqa: ASYNC109
        """As `pop`. It occupies no thread while it waits; a job leased to a caller who was cancelled is given back."""
        import asyncio

        app, _ = self._target
        deadline, pause = time.monotonic() + seconds(timeout, "timeout"), 0.002
        while True:
            popped = app.aio.submit(self.pop, lease)
            try:
                payload = await asyncio.wrap_future(popped)
            except asyncio.CancelledError:
                popped.add_done_callback(self._give_back)
                raise
            left = deadline - time.monotonic()
            if payload is not None or left <= 0:
                return payload
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.5, 0.05)

    async def acomplete(self, payload: LeasedPayload, result: object = None) -> None:
        """As `complete`."""
        await self._target[0].aio.call(self.complete, payload, result)

    async def afail(self, payload: LeasedPayload, error: BaseException | str) -> None:
        """As `fail`."""
        await self._target[0].aio.call(self.fail, payload, error)

    async def arelease(self, payload: LeasedPayload) -> None:
        """As `release`."""
        await self._target[0].aio.call(self.release, payload)

    async def aextend(self, payload: LeasedPayload, lease: Duration = LEASE) -> None:
        """As `extend`."""
        await self._target[0].aio.call(self.extend, payload, lease)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, claim: Claim) -> LeasedPayload | None:
        """The claim's payload; where it cannot be read, the claim is settled."""
        app, _ = self._target
        job_type = app.job_types.get(claim.type)
        if job_type is None:
            note = f"no job of type {claim.type!r} is registered with the application that popped it"
            app.driver.settle([lifecycle.held(claim, note)])
            return None
        try:
            return LeasedPayload(job_type.load_job(claim.payload), claim, JobOptions.decode(claim.options))
        except (PayloadError, InvalidValue) as error:
            failure = failure_of(error, claim, Reason.UNREADABLE, worker=_consumer(), ended_at=app.clock())
            app.driver.settle([lifecycle.unreadable(claim, failure)])
            return None

    def _settle(self, outcome: Outcome) -> None:
        app, _ = self._target
        if not app.driver.settle([outcome])[0]:
            raise ClaimLost(outcome.claim.id, outcome.claim.attempt)

    def _tend(self) -> bool:
        """What a worker would do for a queue that has none: rescue and tend. True when there may be a job now."""
        app, _ = self._target
        now = app.clock()
        # A clock that was set back must not stop the tending until it has caught up.
        if 0 <= now - app.tended_at < TENDING_PAUSE * SECOND:
            return False
        app.tended_at = now
        lapsed = app.driver.lapsed(RESCUED)
        failures = [failure_of("the lease lapsed", claim, Reason.CRASHED, ended_at=now) for claim in lapsed]
        rescued = app.driver.settle([lifecycle.after_crash(*each) for each in zip(lapsed, failures, strict=True)])
        tended = app.driver.tend(tuple(app.job_types))
        return any(rescued) or tended.promoted > 0 or tended.unheld > 0

    def _give_back(self, popped: Future[LeasedPayload | None]) -> None:
        if not popped.cancelled() and popped.exception() is None and (payload := popped.result()) is not None:
            self.release(payload)


def _claim_of(payload: object) -> Claim:
    """What `pop` leased; the usual slip is to hand on the None of an empty queue."""
    if not isinstance(payload, LeasedPayload):
        raise InvalidValue(
            f"payload is {payload!r}; give what pop() leased to you (it answers None when no job is ready)"
        )
    return payload.claim


def _consumer() -> str:
    """The name under which this process pops."""
    return f"pop@{os.uname().nodename}:{os.getpid()}"
