"""What a child has to know about each job type, looked up once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from conveyor.errors import PayloadError
from conveyor.job_type import JobType
from conveyor.options import JobOptions
from conveyor.records import Claim
from conveyor.retry import RetryStrategy

BILLION: Final = 1_000_000_000


class Plan:
    """How to run jobs of one type here."""

    __slots__ = ("dump", "is_async", "load", "number", "retry", "timeout_ns")

    def __init__(self, job_type: JobType, default_timeout: float | None, number: int) -> None:
        timeout = job_type.timeout if job_type.timeout is not None else default_timeout
        self.timeout_ns = _nanoseconds(timeout)
        """0 for no limit."""
        self.number = number
        """Its place among the registered types, from 1 on; what the slot table says of a job's type."""
        self.retry: RetryStrategy = job_type.retry
        self.is_async: bool = job_type.is_async
        self.load: Callable[[str], Callable[[], Any]] = job_type.load
        self.dump: Callable[[Any], str] = job_type.dump_result

    def timeout_of(self, claim: Claim) -> int:
        """Nanoseconds this claim may run: as its options say, then its type, then the worker; 0 for no limit.

        Raises:
            PayloadError: its options cannot be read.
        """
        if claim.options and (timeout := JobOptions.decode(claim.options).timeout) is not None:
            return _nanoseconds(timeout)
        return self.timeout_ns

    def retry_of(self, claim: Claim) -> RetryStrategy:
        """The strategy for this claim: as its options say, as far as they can be read, then its type."""
        if claim.options:
            try:
                return JobOptions.decode(claim.options).strategy() or self.retry
            except PayloadError:
                return self.retry
        return self.retry


def plans_of(job_types: Mapping[str, JobType], default_timeout: float | None) -> dict[str, Plan]:
    """The plan of every registered type."""
    return {
        name: Plan(job_type, default_timeout, number)
        for number, (name, job_type) in enumerate(job_types.items(), start=1)
    }


def _nanoseconds(timeout: float | None) -> int:
    return 0 if timeout is None else max(1, round(timeout * BILLION))
