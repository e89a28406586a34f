"""What a user's type checker sees of payloads, handles and queues. Checked by mypy and pyright, never run.

Every ignore is an error that a user must see: a checker complains about an ignore that is not needed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, assert_type

import conveyor
from conveyor import (
    CancelAnswer,
    Conveyor,
    JobCall,
    JobHandle,
    JobId,
    JobMetadata,
    JobPayload,
    JobStatus,
    LeasedPayload,
    Priority,
    Progress,
    QueueStats,
    RetryStrategy,
    StoredJob,
    current_job,
)

app = Conveyor()
queue = app.queue("billing")


def payloads_have_narrow_fields(call: JobCall[int]) -> None:
    payload = JobPayload.create(call, priority="high", delay=timedelta(minutes=5), metadata={"tenant": 7}, id="…")
    assert_type(payload, JobPayload)
    assert_type(payload.priority, Priority | None)
    assert_type(payload.delay, float | None)
    assert_type(payload.expires, float | datetime | None)
    assert_type(payload.retry, RetryStrategy | None)
    assert_type(payload.metadata, JobMetadata | None)
    assert_type(payload.id, JobId | None)
    assert_type(payload.with_id("…"), JobPayload)
    assert_type(JobPayload.delayed(call, 5), JobPayload)
    assert_type(JobPayload.critical(call, timeout=5), JobPayload)
    assert_type(JobPayload.background(call), JobPayload)


def payloads_refuse_what_is_no_option(call: JobCall[int]) -> None:
    JobPayload.create(call, dely=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    JobPayload.create(call, delay="5m")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    JobPayload.delayed(call)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    JobPayload.immediate(call, run_at=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    JobPayload(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def payloads_are_frozen(payload: JobPayload) -> None:
    payload.delay = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


async def handles(handle: JobHandle[int]) -> None:
    assert_type(handle.id, JobId)
    assert_type(handle.status, JobStatus)
    assert_type(handle.info, StoredJob)
    assert_type(handle.progress, Progress | None)
    assert_type(handle.result(timedelta(seconds=5)), int)
    assert_type(handle.cancel(), CancelAnswer)
    assert_type(await handle.astatus(), JobStatus)
    assert_type(await handle.aresult(5), int)
    assert_type(app.handle("…"), JobHandle[Any])


async def queues() -> None:
    payload = queue.pop(timeout=5)
    assert_type(payload, LeasedPayload | None)
    queue.complete(payload)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    if payload is not None:
        assert_type(payload.id, JobId)
        assert_type(payload.attempt, int)
        queue.complete(payload, {"sent": True})
        queue.fail(payload, ValueError())
    assert_type(queue.peek(), StoredJob | None)
    assert_type(queue.size(), int)
    assert_type(queue.stats(), QueueStats)
    assert_type(await queue.apop(), LeasedPayload | None)


def jobs_see_themselves(call: JobCall[int]) -> None:
    current = current_job()
    assert_type(current.id, JobId)
    assert_type(current.metadata, JobMetadata)
    assert_type(current.push(call, queue="slow"), JobHandle[int])
    current.logger.info("on it")


def names_that_are_not_there_are_errors() -> None:
    conveyor.Convoy  # type: ignore[attr-defined]  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnusedExpression]
