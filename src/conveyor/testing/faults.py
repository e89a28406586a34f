"""Where a worker may die, so that a job runs again: set by tests of jobs that must bear it."""

from __future__ import annotations

from enum import Enum
from typing import Final

from conveyor import lifecycle
from conveyor.errors import InvalidValue
from conveyor.failures import failure_of
from conveyor.records import Claim, Outcome, Reason


class Fault(Enum):
    """What happens to a run."""

    AFTER_CLAIM = "its worker died before it began (crash_after_claim)"
    BEFORE_SETTLE = "its worker died when it had run, before the store knew (lose_settle)"


class Faults:
    """The faults that runs are to meet, by job type."""

    def __init__(self) -> None:
        self._left: Final[dict[tuple[Fault, str], int]] = {}

    def add(self, fault: Fault, job_type: str, times: int) -> None:
        """Let the next `times` runs of this type meet the fault.

        Raises:
            InvalidValue: `times` is no whole number from 1 up.
        """
        if type(times) is not int or times < 1:
            raise InvalidValue(f"times is {times!r}; give a whole number from 1 up")
        self._left[fault, job_type] = self._left.get((fault, job_type), 0) + times

    def meets(self, fault: Fault, claim: Claim) -> bool:
        """Whether this run does, which counts as one of them."""
        left = self._left.get((fault, claim.type), 0)
        if left:
            self._left[fault, claim.type] = left - 1
        return left > 0


def crashed(claim: Claim, fault: Fault, ran: Outcome | None = None) -> Outcome:
    """What becomes of a claim whose worker died; `ran` is what nobody came to know of."""
    started_at, ended_at = (None, None) if ran is None else (ran.started_at, ran.ended_at)
    failure = failure_of(fault.value, claim, Reason.CRASHED, worker="test", started_at=started_at, ended_at=ended_at)
    return lifecycle.after_crash(claim, failure)
