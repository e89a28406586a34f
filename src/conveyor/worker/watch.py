"""Timeouts and cancellation, second step: a job that did not end when it was told to loses its process. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from conveyor.records import ClaimKey
from conveyor.worker.aftermath import CANCELLED_HARD, Fate, Verdict
from conveyor.worker.plans import BILLION
from conveyor.worker.slots import Header, Running

_BLOCKER: Final = "held up its process, so that a job beside it could not be stopped in time; the process was killed"
_NEIGHBOUR: Final = "its process was killed because of another job in it"


def overdue(
    running: Sequence[Running],
    header: Header,
    cancelled: Mapping[ClaimKey, int],
    *,
    threads: int,
    grace: int,
    now: int,
) -> dict[ClaimKey, Verdict] | None:
    """Whether a child has to die, and what that means for each job that runs in it; `None` when it need not.

    Args:
        running: what runs.
        cancelled: which of it someone wants stopped, and since when.
        threads: slots below this number belong to threads, the others to the event loop.
        grace: how long a job may take to end once it has been told to. Like the moments, in monotonic nanoseconds.
    """
    late: dict[ClaimKey, Verdict] = {}
    unheard: list[Running] = []
    for job in running:
        asked = cancelled.get(job.key)
        if job.until and now >= job.until + grace:
            limit = (job.until - job.since) / BILLION
            message = (
                f"ran past its timeout of {limit:g} s and did not end when it was told to, so its process was killed"
            )
            late[job.key] = Verdict(Fate.TIMED_OUT, message)
        elif asked is not None and now >= asked + grace:
            late[job.key] = Verdict(Fate.CANCELLED, CANCELLED_HARD)
        else:
            continue
        if job.slot >= threads and not job.told:
            unheard.append(job)
    if not late:
        return None
    verdicts = {job.key: late.get(job.key, Verdict(Fate.CUT_OFF, _NEIGHBOUR)) for job in running}
    if unheard:
        # Async jobs that were not even told: something keeps the loop from turning. It is the job that has the loop to
        # itself; if there is none, a job on a thread that holds the interpreter lock.
        blockers = [job for job in running if job.slot == header.stepping]
        blockers = blockers or [job for job in running if job.slot < threads]
        guilty = {job.key for job in blockers}
        for victim in unheard:
            if guilty and victim.key not in guilty and verdicts[victim.key].fate is Fate.TIMED_OUT:
                verdicts[victim.key] = Verdict(Fate.CUT_OFF, _NEIGHBOUR)
        for key in guilty - late.keys():
            verdicts[key] = Verdict(Fate.CRASHED, _BLOCKER)
    return verdicts


def after_death(
    running: Sequence[Running], header: Header, message: str, *, threads: int, from_outside: bool
) -> dict[ClaimKey, Verdict]:
    """Whom to count a crash when a child died by itself.

    Everything that ran, except that a job which had the event loop to itself that moment clears the other async jobs,
    which were only waiting. A kill from outside hits whoever runs: then it proves nothing.
    """
    on_loop = header.stepping is not None and not from_outside
    verdicts: dict[ClaimKey, Verdict] = {}
    for job in running:
        is_cleared = on_loop and job.slot >= threads and job.slot != header.stepping
        verdicts[job.key] = Verdict(Fate.CUT_OFF, _NEIGHBOUR) if is_cleared else Verdict(Fate.CRASHED, message)
    return verdicts
