"""An application with middleware, for the workers under test. Hooks leave lines where the job's metadata says."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Sequence
from contextvars import ContextVar

from conveyor import (
    Claim,
    Conveyor,
    CurrentJob,
    ExponentialBackoff,
    Failure,
    JobId,
    JobMetadata,
    Middleware,
    NewJob,
    NoRetry,
    Snooze,
    current_job,
)
from tests.worker.jobs import note

scope: ContextVar[str] = ContextVar("scope", default="none")


def path_of(job: NewJob | Claim | CurrentJob) -> str:
    metadata = job.metadata if isinstance(job, CurrentJob) else JobMetadata.on(job)
    return str(metadata.fields["path"])


class Notes(Middleware):
    """Leaves a line for each hook that is called."""

    def __init__(self, name: str) -> None:
        self.name = name

    def before_push(self, job: NewJob) -> NewJob:
        # What a job pushes is noted where the notes of that job are.
        return JobMetadata(fields={"path": path_of(current_job())}).put_on(job) if job.type == "hooked.child" else job

    def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
        note(path_of(jobs[0]), f"{self.name} after_push {len(jobs)} {[job.id for job in jobs] == ids}")

    def before_run(self, job: CurrentJob) -> None:
        note(path_of(job), f"{self.name} before_run {job.type} sees {scope.get()}")
        scope.set(f"{self.name} {job.id}")

    def after_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None:
        assert 0 <= seconds < 60
        assert current_job() is job
        how = f"raised {type(error).__name__}" if error is not None else f"returned {result}"
        note(path_of(job), f"{self.name} after_run {job.type} {how} sees {scope.get() == f'second {job.id}'}")

    def on_retry(self, job: Claim, failure: Failure, delay: float) -> None:
        note(path_of(job), f"{self.name} on_retry {failure.reason} after {job.failures} + {job.crashes} in {delay:g}")

    def on_dead(self, job: Claim, failure: Failure) -> None:
        note(path_of(job), f"{self.name} on_dead {failure.reason} after {job.failures} + {job.crashes}")


class Threads(Middleware):
    """Says where the hooks run, and that the async ones may wait."""

    def before_run(self, job: CurrentJob) -> None:
        job.logger.warning("before_run on %s", threading.current_thread().name)

    def after_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None:
        job.logger.warning("after_run on %s", threading.current_thread().name)

    async def abefore_run(self, job: CurrentJob) -> None:
        await asyncio.sleep(0.001)
        job.logger.warning("abefore_run on %s", threading.current_thread().name)

    async def aafter_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None:
        await asyncio.sleep(0.001)
        job.logger.warning("aafter_run on %s", threading.current_thread().name)


class Moody(Middleware):
    """Does in its hooks what the job's metadata asks for."""

    def __init__(self) -> None:
        self.snoozed: set[JobId] = set()

    def before_run(self, job: CurrentJob) -> None:
        match job.metadata.fields.get("before"):
            case "raise":
                raise LookupError("no session to be had")
            case "snooze" if job.id not in self.snoozed:
                self.snoozed.add(job.id)
                raise Snooze(0)
            case "hang":
                time.sleep(3600)
            case _:
                pass

    def after_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None:
        match job.metadata.fields.get("after"):
            case "raise":
                raise LookupError("no session to be closed")
            case "exit":
                raise SystemExit(3)
            case "push":
                job.push(child.call())
            case _:
                pass

    async def aafter_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None:
        if job.metadata.fields.get("after") == "hang":
            await asyncio.sleep(3600)
        await super().aafter_run(job, result, error, seconds)

    def on_retry(self, job: Claim, failure: Failure, delay: float) -> None:
        match JobMetadata.on(job).fields.get("on"):
            case "raise":
                raise LookupError("nobody to be told")
            case "hang":
                time.sleep(3600)
            case _:
                pass


app = Conveyor(
    "sqlite:///given-by-each-test.db",
    retry=NoRetry(),
    middleware=[Notes("first"), Threads(), Moody(), Notes("second")],
)

AT_ONCE = ExponentialBackoff(max_attempts=2, base=0)


@app.job("hooked")
def hooked(how: str = "") -> str:
    return act(how) or scope.get().partition(" ")[0]


@app.job("hooked.async")
async def hooked_async(how: str = "") -> str:
    await asyncio.sleep(0)
    return act(how) or scope.get().partition(" ")[0]


@app.job("hooked.twice", retry=AT_ONCE, max_crashes=2, timeout=0.3)
def twice(how: str) -> str:
    return act(how)


@app.job("hooked.briefly", timeout=0.3)
async def briefly(how: str = "") -> str:
    await asyncio.sleep(float(how or 0))
    return "done"


@app.job("hooked.child")
def child() -> None: ...


def act(how: str) -> str:
    match how:
        case "raise":
            raise ValueError(how)
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            while True:
                try:
                    time.sleep(0.01)
                except BaseException:  # noqa: BLE001 - the misbehaviour under test
                    continue
        case "push":
            current_job().push(child.call())
            current_job().push(child.call())
        case _:
            pass
    return ""
