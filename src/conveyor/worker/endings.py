"""From the end of a run to its outcome."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any, Final

from conveyor import lifecycle, unbroken
from conveyor.errors import PayloadError
from conveyor.failures import after_error, failure_of
from conveyor.records import Claim, NewJob, Outcome, Reason
from conveyor.signals import JobCancelled, JobTimeout
from conveyor.worker import guards
from conveyor.worker.locks import Busy
from conveyor.worker.plans import Plan

_TOLD: Final = (guards.__file__, unbroken.__file__)
"""Where jobs are told to stop."""

_CHAIN: Final = 20
"""Errors behind an error that are looked at."""

_OURS: Final = (
    os.path.dirname(__file__) + os.sep,  # noqa: PTH120 - compared with the text in a code object
    os.path.join(os.path.dirname(os.path.dirname(__file__)), "job_type.py"),  # noqa: PTH118, PTH120 - likewise
    os.path.join(os.path.dirname(os.path.dirname(__file__)), "hooks.py"),  # noqa: PTH118, PTH120 - likewise
)


def completed(  # noqa: PLR0917 - once for each job, where naming six arguments is time that shows
    claim: Claim, plan: Plan, value: Any, follow_ups: tuple[NewJob, ...], started_at: int, ended_at: int
) -> Outcome:
    """A run that returned `value`. Where that cannot be kept, the job is complete all the same, and says so."""
    result: str | None = None
    note: str | None = None
    if value is not None:
        try:
            result = plan.dump(value)
        except PayloadError as error:
            # Running it again would return the same, and do its work twice.
            note = str(error)
    return Outcome(
        claim=claim,
        status=lifecycle.COMPLETED,
        failures=claim.failures,
        crashes=claim.crashes,
        result=result,
        note=note,
        started_at=started_at,
        ended_at=ended_at,
        follow_ups=follow_ups,
    )


def failed(
    claim: Claim,
    plan: Plan,
    error: BaseException,
    *,
    is_read: bool,
    worker: str,
    started_at: int,
    ended_at: int,
) -> Outcome:
    """A run that raised, whatever it raised: SystemExit and KeyboardInterrupt are failures of the job too.

    Args:
        is_read: its payload was read before, so that an error of reading comes from the job's own code.
    """
    if isinstance(error, Busy):
        return error.outcome(claim)
    if isinstance(error, PayloadError) and not is_read:
        return unreadable(claim, error, worker)
    bare(error)
    retry = plan.retry_of(claim)
    outcome = after_error(claim, error, retry, worker=worker, started_at=started_at, ended_at=ended_at)
    # The frames hold the job's arguments, and this error would hold them until the next collection.
    error.__traceback__ = None
    return outcome


def unreadable(claim: Claim, error: PayloadError, worker: str) -> Outcome:
    """A claim whose payload or options cannot be read: it never ran."""
    return lifecycle.unreadable(claim, failure_of(error, claim, Reason.UNREADABLE, worker=worker))


def unknown(claim: Claim) -> Outcome:
    """A claim of a type that is not registered here."""
    return lifecycle.held(
        claim, f"no job of type {claim.type!r} is registered with this worker; it runs when a worker knows the type"
    )


def bare(error: BaseException) -> None:
    """Leave the job's own frames in its traceback: not ours around them, nor those that told it to stop."""
    error.__traceback__ = _without_ours(error.__traceback__)
    behind: BaseException | None = error
    for _ in range(_CHAIN):
        if behind is None:
            return
        if isinstance(behind, JobTimeout | JobCancelled):
            _cut(behind.__traceback__)
        behind = behind.__cause__ or behind.__context__


def _cut(traceback: TracebackType | None) -> None:
    """End it where the job was told."""
    before: TracebackType | None = None
    while traceback is not None:
        if before is not None and traceback.tb_frame.f_code.co_filename in _TOLD:
            before.tb_next = None
            return
        before, traceback = traceback, traceback.tb_next


def _without_ours(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the job's own first frame on; all of it when it never came so far."""
    inner = traceback
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_OURS):
        inner = inner.tb_next
    return inner or traceback
