from __future__ import annotations

import asyncio
import inspect
import threading
from typing import Any

import pytest

from conveyor import (
    CancelAnswer,
    Conveyor,
    InvalidValue,
    Job,
    JobFailed,
    JobHandle,
    JobNotFound,
    JobStatus,
    NoRetry,
    PayloadError,
    ResultTimeout,
)
from conveyor.handle import FIRST_PAUSE, LONGEST_PAUSE, _Wait
from conveyor.ids import new_id
from conveyor.lifecycle import COMPLETED
from conveyor.records import Claim, ClaimKey, Outcome, Progress
from conveyor.testing import Kit
from tests.contract.stores import FakeClock


def result_of(handle: JobHandle[Any], how: str, timeout: float | None = 0) -> Any:
    """The result by one of the two ways."""
    return handle.result(timeout) if how == "sync" else asyncio.run(handle.aresult(timeout))


both_ways = pytest.mark.parametrize("how", ["sync", "async"])


@pytest.fixture
def work(app: Conveyor) -> Job[[int], dict[int, str]]:
    @app.job("work", retry=NoRetry())
    def work(number: int) -> dict[int, str]:
        return {number: "a"}

    return work


def claim(app: Conveyor) -> Claim:
    (claimed,) = app.driver.claim(["default"], limit=1, lease=30, worker="test")
    return claimed


# ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_status_is_what_it_is_now(app: Conveyor, work: Job[[int], Any]) -> None:
    handle = work.push(7)

    seen = [handle.status, asyncio.run(handle.astatus())]
    payload = app.queue("default").pop()
    seen += [handle.status, asyncio.run(handle.astatus())]
    assert payload is not None
    app.queue("default").complete(payload, {7: "a"})
    seen += [handle.status, asyncio.run(handle.astatus())]

    assert seen == [status for status in ("pending", "processing", "completed") for _ in range(2)]


def test_info_is_what_was_last_read(app: Conveyor, work: Job[[int], Any]) -> None:
    handle = work.push(7)

    before = handle.info
    claim(app)

    assert handle.info is before
    assert before.status is JobStatus.PENDING
    assert handle.refresh().status is JobStatus.PROCESSING
    assert handle.info.status is JobStatus.PROCESSING
    assert asyncio.run(handle.arefresh()) == handle.info


def test_a_handle_reads_nothing_until_it_is_asked(app: Conveyor) -> None:
    handle = app.handle(str(new_id()))

    assert repr(handle) == f"<job {handle.id}>"
    for ask in (lambda: handle.status, handle.refresh, lambda: handle.info, lambda: handle.result(0)):
        with pytest.raises(JobNotFound, match=f"^no job {handle.id} is kept"):
            ask()
    assert handle.cancel() is CancelAnswer.UNKNOWN
    assert handle.progress is None


def test_handles_of_one_job_are_equal(app: Conveyor, work: Job[[int], Any]) -> None:
    handle = work.push(7)

    assert app.handle(handle.id) == handle
    assert len({handle, app.handle(str(handle.id)), work.push(7)}) == 2
    assert handle != handle.id


def test_progress_is_what_the_job_said_last(app: Conveyor, work: Job[[int], Any], clock: FakeClock) -> None:
    handle, claimed = work.push(7), claim(app)

    app.driver.write_progress(ClaimKey(claimed.id, claimed.attempt), Progress(current=3, total=10, message="on it"))

    assert handle.progress == Progress(current=3, total=10, message="on it", updated_at=clock.now)
    assert asyncio.run(handle.aprogress()) == handle.progress


# ── result ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@both_ways
def test_the_result_is_of_the_annotated_type(app: Conveyor, work: Job[[int], Any], how: str) -> None:
    with Kit(app) as kit:
        handle = work.push(7)
        kit.drain()

        assert result_of(handle, how) == {7: "a"}


@both_ways
def test_the_result_of_a_job_registered_elsewhere_is_plain_json(work: Job[[int], Any], how: str) -> None:
    first = Conveyor("memory://elsewhere")
    first.job("work")(work.job_type.function)
    other = Conveyor("memory://elsewhere")
    first.driver.push([first.prepare(work.call(7))])
    payload = first.queue("default").pop()
    assert payload is not None

    first.queue("default").complete(payload, {7: "a"})

    assert result_of(other.handle(payload.id), how) == {"7": "a"}


@both_ways
def test_a_job_that_returned_nothing_has_the_result_none(app: Conveyor, how: str) -> None:
    @app.job("nothing")
    def nothing() -> None: ...

    with Kit(app) as kit:
        handle = nothing.push()
        kit.drain()

        assert result_of(handle, how) is None


@both_ways
def test_a_result_that_could_not_be_kept_says_why(app: Conveyor, how: str) -> None:
    @app.job("open")
    def open_one() -> object:
        return object()

    with Kit(app) as kit:
        handle = open_one.push()
        kit.drain()

        with pytest.raises(PayloadError, match=r"completed, but its result could not be kept: .*object"):
            result_of(handle, how)


@both_ways
def test_a_job_that_ended_badly_raises_with_its_last_error(app: Conveyor, work: Job[[int], Any], how: str) -> None:
    handle, queue = work.push(7), app.queue("default")
    payload = queue.pop()
    assert payload is not None
    with pytest.raises(LookupError) as lookup:
        dict[int, str]()[7]
    queue.fail(payload, lookup.value)

    with pytest.raises(JobFailed) as failed:
        result_of(handle, how)

    assert str(failed.value) == f"job {handle.id} ended as failed: builtins.KeyError: 7"
    assert (failed.value.job_id, failed.value.status) == (handle.id, "failed")
    assert failed.value.error_type == "builtins.KeyError"
    assert "dict[int, str]()[7]" in failed.value.traceback


