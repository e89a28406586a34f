from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conveyor import (
    Conveyor,
    InvalidValue,
    Job,
    JobHandle,
    JobId,
    JobMetadata,
    JobPayload,
    Middleware,
    NewJob,
    NoRetry,
    current_job,
)
from conveyor.drivers.base import Driver
from conveyor.testing import Kit


class Recorder(Middleware):
    """Remembers what it was told of pushes, and allows each job one crash more."""

    def __init__(self, told: list[str] | None = None, name: str = "only") -> None:
        self.told: list[str] = [] if told is None else told
        self.name = name
        self.pushed: list[NewJob] = []
        self.ids: list[JobId] = []

    def before_push(self, job: NewJob) -> NewJob:
        self.told.append(f"{self.name} before")
        return msgspec.structs.replace(job, max_crashes=job.max_crashes + 1)

    def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
        self.told.append(f"{self.name} after")
        self.pushed += jobs
        self.ids += ids


class Refusing(Middleware):
    def before_push(self, job: NewJob) -> NewJob:
        if '"number":13' in job.payload:
            raise PermissionError("not this one")
        return job


@pytest.fixture
def work(app: Conveyor) -> Job[[int], None]:
    @app.job("work")
    def work(number: int) -> None: ...

    return work


Work = Job[[int], None]


def in_a_loop(push: Callable[[Conveyor, Work], Awaitable[Any]]) -> Callable[[Conveyor, Work], Any]:
    async def awaited(app: Conveyor, work: Work) -> Any:
        return await push(app, work)

    return lambda app, work: asyncio.run(awaited(app, work))


WAYS: dict[str, tuple[Callable[[Conveyor, Work], Any], int]] = {
    "push": (lambda _, work: work.push(1), 1),
    "options": (lambda _, work: work.options(delay=1).push(1), 1),
    "push_many": (lambda _, work: work.push_many([(1,), (2,)]), 2),
    "apush": (in_a_loop(lambda _, work: work.apush(1)), 1),
    "apush_many": (in_a_loop(lambda _, work: work.apush_many([(1,), (2,)])), 2),
    "app.push": (lambda app, work: app.push(work.call(1)), 1),
    "app.push_many": (lambda app, work: app.push_many([work.call(1), JobPayload(work.call(2))]), 2),
    "app.apush": (in_a_loop(lambda app, work: app.apush(work.call(1))), 1),
    "queue.push": (lambda app, work: app.queue("other").push(work.call(1)), 1),
    "queue.push_many": (lambda app, work: app.queue("other").push_many([work.call(1), work.call(2)]), 2),
    "queue.apush": (in_a_loop(lambda app, work: app.queue("other").apush(work.call(1))), 1),
}


@pytest.mark.parametrize("way", WAYS)
def test_hooks_surround_every_way_to_push(app: Conveyor, work: Work, way: str) -> None:
    middleware = Recorder()
    app.use(middleware)
    push, count = WAYS[way]

    push(app, work)

    assert middleware.told == ["only before"] * count + ["only after"]
    assert middleware.ids == [job.id for job in middleware.pushed]
    stored = app.driver.get(middleware.ids)
    assert [job.max_crashes for job in stored if job is not None] == [4] * count


@pytest.mark.parametrize("way", ["push", "push_many", "apush"])
def test_without_middleware_nothing_is_called(app: Conveyor, work: Work, way: str) -> None:
    WAYS[way][0](app, work)

    assert app.hooks is None
    assert app.middleware == ()


def test_several_are_called_in_their_order_and_after_in_the_opposite_one(clock: Any) -> None:
    told: list[str] = []
    app = Conveyor("memory://", clock=clock, middleware=[Recorder(told, "a"), Recorder(told, "b")])

    @app.job("work")
    def work(number: int) -> None: ...

    app.use(Recorder(told, "c"))
    work.push(1)

    assert told == ["a before", "b before", "c before", "c after", "b after", "a after"]
    app.close()


def test_using_the_same_again_changes_nothing(app: Conveyor, work: Work) -> None:
    middleware = Recorder()
    app.use(middleware, middleware)
    app.use(middleware)

    work.push(1)

    assert app.middleware == (middleware,)
    assert middleware.told == ["only before", "only after"]


@pytest.mark.parametrize("many", ["push_many", "apush_many"])
def test_what_before_push_raises_reaches_the_pusher_and_nothing_is_stored(app: Conveyor, work: Work, many: str) -> None:
    recorder = Recorder()
    app.use(recorder, Refusing())
    calls = [(12,), (13,), (14,)]

    with pytest.raises(PermissionError, match="not this one"):
        work.push_many(calls) if many == "push_many" else asyncio.run(work.apush_many(calls))

    assert app.queue("default").size() == 0
    assert "only after" not in recorder.told


def test_what_after_push_raises_is_logged_and_the_push_stands(
    app: Conveyor, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Middleware):
        def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
            raise ZeroDivisionError

    recorder = Recorder()
    app.use(recorder, Broken())

    handles: list[JobHandle[None]] = [work.push(1), asyncio.run(work.apush(2))]

    assert [handle.id for handle in handles] == recorder.ids
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert "after_push of <" in caplog.text
    assert "ZeroDivisionError" in caplog.text


