"""Middleware: what an application wants done around every push and every run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conveyor.records import Claim, Failure, JobId, NewJob

if TYPE_CHECKING:
    from conveyor.context import CurrentJob


class Middleware:
    """Hooks around pushes and runs. Override those you need; by themselves they do nothing.

    Several are called in the order they were given, the `after_…` hooks in the opposite one. What `before_run` sets as
    context variables the job sees, and `after_run` too: sync jobs, threads and async jobs alike. Async jobs and pushes
    call the hooks whose names begin with `a`, which by themselves call the others, on the event loop.
    """

    def before_push(self, job: NewJob) -> NewJob:
        """Before a job is pushed, whoever pushes it; of jobs pushed together, before each. Answer what is to be stored.

        Raise, and nothing is pushed: whoever pushes gets the error. Jobs are frozen: change one by
        `msgspec.structs.replace(job, priority=750)`, or by `JobMetadata.put_on`. `payload_limit` was checked before.
        """
        return job

    def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
        """After jobs were stored together. An id is not the job's own where its `unique` key had another active job.

        Of jobs that `current_job().push` pushes: after the run that pushed them has completed, with their own ids, on a
        thread of the worker. Of jobs pushed with a `connection`: before you commit. What it raises is logged.
        """

    def before_run(self, job: CurrentJob) -> None:
        """Before a job runs in a worker, in its thread (its task) and its time: the job's timeout interrupts it.

        Raise, and the job does not run: that was its run then, and what was raised is read as if the job had raised it,
        signals such as `Snooze` and `Cancel` included. A job whose payload cannot be read comes here not at all.
        """

    def after_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None:
        """After the run, in the same thread (task) and context, if `before_run` did not raise.

        The outcome is not stored yet, and may still be lost with its process or its claim. What this raises is logged
        and changes nothing: what must not fail in silence belongs into the job.

        Args:
            result: what the job returned, or `None`.
            error: what it raised, or `None`: signals such as `Retry`, and `JobTimeout` and `JobCancelled` too.
            seconds: how long it took, other hooks included.
        """

    def on_retry(self, job: Claim, failure: Failure, delay: float) -> None:
        """After a run failed, timed out or crashed, once the store knows that the job runs again in `delay` seconds.

        Called on a thread of its own, in the process that settled the run: the worker's supervisor where a process died
        or was killed. Never twice for one run; not at all if that process dies first. What it raises is logged.
        """

    def on_dead(self, job: Claim, failure: Failure) -> None:
        """As `on_retry`, once the job is in the dead letters because of this failure.

        A job that was not begun before it expired had no run, and is not told of here.
        """

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def abefore_push(self, job: NewJob) -> NewJob:
        """As `before_push`, for `apush` and `apush_many`."""
        return self.before_push(job)

    async def aafter_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
        """As `after_push`, for `apush` and `apush_many`."""
        self.after_push(jobs, ids)

    async def abefore_run(self, job: CurrentJob) -> None:
        """As `before_run`, for async jobs."""
        self.before_run(job)

    async def aafter_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None:
        """As `after_run`, for async jobs. A timeout or cancellation of the job that comes now interrupts it."""
        self.after_run(job, result, error, seconds)
