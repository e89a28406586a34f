from __future__ import annotations

import asyncio
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from conveyor import (
    Cancel,
    Conveyor,
    ExponentialBackoff,
    GiveUp,
    InvalidValue,
    JobFailed,
    JobPayload,
    JobStatus,
    JobTimeout,
    Middleware,
    NoRetry,
    RetrySchedule,
    Snooze,
    current_job,
)
from conveyor.testing import Kit, Run, turns


def told(runs: list[Run]) -> list[tuple[str, int, str]]:
    return [(run.type, run.attempt, run.status.value) for run in runs]


# ── until empty ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_all_that_was_pushed_runs_by_priority_and_leaves_its_result(app: Conveyor, kit: Kit) -> None:
    @app.job("double")
    def double(number: int) -> int:
        return 2 * number

    usual = double.push(1)
    urgent = double.options(priority="critical").push(2)

    runs = kit.drain()

    assert [run.handle for run in runs] == [urgent, usual]
    assert (usual.result(), urgent.result()) == (2, 4)


def test_delays_and_retries_take_no_time(app: Conveyor, kit: Kit) -> None:
    moments: list[datetime] = []
    start = kit.clock.now

    @app.job("work", retry=RetrySchedule([60, 300]))
    def work() -> int:
        moments.append(kit.clock.now)
        if current_job().failures < 2:
            raise ConnectionError("not yet")
        return current_job().attempt

    handle = work.options(delay=86_400).push()
    runs = kit.drain()

    assert told(runs) == [("work", 1, "retrying"), ("work", 2, "retrying"), ("work", 3, "completed")]
    assert [each - start for each in moments] == [timedelta(days=1, seconds=after) for after in (0, 60, 360)]
    assert handle.result() == 3
    assert handle.info.finished_at == kit.clock()


def test_follow_ups_and_pushes_from_inside_run_too(app: Conveyor, kit: Kit) -> None:
    @app.job("child")
    def child(name: str) -> None: ...

    @app.job("parent")
    def parent() -> None:
        child.push("at once")
        current_job().push(JobPayload.delayed(child.call("next week"), timedelta(days=7)))

    parent.push()
    runs = kit.drain()

    assert told(runs) == [("parent", 1, "completed"), ("child", 1, "completed"), ("child", 1, "completed")]
    kit.assert_pushed(child, times=1, where={"name": "next week"})


def test_follow_ups_of_a_run_that_failed_never_were(app: Conveyor, kit: Kit) -> None:
    @app.job("child")
    def child() -> None: ...

    @app.job("parent", retry=NoRetry())
    def parent() -> None:
        current_job().push(child.call())
        raise ValueError("no")

    parent.push()
    kit.drain(raises=False)

    kit.assert_not_pushed(child)


def test_async_jobs_share_a_loop(app: Conveyor, kit: Kit) -> None:
    loops: set[asyncio.AbstractEventLoop] = set()

    @app.job("work")
    async def work(number: int) -> int:
        loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        current_job().progress(number, 2)
        return number

    handles = [work.push(number) for number in (1, 2)]
    kit.drain()

    assert [handle.result() for handle in handles] == [1, 2]
    assert [handle.progress.percentage for handle in handles if handle.progress] == [50, 100]
    assert len(loops) == 1


def test_in_an_async_test_async_jobs_run_on_its_loop_and_sync_ones_beside_it(app: Conveyor, kit: Kit) -> None:
    loops: list[asyncio.AbstractEventLoop | None] = []

    @app.job("awaits")
    async def awaits() -> None:
        loops.append(asyncio.get_running_loop())
        blocks.push()

    @app.job("blocks", timeout=10)
    def blocks() -> None:
        asyncio.run(asyncio.sleep(0))
        loops.append(None)

    async def test() -> None:
        await awaits.apush()
        await kit.adrain()
        assert loops == [asyncio.get_running_loop(), None]

    asyncio.run(test())


