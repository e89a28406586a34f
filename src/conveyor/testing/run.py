"""One run of a job in a test."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from conveyor.handle import JobHandle
from conveyor.records import JobStatus


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a job, as `Kit.drain` answers it.

    Attributes:
        type: the job type.
        attempt: how often the job had been claimed, this time included.
        status: where the run left the job.
        error: what the job raised, `None` when it returned, or never began.
        handle: the job.
    """

    type: str
    attempt: int
    status: JobStatus
    error: BaseException | None = field(repr=False)
    handle: JobHandle[Any] = field(repr=False)
