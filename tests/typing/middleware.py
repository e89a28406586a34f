"""What a user's type checker sees of middleware. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

from conveyor import Claim, Conveyor, CurrentJob, Failure, JobId, JobMetadata, Middleware, NewJob


class Sync(Middleware):
    def before_push(self, job: NewJob) -> NewJob:
        assert_type(JobMetadata.on(job), JobMetadata)
        return JobMetadata(tags=("a",)).put_on(job)

    def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None: ...
    def before_run(self, job: CurrentJob) -> None: ...
    def after_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None: ...
    def on_retry(self, job: Claim, failure: Failure, delay: float) -> None:
        assert_type(JobMetadata.on(job), JobMetadata)

    def on_dead(self, job: Claim, failure: Failure) -> None: ...


class Async(Middleware):
    async def abefore_push(self, job: NewJob) -> NewJob:
        return await super().abefore_push(job)

    async def aafter_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None: ...
    async def abefore_run(self, job: CurrentJob) -> None: ...
    async def aafter_run(
        self, job: CurrentJob, result: object, error: BaseException | None, seconds: float
    ) -> None: ...


class Mistaken(Middleware):
    async def before_run(self, job: CurrentJob) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

    def before_push(self, job: NewJob) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]

    def on_dead(self, job: Claim) -> None: ...  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]


app = Conveyor(middleware=[Sync(), Async()])


def middleware_is_given_as_instances() -> None:
    app.use(Sync(), Async())
    assert_type(app.middleware, tuple[Middleware, ...])
    app.use(Sync)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Conveyor(middleware=Sync())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
