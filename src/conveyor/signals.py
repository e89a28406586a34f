"""What a job raises to steer its own fate, and what the worker raises inside it.

A job raises `Retry`, `Snooze`, `Cancel` or `GiveUp`: these are decisions, not errors. The worker raises `JobTimeout` or
`JobCancelled` inside a job; both derive from BaseException, so that a job's `except Exception` does not swallow them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from conveyor.times import seconds

if TYPE_CHECKING:
    from datetime import timedelta


class JobSignal(Exception):
    """The root of what a job may raise to steer."""


class Retry(JobSignal):
    """Run me again; this run counts as a failure, and so as one of `max_attempts`.

    Args:
        after: seconds or timedelta until the next attempt; `None` leaves it to the job's retry strategy.
        reason: kept with the attempt.

    Raises:
        InvalidValue: `after` is negative or not a duration.
    """

    def __init__(self, after: float | timedelta | None = None, reason: str = "") -> None:
        super().__init__(reason or "the job asked to be retried")
        self.after = None if after is None else seconds(after, "Retry(after=)")


class Snooze(JobSignal):
    """Run me later; this run counts for nothing.

    Args:
        after: seconds or timedelta until the job is offered again.

    Raises:
        InvalidValue: `after` is negative or not a duration.
    """

    def __init__(self, after: float | timedelta) -> None:
        super().__init__("the job asked to run later")
        self.after = seconds(after, "Snooze(after)")


class Cancel(JobSignal):
    """I am no longer wanted: end as CANCELLED, keep `reason`, and do not go to the dead letters."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class GiveUp(JobSignal):
    """Trying again is pointless: go to the dead letters now, whatever attempts are left."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(reason)
        self.reason = reason


class JobTimeout(BaseException):
    """Raised inside a job that ran past its timeout. Clean up and let it pass: after a grace the process is killed."""


class JobCancelled(BaseException):
    """Raised inside a running job that a person cancelled. Clean up and let it pass, as with `JobTimeout`."""
