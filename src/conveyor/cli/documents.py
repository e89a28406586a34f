"""Jobs, queues and workers as JSON documents: moments in RFC 3339, durations in seconds, arguments as they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from conveyor.cli.timeline import timeline
from conveyor.cli.words import when
from conveyor.findings import DeadGroup
from conveyor.health import QueueHealth
from conveyor.metrics import job_figures
from conveyor.records import Counts, Failure, Progress, QueueCounts, StoredJob, WorkerRecord
from conveyor.worker_document import worker_document as document_of


def job_document(job: StoredJob, progress: Progress | None = None) -> dict[str, Any]:
    """A job, every field of it."""
    figures = job_figures(job)
    return {
        "id": str(job.id),
        "queue": job.queue,
        "type": job.type,
        "status": job.status.value,
        "reason": job.reason.value if job.reason else None,
        "note": job.note,
        "held": job.held,
        "cancel_requested": job.cancel_requested,
        "priority": job.priority,
        "attempt": job.attempt,
        "failures": job.failures,
        "crashes": job.crashes,
        "max_crashes": job.max_crashes,
        "pushed_at": when(job.pushed_at),
        "due_at": when(job.due_at),
        "expires_at": _moment(job.expires_at),
        "started_at": _moment(job.started_at),
        "finished_at": _moment(job.finished_at),
        "lease_until": _moment(job.lease_until),
        "worker": job.worker,
        "unique": job.unique,
        "arguments": parsed(job.payload),
        "options": parsed(job.options) if job.options else {},
        "result": None if job.result is None else parsed(job.result),
        "progress": _progress_document(progress) if progress else None,
        "errors": [_failure_document(failure) for failure in job.errors],
        "wait_time": figures.wait_time,
        "execution_time": figures.execution_time,
        "memory": None
        if job.memory is None
        else {name: getattr(job.memory, name) for name in ("before", "after", "peak")},
        "timeline": [{"at": when(at), "event": event} for at, event in timeline(job)],
    }


def progress_document(job: StoredJob, progress: Progress | None) -> dict[str, Any]:
    """How far a job is."""
    return {
        "id": str(job.id),
        "type": job.type,
        "status": job.status.value,
        "progress": _progress_document(progress) if progress else None,
    }


def group_document(group: DeadGroup, newest: StoredJob | None) -> dict[str, Any]:
    """Dead letters of one cause, with the newest of them as the example."""
    last = newest.errors[-1] if newest is not None and newest.errors else None
    return {
        "count": group.count,
        "fingerprint": group.fingerprint or None,
        "queue": group.queue,
        "type": group.type,
        "reason": group.reason.value,
        "error_type": group.error_type or None,
        "message": last.message if last else None,
        "first_at": when(group.first),
        "last_at": when(group.last),
        "newest": str(group.newest),
    }


def queue_document(queue: QueueCounts) -> dict[str, Any]:
    """A queue: all its jobs in sum, and by priority."""
    return {
        "queue": queue.queue,
        "paused": queue.paused,
        **msgspec.to_builtins(total(queue)),
        "oldest_ready": _moment(queue.oldest_ready),
        "last_activity": _moment(queue.last_activity),
        "by_priority": {
            str(priority): msgspec.to_builtins(counts) for priority, counts in sorted(queue.by_priority.items())
        },
    }


def queue_health_document(queue: QueueHealth) -> dict[str, Any]:
    """A queue, and whether it is got through."""
    return {
        "queue": queue.queue,
        "paused": queue.is_paused,
        "ready": queue.ready,
        "waiting": queue.waiting,
        "processing": queue.processing,
        "dead": queue.dead,
        "oldest_age": queue.oldest_age,
        "served": queue.is_served,
        "stalled": queue.is_stalled,
        "growing": queue.is_growing,
        "problem": queue.problem or None,
    }


def worker_document(worker: WorkerRecord, *, stale: bool) -> dict[str, Any]:
    """A worker as of its last beat; `stale` when that is too long ago."""
    return {"stale": stale, **document_of(worker)}


def total(queue: QueueCounts) -> Counts:
    """The counters of all priorities together."""
    return summed(queue.by_priority.values())


def summed(several: Iterable[Counts]) -> Counts:
    """Counters added field by field."""
    out = Counts()
    for counts in several:
        for name in Counts.__struct_fields__:
            setattr(out, name, getattr(out, name) + getattr(counts, name))
    return out


def parsed(text: str) -> Any:
    """Stored JSON as values; the envelope of a codec, or anything else, as the text it is."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return text


def _moment(at: int | None) -> str | None:
    return None if at is None else when(at)


def _failure_document(failure: Failure) -> dict[str, Any]:
    return {
        "attempt": failure.attempt,
        "reason": failure.reason.value,
        "error_type": failure.error_type,
        "message": failure.message,
        "fingerprint": failure.fingerprint or None,
        "queue": failure.queue or None,
        "worker": failure.worker,
        "started_at": _moment(failure.started_at),
        "ended_at": _moment(failure.ended_at),
        "traceback": failure.traceback,
    }


def _progress_document(progress: Progress) -> dict[str, Any]:
    return {
        "current": progress.current,
        "total": progress.total,
        "percentage": progress.percentage,
        "message": progress.message,
        "updated_at": when(progress.updated_at),
        "rate": progress.rate,
        "eta": progress.eta,
    }
