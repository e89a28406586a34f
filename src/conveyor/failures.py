"""From what a job raised to what becomes of it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from conveyor import lifecycle
from conveyor.records import Claim, Failure, Outcome, Reason
from conveyor.retry import RetryStrategy
from conveyor.signals import Cancel, GiveUp, JobCancelled, JobTimeout, Retry, Snooze
from conveyor.text import escaped

MAX_MESSAGE: Final = 10_000
"""Characters kept of a message, and of a traceback: an error must not outgrow the job."""


def failure_of(
    error: BaseException | str,
    claim: Claim,
    reason: Reason = Reason.FAILED,
    *,
    worker: str = "",
    started_at: int | None = None,
    ended_at: int | None = None,
) -> Failure:
    """The record of one attempt's bad end. A text in place of an exception has no type and no traceback."""
    if isinstance(error, str):
        error_type, message, traceback = "", error, ""
    else:
        error_type, message, traceback = error_name(type(error)), _message(error), _traceback(error)
    return Failure(
        attempt=claim.attempt,
        queue=claim.queue,
        fingerprint=fingerprint_of(error, claim.type, reason),
        reason=reason,
        error_type=error_type,
        message=escaped(message[:MAX_MESSAGE]),
        traceback=escaped(traceback),
        worker=worker,
        started_at=started_at,
        ended_at=ended_at,
    )


def fingerprint_of(error: BaseException | str, type: str, reason: Reason) -> str:
    """Twelve hexadecimal digits that are the same for failures of one cause, whatever their message and line numbers.

    They are made of the job type, the reason, the exception's type and the function that raised it. A timeout may come
    anywhere, so its place says nothing.
    """
    parts = [type, reason.value]
    if not isinstance(error, str):
        parts.append(error_name(error.__class__))
        if reason is not Reason.TIMED_OUT:
            parts.append(_place(error))
    return blake2b("\0".join(parts).encode(errors="backslashreplace"), digest_size=6).hexdigest()


def _place(error: BaseException) -> str:
    """The function that raised it, by module and name; the innermost one that the traceback has."""
    step = error.__traceback__
    if step is None:
        return ""
    while step.tb_next is not None:
        step = step.tb_next
    return f"{step.tb_frame.f_globals.get('__name__', '')}.{step.tb_frame.f_code.co_qualname}"


def after_error(
    claim: Claim,
    error: BaseException | str,
    retry: RetryStrategy,
    *,
    worker: str = "",
    started_at: int | None = None,
    ended_at: int | None = None,
) -> Outcome:
    """Where a run goes that raised `error`: the one reading of signals, timeouts and ordinary exceptions."""
    if isinstance(error, Snooze):
        return lifecycle.snoozed(claim, error.after)
    if isinstance(error, Cancel | JobCancelled):
        note = escaped(str(error)[:MAX_MESSAGE]) or "cancelled while it ran"
        return lifecycle.cancelled(claim, note, started_at=started_at, ended_at=ended_at)
    reason = Reason.FAILED
    if isinstance(error, JobTimeout):
        reason = Reason.TIMED_OUT
    elif isinstance(error, GiveUp):
        reason = Reason.GIVEN_UP
    failure = failure_of(error, claim, reason, worker=worker, started_at=started_at, ended_at=ended_at)
    if isinstance(error, GiveUp):
        return lifecycle.given_up(claim, failure)
    if isinstance(error, Retry):
        return lifecycle.after_failure(claim, failure, retry, delay=error.after)
    # A text is of no type that retry_on could name; it is retried while attempts last.
    allowed = isinstance(error, str) or retry.allows(error)
    return lifecycle.after_failure(claim, failure, retry, allowed=allowed)


def error_name(kind: type[BaseException]) -> str:
    """An exception type's dotted name."""
    return f"{kind.__module__}.{kind.__qualname__}"


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception as broken:  # noqa: BLE001 - a user's __str__ may raise anything; the failure is recorded all the same
        return f"(its message could not be made: {type(broken).__name__})"


def _traceback(error: BaseException) -> str:
    import traceback

    text = "".join(traceback.format_exception(error))
    # The end names the cause.
    return text if len(text) <= MAX_MESSAGE else "…" + text[-MAX_MESSAGE:]
