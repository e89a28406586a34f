"""One line in the log for each thing that happens to a job: id, type, queue, attempt, duration."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from conveyor.findings import Finding
from conveyor.records import Claim, JobStatus, Outcome, Reason
from conveyor.worker.plans import Plan
from conveyor.worker.settings import QueueShare, WorkerSettings

logger: Final = logging.getLogger("conveyor.job")
worker: Final = logging.getLogger("conveyor.worker")

_LONGEST: Final = 2000
"""Characters of a job's arguments, at most."""

_NAMED: Final = 20
"""Jobs that a line about many names, at most."""


class _Shown:
    """What lines about jobs show. A process has one log, and says once what goes into it."""

    arguments = False


def show_arguments(*, show: bool) -> None:
    """Whether lines about jobs end with the arguments, as the store keeps them. They may be secret: by itself not."""
    _Shown.arguments = show


def starting(settings: WorkerSettings, name: str, queues: Sequence[QueueShare], plans: Mapping[str, Plan]) -> None:
    """A worker starts: what it does, and what it cannot promise."""
    worker.info(
        "worker %s: %d job type%s, queue%s %s, %d x (%d sync, %d async) jobs at a time",
        name,
        len(plans),
        "" if len(plans) == 1 else "s",
        "" if len(queues) == 1 else "s",
        # A weight is worth saying where somebody has given it.
        ", ".join(f"{each.name}:{each.weight}" if each.weight and settings.queues else each.name for each in queues),
        settings.processes,
        settings.threads,
        settings.async_limit,
    )
    if settings.threads > 1 and any(plan.may_time_out and not plan.is_async for plan in plans.values()):
        worker.warning(
            "with %d threads a sync job that waits in C code is not interrupted at its timeout; %g s later its process "
            "is killed, and the jobs beside it begin again. Use processes for jobs with a timeout",
            settings.threads,
            settings.grace,
        )


def doubtful(findings: Sequence[Finding]) -> None:
    """What about the store could do harm, in one line; nothing where all is well."""
    if problems := [finding.text for finding in findings if not finding.is_ok]:
        worker.warning('about the store: %s. "conveyor doctor" says what to do', "; ".join(problems))


def ready(name: str, processes: int) -> None:
    """All children are up, for the first time."""
    worker.info("worker %s is ready, with %d process%s", name, processes, "" if processes == 1 else "es")


def settled(outcome: Outcome) -> None:
    """A run has ended, and the store knows it."""
    level, event, words = _told(outcome)
    if not logger.isEnabledFor(level):
        return
    claim, failure = outcome.claim, outcome.failure
    fields = _fields(claim, event)
    took = ""
    if outcome.started_at is not None and outcome.ended_at is not None:
        fields["duration_s"] = (outcome.ended_at - outcome.started_at) / 1e6
        took = f" after {fields['duration_s']:.3f} s"
    text = "%s " + words.format(took=took)
    values: list[object] = [_name(claim)]
    if failure is not None:
        text += ": %s: %s" if failure.error_type else ":%s %s"
        values += [failure.error_type.removeprefix("builtins."), failure.message]
        fields |= {"error_type": failure.error_type, "error": failure.message}
    elif outcome.note:
        text += ": %s"
        values.append(outcome.note)
        fields["note"] = outcome.note
    text, values = _with_arguments(claim, text, values, fields)
    if failure is not None and failure.traceback:
        text += "\n%s"
        values.append(failure.traceback.rstrip())
        fields["traceback"] = failure.traceback
    logger.log(level, text, *values, extra=fields)


def refused(outcome: Outcome) -> None:
    """A run has ended whose claim no longer held: somebody else has the job, or has ended it."""
    logger.warning(
        "%s was no longer ours when it ended as %s, so the store has refused that and changed nothing: its lease had "
        "lapsed, or it was cancelled or forgotten",
        _name(outcome.claim),
        outcome.status.value,
        extra=_fields(outcome.claim, "refused"),
    )