def test_only_the_queues_that_are_named_are_drained_and_paused_ones_are_left(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work(where: str) -> str:
        return where

    for queue in ("a", "b", "c"):
        work.options(queue=queue).push(queue)
    app.queue("c").pause()

    assert [run.handle.result() for run in kit.drain("a")] == ["a"]
    assert [run.handle.result() for run in kit.drain()] == ["b"]
    app.queue("c").resume()
    assert [run.handle.result() for run in kit.drain()] == ["c"]


def test_uniqueness_holds_as_long_as_the_job_is_active(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work() -> None: ...

    first = work.options(unique="one").push()
    assert work.options(unique="one").push() == first
    kit.drain()

    assert work.options(unique="one").push() != first


def test_a_job_holds_its_lock_while_it_runs_and_waits_while_another_holds_it(app: Conveyor, kit: Kit) -> None:
    @app.job("work", lock="one")
    def work() -> str:
        return app.locks()[0].name

    taken = app.driver.acquire_lock("one", "somebody", 5)
    handle = work.push()
    assert taken is not None
    runs = kit.drain()

    assert handle.result() == "one"
    assert runs[0].status is JobStatus.PENDING
    assert app.locks() == []


def test_a_job_that_pushes_itself_is_no_endless_test(app: Conveyor, kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "MOST_RUNS", 1200)

    @app.job("again")
    def again() -> None:
        current_job().push(again.call())

    again.push()

    with pytest.raises(AssertionError, match=r"1,200 jobs have run, and there are more; the last were of type again"):
        kit.drain()


def test_jobs_that_waited_too_long_expire(app: Conveyor, kit: Kit) -> None:
    @app.job("late")
    def late() -> None: ...

    handle = late.options(expires=30).push()
    kit.clock.advance(30)

    assert kit.drain() == []
    assert handle.status is JobStatus.EXPIRED


def test_runs_are_measured_and_middleware_is_told(app: Conveyor) -> None:
    class Told(Middleware):
        def __init__(self) -> None:
            self.said: list[str] = []

        def before_run(self, job: Any) -> None:
            self.said.append("before")

        def after_run(self, job: Any, result: object, error: BaseException | None, seconds: float) -> None:
            self.said.append(f"after {error!r}")

        def on_dead(self, job: Any, failure: Any) -> None:
            self.said.append("dead")

    told = Told()
    app.use(told)

    @app.job("work", retry=NoRetry())
    def work() -> None:
        raise ValueError("no")

    with Kit(app, now=datetime.now(UTC)) as kit:
        work.push()
        kit.drain(raises=False)
        figures = app.metrics.total()

    assert told.said == ["before", "after ValueError('no')", "dead"]
    assert figures.failed == 1


def test_a_job_is_completed_in_a_transaction_of_the_application_s(app: Conveyor, kit: Kit) -> None:
    @app.job("pack")
    def pack() -> None:
        with closing(sqlite3.connect(":memory:")) as connection, (done := current_job().transaction(connection)):
            current_job().push(follow.call())
            done.result = 7

    @app.job("follow")
    async def follow() -> None: ...

    async def push() -> None:
        await pack.options(connection=object()).apush()

    asyncio.run(push())

    assert told(kit.drain()) == [("pack", 1, "completed"), ("follow", 1, "completed")]


# ── bad ends ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_buried_a_job_comes_up_as_it_was_raised_after_all_have_run(app: Conveyor, kit: Kit) -> None:
    @app.job("bad", retry=ExponentialBackoff(max_attempts=2))
    def bad() -> None:
        raise LookupError("nothing here")

    @app.job("good")
    def good() -> int:
        return 1

    bad.push()
    handle = good.push()

    with pytest.raises(LookupError, match=r"nothing here") as raised:
        kit.drain()

    assert handle.result() == 1
    assert raised.traceback[-1].name == "bad"
    assert "of type 'bad', attempt 2; failed" in raised.value.__notes__[0]


def test_with_raises_off_it_is_told_by_runs_handles_and_dead_letters(app: Conveyor, kit: Kit) -> None:
    @app.job("bad", retry=NoRetry())
    def bad() -> None:
        raise LookupError("nothing here")

    handle = bad.push()
    (run,) = kit.drain(raises=False)

    assert isinstance(run.error, LookupError)
    with pytest.raises(JobFailed, match=r"nothing here"):
        handle.result()
    assert app.dead_letters.statistics().count == 1


def test_signals_steer_and_are_no_errors(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work(what: str) -> None:
        if what == "snooze" and current_job().attempt == 1:
            raise Snooze(3600)
        if what == "cancel":
            raise Cancel("gone")

    work.push("snooze")
    work.push("cancel")

    assert told(kit.drain()) == [("work", 1, "pending"), ("work", 1, "cancelled"), ("work", 2, "completed")]


def test_giving_up_is_one(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work() -> None:
        raise GiveUp("no use")

    work.push()

    with pytest.raises(GiveUp, match=r"no use"):
        kit.drain()


def test_a_job_that_no_longer_fits_its_signature_says_so(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work(number: int) -> None: ...

    app.driver.push([msgspec.structs.replace(app.prepare(work.call(7)), payload='{"number":"seven"}')])

    with pytest.raises(JobFailed, match=r"the stored payload does not fit"):
        kit.drain()


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
@pytest.mark.parametrize("awaited", [False, True], ids=["drain", "adrain"])
def test_a_job_is_stopped_at_its_timeout(app: Conveyor, kit: Kit, is_async: bool, awaited: bool) -> None:
    def busy() -> None:
        # In a thread it is the next Python instruction that is interrupted.
        until = time.monotonic() + 30
        while time.monotonic() < until:
            time.sleep(0.001)

    async def idle() -> None:
        await asyncio.sleep(30)

    work: Any = app.job("work", timeout=0.05, retry=NoRetry())(idle if is_async else busy)
    handle = work.push()

    with pytest.raises(JobTimeout, match=r"ran past its timeout of 0.05 s"):
        asyncio.run(kit.adrain()) if awaited else kit.drain()

    assert handle.status is JobStatus.EXPIRED


# ── until then ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_until_a_moment_schedules_push_each_at_its_time(app: Conveyor) -> None:
    ran: list[datetime] = []

    with Kit(app, now=datetime(2026, 3, 28, 12, tzinfo=UTC)) as kit:

        @app.job("report")
        def report() -> None:
            ran.append(kit.clock.now)

        app.cron("30 6 * * *", report, timezone="Europe/Berlin")
        kit.drain()
        kit.drain(until=timedelta(days=2))

        assert kit.clock.now == datetime(2026, 3, 30, 12, tzinfo=UTC)

    # The clocks go forward in between.
    assert ran == [datetime(2026, 3, 29, 4, 30, tzinfo=UTC), datetime(2026, 3, 30, 4, 30, tzinfo=UTC)]


def test_what_is_due_later_waits(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work(hours: int) -> int:
        return hours

    for hours in (1, 2, 3):
        work.options(delay=hours * 3600).push(hours)

    assert [run.handle.result() for run in kit.drain(until=kit.clock.now + timedelta(hours=2))] == [1, 2]
    assert [run.handle.result() for run in kit.drain()] == [3]


def test_a_stored_schedule_can_be_added_paused_and_resumed(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work() -> None: ...

    app.schedules.add("hourly", 3600, work)
    assert len(kit.drain(until=timedelta(hours=3))) == 3
    app.schedules.pause("hourly")
    assert kit.drain(until=timedelta(hours=3)) == []
    app.schedules.resume("hourly")
    assert len(kit.drain(until=timedelta(hours=3))) == 3


def test_a_lease_that_nobody_settles_is_over_in_its_time(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work() -> int:
        return current_job().attempt

    handle = work.push()
    assert app.queue("default").pop(lease=60) is not None

    assert kit.drain(until=59) == []
    kit.drain(until=1)

    assert handle.result() == 2
    assert handle.info.crashes == 1


@pytest.mark.parametrize("until", [-1, datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 1)])  # noqa: DTZ001 - a slip
def test_time_does_not_go_back(kit: Kit, until: Any) -> None:
    with pytest.raises(InvalidValue, match=r"until is"):
        kit.drain(until=until)


def test_a_job_cannot_drain(app: Conveyor, kit: Kit) -> None:
    @app.job("work", retry=NoRetry())
    def work() -> None:
        kit.drain()

    work.push()

    with pytest.raises(InvalidValue, match=r"jobs run already"):
        kit.drain()
    assert kit.drain() == []
