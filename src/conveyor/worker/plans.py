"""What a child has to know about each job type, looked up once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from conveyor.errors import PayloadError
from conveyor.job_lock import JobLock
from conveyor.job_type import JobType
from conveyor.options import JobOptions
from conveyor.records import Claim
from conveyor.retry import RetryStrategy

if TYPE_CHECKING:
    from conveyor.app import Conveyor

BILLION: Final = 1_000_000_000


class Plan:
    """How to run jobs of one type here."""

    __slots__ = (
        "_by_queue",
        "dump",
        "has_one_timeout",
        "is_async",
        "load",
        "lock",
        "may_time_out",
        "number",
        "retry",
        "timeout_ns",
    )

    def __init__(
        self, job_type: JobType, by_queue: Mapping[str, float], default_timeout: float | None, number: int
    ) -> None:
        timeout = default_timeout if job_type.timeout is None else job_type.timeout
        self.timeout_ns = _nanoseconds(timeout)
        """0 for no limit."""
        self._by_queue: dict[str, int] = {}
        if job_type.timeout is None:
            self._by_queue = {queue: _nanoseconds(seconds) for queue, seconds in by_queue.items()}
        self.has_one_timeout = not self._by_queue
        """It is the same in every queue."""
        self.may_time_out = bool(self.timeout_ns or self._by_queue)
        self.number = number
        """Its place among the registered types, from 1 on; what the slot table says of a job's type."""
        self.retry: RetryStrategy = job_type.retry
        self.is_async: bool = job_type.is_async
        self.lock: JobLock | None = job_type.lock
        self.load: Callable[[str], Callable[[], Any]] = job_type.load
        self.dump: Callable[[Any], str] = job_type.dump_result

    def timeout_of(self, claim: Claim) -> int:
        """Nanoseconds this claim may run: as its options say, its type, its queue, or whoever is left; 0 for no limit.

        Raises:
            PayloadError: its options cannot be read.
        """
        if claim.options and (timeout := JobOptions.decode(claim.options).timeout) is not None:
            return _nanoseconds(timeout)
        return self._by_queue.get(claim.queue, self.timeout_ns)

    def retry_of(self, claim: Claim) -> RetryStrategy:
        """The strategy for this claim: as its options say, as far as they can be read, then its type."""
        if claim.options:
            try:
                return JobOptions.decode(claim.options).strategy() or self.retry
            except PayloadError:
                return self.retry
        return self.retry


def plans_of(app: Conveyor, worker_timeout: float | None) -> dict[str, Plan]:
    """The plan of every registered type, by its name; `worker_timeout`: seconds, where nobody else says."""
    timeout = worker_timeout if app.timeout is None else app.timeout
    return {
        name: Plan(job_type, app.queue_timeouts, timeout, number)
        for number, (name, job_type) in enumerate(app.job_types.items(), start=1)
    }


def _nanoseconds(timeout: float | None) -> int:
    return 0 if timeout is None else max(1, round(timeout * BILLION))
