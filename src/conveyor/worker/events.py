"""One line in the log for each thing that happens to a job: id, type, queue, attempt, duration. Never its arguments."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Final

from conveyor.job_type import JobType
from conveyor.records import Claim, JobStatus, Outcome, Reason
from conveyor.worker.settings import QueueShare, WorkerSettings

logger: Final = logging.getLogger("conveyor.job")
worker: Final = logging.getLogger("conveyor.worker")

FORMAT: Final = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def configure(level: int) -> None:
    """Let a process that nobody has told how to log write to standard error, from this level on."""
    if not logging.getLogger().handlers:
        logging.basicConfig(level=level, format=FORMAT)


def starting(
    settings: WorkerSettings, name: str, queues: Sequence[QueueShare], job_types: Mapping[str, JobType]
) -> None:
    """A worker starts: what it does, and what it cannot promise."""
    worker.info(
        "worker %s: %d job types, queues %s, %d x (%d sync, %d async) jobs at a time",
        name,
        len(job_types),
        ", ".join(share.name if share.weight is None else f"{share.name}:{share.weight}" for share in queues),
        settings.processes,
        settings.threads,
        settings.async_limit,
    )
    if settings.threads > 1 and (
        settings.timeout or any(job_type.timeout and not job_type.is_async for job_type in job_types.values())
    ):
        worker.warning(
            "with %d threads a sync job that waits in C code is not interrupted at its timeout; %g s later its process "
            "is killed, and the jobs beside it begin again. Use processes for jobs with a timeout",
            settings.threads,
            settings.grace,
        )


def settled(outcome: Outcome) -> None:
    """A run has ended, and the store knows it."""
    level, words = _told(outcome)
    if not logger.isEnabledFor(level):
        return
    text = "%s %s"
    values: list[object] = [_name(outcome.claim), words]
    if outcome.started_at is not None and outcome.ended_at is not None:
        text += " after %.3f s"
        values.append((outcome.ended_at - outcome.started_at) / 1e6)
    if outcome.failure is not None:
        text += ": %s: %s" if outcome.failure.error_type else ":%s %s"
        values += [outcome.failure.error_type, outcome.failure.message]
        if outcome.failure.traceback:
            text += "\n%s"
            values.append(outcome.failure.traceback.rstrip())
    elif outcome.note:
        text += ": %s"
        values.append(outcome.note)
    logger.log(level, text, *values)


def refused(outcome: Outcome) -> None:
    """A run has ended whose claim no longer held: somebody else has the job, or has ended it."""
    logger.warning(
        "%s was no longer ours when it ended as %s, so the store has refused that and changed nothing: its lease had "
        "lapsed, or it was cancelled or forgotten",
        _name(outcome.claim),
        outcome.status.value,
    )


def lost(claim: Claim) -> None:
    """A claim that waited here too long: not run, for somebody else may have the job."""
    logger.warning("%s was not run: its lease lapsed while it waited here", _name(claim))


def _name(claim: Claim) -> str:
    return f"{claim.type} {claim.id} (queue {claim.queue}, attempt {claim.attempt})"


def _told(outcome: Outcome) -> tuple[int, str]:  # noqa: PLR0911 - a table: one line for each way to end
    failure = outcome.failure
    match outcome.status:
        case JobStatus.COMPLETED:
            # Success is the rule: at thousands of jobs a second a line for each is the biggest cost there is.
            return (
                (logging.WARNING, "completed, but its result is lost") if outcome.note else (logging.DEBUG, "completed")
            )
        case JobStatus.RETRYING:
            timed_out = failure is not None and failure.reason is Reason.TIMED_OUT
            return logging.WARNING, f"{'timed out' if timed_out else 'failed'} and runs again in {outcome.delay:.1f} s"
        case JobStatus.PENDING if outcome.held:
            return logging.WARNING, "is held"
        case JobStatus.PENDING if failure is not None:
            return logging.ERROR, "crashed and runs again"
        case JobStatus.PENDING if outcome.delay:
            return logging.INFO, f"runs again in {outcome.delay:.1f} s, as it asked"
        case JobStatus.PENDING:
            return logging.DEBUG, "was handed back"
        case JobStatus.CANCELLED:
            return logging.INFO, "was cancelled"
        case JobStatus.FAILED | JobStatus.EXPIRED:
            return logging.ERROR, f"went to the dead letters ({outcome.reason})"
        case JobStatus.PROCESSING:  # pragma: no cover - no run ends so
            raise AssertionError
