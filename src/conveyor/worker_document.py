"""A worker as a JSON document: for commands with `--json` and for who asks it over HTTP."""

from __future__ import annotations

from typing import Any

from conveyor.health import WorkerHealth
from conveyor.records import RunningJob, WorkerRecord
from conveyor.times import moment


def worker_document(worker: WorkerRecord) -> dict[str, Any]:
    """A worker as of its last beat, or as of now: moments in RFC 3339."""
    return {
        "name": worker.name,
        "host": worker.host,
        "pid": worker.pid,
        "state": worker.state,
        "ready": not worker.trouble,
        "trouble": worker.trouble or None,
        "queues": list(worker.queues),
        "processes": len(worker.children),
        "slots": worker.slots,
        "running": worker.running,
        "jobs": [_running(job) for job in worker.jobs],
        "rss_bytes": worker.rss_bytes,
        "started_at": _when(worker.started_at),
        "last_claim_at": None if worker.last_claim_at is None else _when(worker.last_claim_at),
        "beat_at": _when(worker.beat_at),
    }


def worker_health_document(worker: WorkerHealth) -> dict[str, Any]:
    """A worker and whether it is healthy; by the same names as above."""
    return {
        "name": worker.name,
        "host": worker.host,
        "pid": worker.pid,
        "state": worker.state,
        "healthy": worker.is_healthy,
        "problem": worker.problem or None,
        "queues": list(worker.queues),
        "slots": worker.slots,
        "running": worker.running,
        "jobs": [_running(job) for job in worker.jobs],
        "rss_bytes": worker.rss_bytes,
        "started_at": _when(worker.started_at),
        "last_claim_at": None if worker.last_claim is None else _when(worker.last_claim),
        "beat_at": _when(worker.last_heartbeat),
    }


def _running(job: RunningJob) -> dict[str, Any]:
    return {
        "id": str(job.id),
        "type": job.type or None,
        "attempt": job.attempt,
        "started_at": _when(job.started_at),
    }


def _when(at: int) -> str:
    return moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
