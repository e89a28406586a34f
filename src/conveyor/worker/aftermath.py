"""What becomes of the claims of a child that is no more. Pure: from what is known about its end to outcomes."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from conveyor import lifecycle
from conveyor.failures import after_error, failure_of
from conveyor.records import Claim, ClaimKey, Outcome, Reason
from conveyor.signals import JobTimeout
from conveyor.worker.guards import CANCELLED
from conveyor.worker.plans import Plan


class Fate(Enum):
    """How a running job lost its process."""

    CRASHED = "crashed"
    """The process died, or had to die, because of it, as far as anyone can tell."""
    TIMED_OUT = "timed out"
    """It ran past its timeout and did not end when it was told to."""
    CANCELLED = "cancelled"
    """Someone wanted it stopped, and it did not end when it was told to."""
    CUT_OFF = "cut off"
    """The process had to die for reasons of its neighbours, or of the worker."""


class Verdict(NamedTuple):
    """A running job's fate, in words too."""

    fate: Fate
    message: str


CANCELLED_HARD: Final = f"{CANCELLED}; it did not end when it was told to, so its process was killed"


class Aftermath(NamedTuple):
    """Everything needed to settle the claims of a child that is no more."""

    child: str
    verdicts: Mapping[ClaimKey, Verdict]
    """Of what ran. All else it held was only fetched, or had ended without the store knowing."""
    started_at: Mapping[ClaimKey, int]
    """When these began, in microseconds since 1970."""
    ended_at: int
    """When the child ended, likewise."""


def death(code: int) -> str:
    """How a process ended, in words: from its exit code, or minus its signal."""
    if code >= 0:
        return f"its process ended with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown"
    hint = " (out of memory, or killed by hand)" if -code == signal.SIGKILL else ""
    return f"its process was killed by signal {-code}, {name}{hint}"


def cut_off(
    claim: Claim, message: str, worker: str, started_at: int | None = None, ended_at: int | None = None
) -> Outcome:
    """A run stopped through no fault of its own: counts for nothing, is offered again, unless it may run only once."""
    if claim.max_crashes > 1:
        return lifecycle.handed_back(claim)
    return _crashed(claim, message, worker, started_at, ended_at)


def outcomes_of(aftermath: Aftermath, claims: Sequence[Claim], plans: Mapping[str, Plan]) -> list[Outcome]:
    """What becomes of each of the claims that the child held."""
    return [_outcome(aftermath, claim, plans) for claim in claims]


def _outcome(aftermath: Aftermath, claim: Claim, plans: Mapping[str, Plan]) -> Outcome:
    key = ClaimKey(claim.id, claim.attempt)
    verdict = aftermath.verdicts.get(key)
    if verdict is None:
        return lifecycle.handed_back(claim)
    worker, started_at, ended_at = aftermath.child, aftermath.started_at.get(key), aftermath.ended_at
    fate, message = verdict
    match fate:
        case Fate.CRASHED:
            return _crashed(claim, message, worker, started_at, ended_at)
        case Fate.CUT_OFF:
            return cut_off(claim, message, worker, started_at, ended_at)
        case Fate.CANCELLED:
            return lifecycle.cancelled(claim, message, started_at=started_at, ended_at=ended_at)
        case Fate.TIMED_OUT:
            plan = plans.get(claim.type)
            if plan is None:
                # A child newer than this supervisor knows the type, and the next one will.
                return _crashed(claim, message, worker, started_at, ended_at)
            error = JobTimeout(message)
            return after_error(
                claim, error, plan.retry_of(claim), worker=worker, started_at=started_at, ended_at=ended_at
            )


def _crashed(claim: Claim, message: str, worker: str, started_at: int | None, ended_at: int | None) -> Outcome:
    failure = failure_of(message, claim, Reason.CRASHED, worker=worker, started_at=started_at, ended_at=ended_at)
    return lifecycle.after_crash(claim, failure)