def forgotten(outcomes: Sequence[Outcome]) -> None:
    """Runs have ended of which the store has no word: it was cleared, or came back with less than it had."""
    names = [f"{_name(outcome.claim)} {outcome.status.value}" for outcome in outcomes[:_NAMED]]
    if len(outcomes) > _NAMED:
        names.append(f"{len(outcomes) - _NAMED} more")
    logger.error(
        "the store has lost %d job%s that this process held, so what became of %s could not be stored: %s",
        len(outcomes),
        "" if len(outcomes) == 1 else "s",
        "it" if len(outcomes) == 1 else "them",
        "; ".join(names),
        extra={"event": "lost", "job_ids": [str(outcome.claim.id) for outcome in outcomes]},
    )


def came_late(outcome: Outcome) -> None:
    """A run went on after its own transaction had completed the job."""
    failure = outcome.failure
    logger.warning(
        "%s was completed by its own transaction before %s",
        _name(outcome.claim),
        "it returned, so what it returned is not kept; set result on the transaction"
        if failure is None
        else f"it raised {failure.error_type}: {failure.message}; so that changes nothing",
        extra=_fields(outcome.claim, "came_late"),
    )


def lost(claim: Claim) -> None:
    """A claim that waited here too long: not run, for somebody else may have the job."""
    logger.warning(
        "%s was not run: its lease lapsed while it waited here", _name(claim), extra=_fields(claim, "lapsed")
    )


def _name(claim: Claim) -> str:
    return f"{claim.type} {claim.id} (queue {claim.queue}, attempt {claim.attempt})"


def _fields(claim: Claim, event: str) -> dict[str, Any]:
    return {
        "event": event,
        "job_id": str(claim.id),
        "job_type": claim.type,
        "queue": claim.queue,
        "attempt": claim.attempt,
    }


def _with_arguments(claim: Claim, text: str, values: list[object], fields: dict[str, Any]) -> tuple[str, list[object]]:
    if not _Shown.arguments:
        return text, values
    payload = claim.payload if len(claim.payload) <= _LONGEST else claim.payload[:_LONGEST] + "…"
    fields["arguments"] = payload
    return f"{text}; arguments %s", [*values, payload]


def _told(outcome: Outcome) -> tuple[int, str, str]:  # noqa: C901, PLR0911 - a table: one line for each way to end
    """The level, a word for machines, and words for people; "{took}" in these is for the time that the run took."""
    failure = outcome.failure
    again = f"{{took}}, runs again in {outcome.delay or 0.0:.1f} s"
    match outcome.status:
        case JobStatus.COMPLETED if outcome.note:
            return logging.WARNING, "completed", "completed{took}, but its result is lost"
        case JobStatus.COMPLETED:
            # Success is the rule: at thousands of jobs a second a line for each is the biggest cost there is.
            return logging.DEBUG, "completed", "completed{took}"
        case JobStatus.RETRYING if failure is not None and failure.reason is Reason.TIMED_OUT:
            return logging.WARNING, "timed_out", f"timed out{again}"
        case JobStatus.RETRYING:
            return logging.WARNING, "failed", f"failed{again}"
        case JobStatus.PENDING if outcome.held:
            return logging.WARNING, "held", "is held"
        case JobStatus.PENDING if failure is not None:
            return logging.ERROR, "crashed", "crashed{took}, runs again at once"
        case JobStatus.PENDING if outcome.delay is not None and outcome.note:
            return logging.DEBUG, "locked", f"tries again in {outcome.delay:.1f} s"
        case JobStatus.PENDING if outcome.delay is not None:
            return logging.INFO, "snoozed", f"runs again in {outcome.delay:.1f} s, as it asked"
        case JobStatus.PENDING:
            return logging.DEBUG, "handed_back", "was handed back"
        case JobStatus.CANCELLED:
            return logging.INFO, "cancelled", "was cancelled{took}"
        case JobStatus.FAILED | JobStatus.EXPIRED:
            return logging.ERROR, "buried", f"ended{{took}} and went to the dead letters ({outcome.reason})"
        case JobStatus.PROCESSING:  # pragma: no cover - no run ends so
            raise AssertionError
