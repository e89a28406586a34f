"""What may follow what, and where a run goes when it ends. Pure: drivers apply these outcomes and decide nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from conveyor.records import Claim, Failure, JobStatus, NewJob, Outcome, Reason
from conveyor.retry import RetryStrategy

PENDING: Final = JobStatus.PENDING
PROCESSING: Final = JobStatus.PROCESSING
COMPLETED: Final = JobStatus.COMPLETED
FAILED: Final = JobStatus.FAILED
RETRYING: Final = JobStatus.RETRYING
CANCELLED: Final = JobStatus.CANCELLED
EXPIRED: Final = JobStatus.EXPIRED

MOVES: Final[Mapping[JobStatus, frozenset[JobStatus]]] = {
    PENDING: frozenset({PROCESSING, CANCELLED, EXPIRED}),  # waiting, for its turn or for its due time
    PROCESSING: frozenset({COMPLETED, RETRYING, PENDING, FAILED, EXPIRED, CANCELLED}),  # PENDING: handed back
    RETRYING: frozenset({PROCESSING, CANCELLED}),  # waiting for its next attempt; it has begun, so it cannot expire
    FAILED: frozenset({PENDING}),  # redriven from the dead letters
    EXPIRED: frozenset({PENDING}),  # likewise
    COMPLETED: frozenset(),
    CANCELLED: frozenset(),
}
"""The state machine: from each status, the statuses that may come next."""


def after_success(
    claim: Claim,
    result: str | None,
    *,
    started_at: int | None = None,
    ended_at: int | None = None,
    follow_ups: tuple[NewJob, ...] = (),
) -> Outcome:
    """A run that returned: the job is complete, and what it pushed comes to exist with that."""
    return Outcome(
        claim=claim,
        status=COMPLETED,
        failures=claim.failures,
        crashes=claim.crashes,
        result=result,
        started_at=started_at,
        ended_at=ended_at,
        follow_ups=follow_ups,
    )


def after_failure(
    claim: Claim, failure: Failure, retry: RetryStrategy, *, allowed: bool = True, delay: float | None = None
) -> Outcome:
    """A run that raised or timed out: to its next attempt, or to the dead letters once its failures are used up.

    `allowed` is the strategy's answer on the exception itself; `delay` (seconds) overrides its delay.
    """
    failures = claim.failures + 1
    if allowed and retry.should_retry(failures):
        wait = retry.delay(failures) if delay is None else delay
        return _ended(claim, RETRYING, failure, failures=failures, delay=wait)
    status = EXPIRED if failure.reason is Reason.TIMED_OUT else FAILED
    return _ended(claim, status, failure, failures=failures)


def after_crash(claim: Claim, failure: Failure) -> Outcome:
    """A run whose process or machine died: offered again in its place, or buried after `max_crashes` of them."""
    crashes = claim.crashes + 1
    if crashes >= claim.max_crashes:
        return _ended(claim, FAILED, failure, crashes=crashes)
    return _ended(claim, PENDING, failure, crashes=crashes, delay=None)


def given_up(claim: Claim, failure: Failure) -> Outcome:
    """A run that raised GiveUp: to the dead letters, whatever attempts are left."""
    return _ended(claim, FAILED, failure, failures=claim.failures + 1)


def unreadable(claim: Claim, failure: Failure) -> Outcome:
    """A payload that does not fit its job: to the dead letters as it is. It never ran, so it counts as no failure."""
    return _ended(claim, FAILED, failure)


def handed_back(claim: Claim) -> Outcome:
    """A claim given up unrun, or stopped by a shutdown: it counts for nothing and is offered again in its place."""
    return Outcome(claim=claim, status=PENDING, failures=claim.failures, crashes=claim.crashes, delay=None)


def snoozed(claim: Claim, delay: float) -> Outcome:
    """A run that asked to run later, in `delay` seconds: it counts for nothing."""
    return Outcome(claim=claim, status=PENDING, failures=claim.failures, crashes=claim.crashes, delay=delay)


def held(claim: Claim, note: str) -> Outcome:
    """A job whose type nobody here knows: kept back, and offered again when a worker knows it."""
    return Outcome(
        claim=claim,
        status=PENDING,
        failures=claim.failures,
        crashes=claim.crashes,
        delay=None,
        held=True,
        note=note,
    )


def cancelled(claim: Claim, note: str, *, started_at: int | None = None, ended_at: int | None = None) -> Outcome:
    """A run that raised Cancel, or that a person stopped."""
    return Outcome(
        claim=claim,
        status=CANCELLED,
        failures=claim.failures,
        crashes=claim.crashes,
        note=note,
        started_at=started_at,
        ended_at=ended_at,
    )


def _ended(
    claim: Claim,
    status: JobStatus,
    failure: Failure,
    *,
    failures: int | None = None,
    crashes: int | None = None,
    delay: float | None = 0.0,
) -> Outcome:
    return Outcome(
        claim=claim,
        status=status,
        delay=delay,
        failures=claim.failures if failures is None else failures,
        crashes=claim.crashes if crashes is None else crashes,
        failure=failure,
        reason=failure.reason if status.is_failure else None,
        started_at=failure.started_at,
        ended_at=failure.ended_at,
    )