@both_ways
def test_a_job_that_was_cancelled_has_no_result(work: Job[[int], Any], how: str) -> None:
    handle = work.push(7)

    assert handle.cancel() is CancelAnswer.CANCELLED

    with pytest.raises(JobFailed, match="ended as cancelled") as failed:
        result_of(handle, how)
    assert failed.value.error_type is None


@both_ways
def test_a_job_that_expired_has_no_result(app: Conveyor, work: Job[[int], Any], clock: FakeClock, how: str) -> None:
    handle = work.options(expires=60).push(7)

    clock.step(61)
    app.driver.tend()

    with pytest.raises(JobFailed, match="ended as expired"):
        result_of(handle, how)


@both_ways
def test_a_result_that_does_not_come_in_time_leaves_the_job_alone(work: Job[[int], Any], how: str) -> None:
    handle = work.push(7)

    with pytest.raises(ResultTimeout, match=r"\(work\) is still pending after 0\.02 s and goes on\. Wait longer with"):
        result_of(handle, how, 0.02)
    with pytest.raises(TimeoutError):
        result_of(handle, how, 0)

    assert handle.status is JobStatus.PENDING


@both_ways
def test_a_result_is_waited_for(app: Conveyor, work: Job[[int], Any], how: str) -> None:
    handle, queue, is_waiting = work.push(7), app.queue("default"), threading.Event()

    def finish() -> None:
        is_waiting.wait(10)
        payload = queue.pop()
        assert payload is not None
        queue.complete(payload, {7: "late"})

    get = app.driver.get

    def watched(ids: Any) -> Any:
        is_waiting.set()
        return get(ids)

    app.driver.get = watched  # type: ignore[method-assign]
    finisher = threading.Thread(target=finish)
    finisher.start()
    try:
        assert result_of(handle, how, 10) == {7: "late"}
    finally:
        finisher.join()


def test_many_may_wait_for_results_at_once(app: Conveyor, work: Job[[int], Any]) -> None:
    handles, queue = work.push_many([(number,) for number in range(50)]), app.queue("default")

    async def wait_for_all() -> list[dict[int, str]]:
        results = asyncio.gather(*[handle.aresult(10) for handle in handles])
        while (payload := await queue.apop()) is not None:
            await queue.acomplete(payload, {payload.job.args[0]: "a"})
        return await results

    assert asyncio.run(wait_for_all()) == [{number: "a"} for number in range(50)]


@pytest.mark.parametrize("timeout", [-1, "soon", float("nan")])
def test_a_timeout_that_is_no_duration_is_refused(work: Job[[int], Any], timeout: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^timeout is "):
        work.push(7).result(timeout)


def test_waiting_looks_often_at_first_and_then_twenty_times_a_second(work: Job[[int], Any]) -> None:
    handle, wait = work.push(7), _Wait(None)

    pauses = [wait.pause(handle) for _ in range(20)]

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (FIRST_PAUSE, LONGEST_PAUSE)


# ── cancel ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cancel_says_what_it_did(app: Conveyor, work: Job[[int], Any]) -> None:
    running, waiting = work.push(7), work.push(8)
    claim(app)

    assert asyncio.run(waiting.acancel()) is CancelAnswer.CANCELLED
    assert waiting.cancel() is CancelAnswer.TOO_LATE
    assert running.cancel() is CancelAnswer.REQUESTED
    assert running.info.cancel_requested


# ── twins ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_look_and_act_has_an_async_twin() -> None:
    def value(name: str) -> str:
        member: Any = inspect.getattr_static(JobHandle, name)
        return str(inspect.signature(getattr(member, "fget", member)))

    for name in ("refresh", "status", "progress", "result", "cancel"):
        assert value(name) == value(f"a{name}"), name


# ── watch ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def watch(handle: JobHandle[Any], how: str, timeout: float | None = 20) -> list[float]:
    """What it yields, to the end."""
    if how == "sync":
        return [progress.current for progress in handle.watch(timeout)]

    async def collect() -> list[float]:
        return [progress.current async for progress in handle.awatch(timeout)]

    return asyncio.run(collect())


@both_ways
def test_watching_yields_each_change_until_the_job_has_ended(app: Conveyor, work: Job[[int], Any], how: str) -> None:
    handle = work.push(7)
    held = claim(app)
    key = ClaimKey(held.id, held.attempt)
    app.driver.write_progress(key, Progress(current=1))
    seen = threading.Event()
    read = app.driver.read_progress

    def noticed(ids: Any) -> Any:
        answer = read(ids)
        if answer[0] is not None and answer[0].current == 1:
            seen.set()
        return answer

    app.driver.read_progress = noticed  # type: ignore[method-assign]

    def go_on() -> None:
        assert seen.wait(20)
        app.driver.write_progress(key, Progress(current=2))
        app.driver.settle([Outcome(claim=held, status=COMPLETED, failures=0, crashes=0)])

    other = threading.Thread(target=go_on)
    other.start()
    yielded = watch(handle, how)
    other.join()

    assert yielded == [1, 2]


@both_ways
def test_watching_ends_with_an_error_when_the_job_does_not_end(work: Job[[int], Any], how: str) -> None:
    with pytest.raises(ResultTimeout, match="still pending"):
        watch(work.push(7), how, timeout=0.01)


@both_ways
def test_watching_a_job_that_is_not_kept_is_an_error(app: Conveyor, how: str) -> None:
    with pytest.raises(JobNotFound):
        watch(app.handle(new_id()), how)
