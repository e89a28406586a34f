from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from conveyor import (
    Conveyor,
    InvalidValue,
    Job,
    JobHandle,
    JobMetadata,
    JobNotFound,
    JobPayload,
    JobStatus,
    NoCurrentJob,
    PayloadError,
    StoreUnavailable,
    UnknownJobType,
    current_job,
)
from conveyor.context import Rate, running
from conveyor.lifecycle import after_success
from conveyor.options import JobOptions
from conveyor.payload import JobCall
from conveyor.records import Claim, ClaimKey, Progress


@pytest.fixture
def work(app: Conveyor) -> Job[..., Any]:
    @app.job("work")
    def work(number: int) -> None: ...

    return work


@pytest.fixture
def claim(app: Conveyor, work: Job[..., Any]) -> Claim:
    work.options(metadata=JobMetadata(tags=("a",), correlation_id="r-1")).push(7)
    (claimed,) = app.driver.claim(["default"], limit=1, lease=30, worker="test")
    return claimed


class Ticks:
    """A monotonic clock that moves when told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr("conveyor.context.monotonic", lambda: self.now)


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    return Ticks(monkeypatch)


@pytest.fixture
def written(app: Conveyor) -> list[Progress]:
    """Every progress that reaches the store."""
    seen: list[Progress] = []
    write = app.driver.write_progress

    def watched(claim: ClaimKey, progress: Progress) -> bool:
        seen.append(progress)
        return write(claim, progress)

    app.driver.write_progress = watched  # type: ignore[method-assign]
    return seen


# ── who runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_outside_of_a_job_there_is_no_current_one() -> None:
    with pytest.raises(NoCurrentJob, match=r"^no job runs here; call current_job\(\) inside a job that a worker runs"):
        current_job()


def test_a_job_sees_itself(app: Conveyor, claim: Claim) -> None:
    with running(claim, app) as current:
        assert current_job() is current
        assert (current.id, current.attempt, current.failures) == (claim.id, 1, 0)
        assert (current.type, current.queue) == ("work", "default")
        assert current.metadata == JobMetadata(tags=("a",), correlation_id="r-1")

    with pytest.raises(NoCurrentJob):
        current_job()


def test_a_job_without_metadata_has_an_empty_one(app: Conveyor, work: Job[..., Any]) -> None:
    work.push(7)
    (claimed,) = app.driver.claim(["default"], limit=1, lease=30, worker="test")

    with running(claimed, app) as current:
        assert current.metadata == JobMetadata()


def test_a_job_that_raises_is_no_longer_the_current_one(app: Conveyor, claim: Claim) -> None:
    with pytest.raises(KeyError), running(claim, app):
        raise KeyError(7)

    with pytest.raises(NoCurrentJob):
        current_job()


def test_each_task_of_a_loop_has_its_own_job(app: Conveyor, work: Job[..., Any]) -> None:
    work.push_many([(number,) for number in range(20)])
    claims = app.driver.claim(["default"], limit=20, lease=30, worker="test")

    async def run(claimed: Claim) -> bool:
        with running(claimed, app):
            await asyncio.sleep(0)
            return current_job().id == claimed.id

    async def run_all() -> list[bool]:
        return await asyncio.gather(*[run(claimed) for claimed in claims])

    assert asyncio.run(run_all()) == [True] * 20


def test_a_thread_sees_the_job_in_a_copy_of_its_context_only(app: Conveyor, claim: Claim) -> None:
    seen: list[object] = []

    def look() -> None:
        try:
            seen.append(current_job().id)
        except NoCurrentJob:
            seen.append(None)

    with running(claim, app):
        copy = contextvars.copy_context()
        for target in (look, lambda: copy.run(look)):
            thread = threading.Thread(target=target)
            thread.start()
            thread.join()

    assert seen == [None, claim.id]


def test_the_logger_carries_the_job(app: Conveyor, claim: Claim, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), running(claim, app) as current:
        current.logger.info("sent %d", 3, extra={"user": 7})

    (record,) = caplog.records
    assert (record.name, record.getMessage()) == ("conveyor.job", "sent 3")
    fields = {name: vars(record)[name] for name in ("job_id", "job_type", "queue", "attempt", "user")}
    assert fields == {"job_id": str(claim.id), "job_type": "work", "queue": "default", "attempt": 1, "user": 7}


# ── follow-ups ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_job_pushes_comes_to_exist_when_it_completes(app: Conveyor, work: Job[..., Any], claim: Claim) -> None:
    with running(claim, app) as current:
        plain = current_job().push(work.call(8))
        other = current_job().push(JobPayload.delayed(work.call(9), 5, metadata={"a": 1}), queue="slow")

    with pytest.raises(JobNotFound):
        plain.refresh()
    assert app.driver.settle([after_success(claim, None, follow_ups=current.follow_ups)]) == [True]
    assert (plain.status, other.status) == (JobStatus.PENDING, JobStatus.PENDING)
    assert (plain.info.queue, other.info.queue) == ("default", "slow")
    assert {JobOptions.decode(handle.info.options).parent for handle in (plain, other)} == {claim.id}
    assert JobOptions.decode(other.info.options).metadata == JobMetadata(fields={"a": 1})


def test_what_a_job_pushes_is_checked_at_once(app: Conveyor, work: Job[..., Any], claim: Claim) -> None:
    with running(claim, app) as current:
        with pytest.raises(PayloadError):
            current.push(work.call("eight"))
        with pytest.raises(UnknownJobType):
            current.push(JobCall[Any]("stranger"))
        with pytest.raises(InvalidValue, match="queue name is"):
            current.push(work.call(8), queue="a b")

    assert current.follow_ups == ()


def test_a_job_that_has_ended_cannot_push_with_its_completion(app: Conveyor, work: Job[..., Any], claim: Claim) -> None:
    with running(claim, app) as current:
        pass

    with pytest.raises(NoCurrentJob, match=r"has ended, so nothing can be pushed with its completion; push before"):
        current.push(work.call(8))


def test_a_push_on_the_job_itself_is_stored_at_once(app: Conveyor, work: Job[..., Any], claim: Claim) -> None:
    with running(claim, app) as current:
        handle: JobHandle[None] = work.push(8)

        assert handle.status is JobStatus.PENDING
        assert current.follow_ups == ()


# ── progress ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_progress_is_written_at_most_ten_times_a_second_and_the_last_one_always(
    app: Conveyor, claim: Claim, ticks: Ticks, written: list[Progress]
) -> None:
    with running(claim, app) as current:
        for number in range(1000):
            current.progress(number, 1000, f"step {number}")
            ticks.now += 0.001
        during = len(written)

    assert during == 10
    assert [progress.current for progress in written] == [0, 100, 200, 300, 400, 500, 600, 700, 800, 900, 999]
    last = app.handle(claim.id).progress
    assert last is not None
    assert (last.current, last.total, last.message) == (999, 1000, "step 999")


def test_a_progress_already_written_is_not_written_again(
    app: Conveyor, claim: Claim, ticks: Ticks, written: list[Progress]
) -> None:
    with running(claim, app) as current:
        current.progress(1)
        ticks.now += 1

    assert [(progress.current, progress.total, progress.message) for progress in written] == [(1, None, "")]


def test_progress_of_a_job_that_raises_is_written_too(
    app: Conveyor, claim: Claim, ticks: Ticks, written: list[Progress]
) -> None:
    def fail() -> None:
        current_job().progress(1)
        current_job().progress(2)
        raise KeyError(7)

    with pytest.raises(KeyError), running(claim, app):
        fail()

    assert [progress.current for progress in written] == [1, 2]


def test_progress_takes_any_text_and_keeps_what_stores_can_keep(
    app: Conveyor, claim: Claim, written: list[Progress]
) -> None:
    with running(claim, app) as current:
        current.progress(1, message="half \ud800")
    with running(claim, app) as current:
        current.progress(2, message="x" * 10_001)

    assert [progress.message for progress in written] == ["half \\ud800", "x" * 10_000]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ((float("nan"),), "current is nan; give a finite number"),
        (("7",), "current is '7'; give a finite number"),
        ((None,), "current is None; give a finite number"),
        ((10**400,), "; give a finite number"),
        ((1, float("inf")), "total is inf; give a finite number"),
        ((1, 2, 3), "message is 3; give text"),
    ],
)
def test_progress_that_nobody_could_read_is_refused(
    app: Conveyor, claim: Claim, written: list[Progress], said: tuple[Any, ...], message: str
) -> None:
    with running(claim, app) as current, pytest.raises(InvalidValue) as refused:
        current.progress(*said)

    assert message in str(refused.value)
    assert written == []


@pytest.mark.parametrize("number", [Decimal("1.5"), Fraction(3, 2)])
def test_progress_takes_any_kind_of_number(app: Conveyor, claim: Claim, written: list[Progress], number: Any) -> None:
    with running(claim, app) as current:
        current.progress(number, number)

    (progress,) = written
    assert (progress.current, progress.total) == (1.5, 1.5)


def test_progress_says_how_fast_it_goes_and_when_it_will_be_done(
    app: Conveyor, claim: Claim, written: list[Progress], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.0, 2.0, 2.0, 14.0, 14.0, 30.0, 30.0])
    monkeypatch.setattr("conveyor.context.monotonic", lambda: next(clock))
    with running(claim, app) as current:
        for done in (0, 20, 80, 400):
            current.progress(done, 1000)

    assert [progress.rate for progress in written] == [None, 10.0, 80 / 14, 320 / 16]
    assert [progress.percentage for progress in written] == [0.0, 2.0, 8.0, 40.0]
    assert written[-1].eta == 30.0
    assert written[0].eta is None


def test_a_job_that_begins_anew_has_no_rate_until_it_moves(app: Conveyor, claim: Claim) -> None:
    rate = Rate()

    assert [rate.at(value, now) for value, now in ((5, 0.0), (9, 2.0), (0, 3.0), (3, 4.0))] == [None, 2.0, None, 3.0]


@pytest.mark.parametrize(
    ("current", "total", "percentage"), [(1, None, None), (0, 0, 100.0), (5, 4, 100.0), (-1, 4, 0.0), (1, 3, 100 / 3)]
)
def test_a_percentage_is_between_nothing_and_all(current: float, total: float | None, percentage: float | None) -> None:
    assert Progress(current=current, total=total).percentage == percentage


def test_an_async_job_reports_progress_without_holding_up_its_loop(
    app: Conveyor, claim: Claim, ticks: Ticks, written: list[Progress]
) -> None:
    threads: set[int] = set()
    write = app.driver.write_progress

    def watched(claim: ClaimKey, progress: Progress) -> bool:
        threads.add(threading.get_ident())
        return write(claim, progress)

    app.driver.write_progress = watched  # type: ignore[method-assign]

    async def run() -> None:
        for number in range(5):
            await current_job().aprogress(number)
            ticks.now += 1

    with running(claim, app):
        asyncio.run(run())

    assert [progress.current for progress in written] == [0, 1, 2, 3, 4]
    assert threading.get_ident() not in threads


def test_a_store_that_does_not_answer_does_not_disturb_the_job(
    app: Conveyor, claim: Claim, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(claim: ClaimKey, progress: Progress) -> bool:
        raise StoreUnavailable("gone")

    app.driver.write_progress = refuse  # type: ignore[method-assign]

    with running(claim, app) as current:
        current.progress(1)

    assert [record.getMessage() for record in caplog.records] == ["progress could not be written: gone"]