def test_after_push_has_the_id_of_the_job_that_is_there_already(app: Conveyor, work: Work) -> None:
    recorder = Recorder()
    app.use(recorder)

    first = work.options(unique="a").push(1)
    second = work.options(unique="a").push(1)

    assert second.id == first.id
    assert recorder.ids == [first.id, first.id]
    assert recorder.pushed[1].id != first.id


def test_async_pushes_call_the_async_hooks(app: Conveyor, work: Work) -> None:
    class Waiting(Middleware):
        told: list[str] = []  # noqa: RUF012 - one of it, in this test

        async def abefore_push(self, job: NewJob) -> NewJob:
            await asyncio.sleep(0)
            self.told.append("abefore_push")
            return job

        async def aafter_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
            await asyncio.sleep(0)
            self.told.append("aafter_push")

    app.use(Waiting())

    work.push(1)
    assert Waiting.told == []
    asyncio.run(work.apush(1))

    assert Waiting.told == ["abefore_push", "aafter_push"]


def test_a_push_that_joins_a_transaction_has_its_hooks_before_the_commit(tmp_path: Path) -> None:
    recorder = Recorder()
    app = Conveyor(f"sqlite:///{tmp_path}/jobs.db?share=true", middleware=[recorder])

    @app.job("work")
    def work(number: int) -> None: ...

    app.queue("default").size()
    connection = sqlite3.connect(tmp_path / "jobs.db")
    work.options(connection=connection).push(1)
    asyncio.run(work.options(connection=connection).apush(1))

    assert recorder.told == ["only before", "only after"] * 2
    assert app.queue("default").size() == 0
    connection.commit()
    assert app.queue("default").size() == 2
    connection.close()
    app.close()


def test_a_follow_up_is_changed_when_it_is_pushed_and_told_of_only_when_it_exists(app: Conveyor, work: Work) -> None:
    recorder = Recorder()
    app.use(recorder)

    @app.job("parent", retry=NoRetry())
    def parent(fails: bool) -> None:
        current_job().push(work.call(2))
        recorder.told.append("running")
        if fails:
            raise ValueError("no")

    with Kit(app) as kit:
        for fails in (True, False):
            app.driver.push([app.prepare(parent.call(fails))])
            kit.drain(raises=False)
        (pushed,) = kit.pushed(work)

        assert recorder.told == ["only before", "running", "only before", "running", "only after"]
        assert pushed.handle.info.max_crashes == 4
        assert recorder.ids == [pushed.handle.id]


def test_metadata_can_be_put_on_a_job_and_read_from_a_claim(app: Conveyor, work: Work) -> None:
    class Tracing(Middleware):
        def before_push(self, job: NewJob) -> NewJob:
            metadata = JobMetadata.on(job)
            fields = {**metadata.fields, "traceparent": "00-1"}
            return msgspec.structs.replace(metadata, fields=fields).put_on(job)

    app.use(Tracing())
    work.options(timeout=7, metadata=JobMetadata(tags=("a",), fields={"b": 1})).push(1)
    work.push(2)

    first, second = app.driver.claim(["default"], limit=2, lease=30, worker="test")

    assert JobMetadata.on(first) == JobMetadata(tags=("a",), fields={"b": 1, "traceparent": "00-1"})
    assert '"timeout":7' in first.options
    assert JobMetadata.on(second) == JobMetadata(fields={"traceparent": "00-1"})


def test_a_before_push_that_answers_nothing_is_named(app: Conveyor, work: Work) -> None:
    class Forgetful(Middleware):
        def before_push(self, job: NewJob) -> NewJob:
            return None  # type: ignore[return-value] # pyright: ignore[reportReturnType] - the mistake under test

    app.use(Forgetful())

    with pytest.raises(InvalidValue, match=r"before_push of <.*Forgetful.*> answered None; return the job"):
        work.push(1)


def test_what_is_no_middleware_is_refused(app: Conveyor) -> None:
    for wrong in (Recorder, object(), None):
        with pytest.raises(InvalidValue, match="is no middleware; give an instance"):
            app.use(wrong)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the mistake under test
    assert app.middleware == ()


def test_hooks_are_async_exactly_where_their_names_say_so(app: Conveyor) -> None:
    class Wrong(Middleware):
        async def before_run(self, job: object) -> None: ...  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - the mistake under test

    class Retrying(Middleware):
        async def on_retry(self, job: object, failure: object, delay: float) -> None: ...  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - likewise

    class Blocking(Middleware):
        def aafter_run(self, *told: object) -> None: ...  # type: ignore[override] # pyright: ignore[reportIncompatibleMethodOverride] - likewise

    for wrong, words in (
        (Wrong(), "before_run of .* is async.* call it abefore_run, or make it a plain def"),
        (Retrying(), "on_retry of .* is async.*; make it a plain def"),
        (Blocking(), "aafter_run of .* is not async; make it async def, or call it after_run"),
    ):
        with pytest.raises(InvalidValue, match=words):
            app.use(wrong)


def test_a_store_that_refuses_a_push_leaves_after_push_uncalled(
    app: Conveyor, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder = Recorder()
    app.use(recorder)

    def refuse(self: Driver, jobs: object, connection: object = None) -> list[JobId]:
        raise OSError

    monkeypatch.setattr(type(app.driver), "push", refuse)

    with pytest.raises(OSError):  # noqa: PT011 - made above
        work.push(1)

    assert recorder.told == ["only before"]
