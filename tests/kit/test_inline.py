from __future__ import annotations

import asyncio
import signal
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing

import pytest

from conveyor import Conveyor, Job, JobId, JobStatus, Middleware, NewJob, NoRetry, Retry, current_job
from conveyor.testing import Kit


@pytest.fixture
def double(app: Conveyor) -> Job[[int], int]:
    @app.job("double")
    def double(number: int) -> int:
        if number < 0:
            raise ValueError(f"{number} is negative")
        return 2 * number

    return double


def test_a_push_runs_the_job_before_it_answers(kit: Kit, double: Job[[int], int]) -> None:
    with kit.inline():
        assert double.push(3).result() == 6
        assert [handle.result() for handle in double.push_many([(1,), (2,)])] == [2, 4]

    assert double.push(3).status is JobStatus.PENDING


def test_what_a_job_raises_comes_out_of_the_push(kit: Kit, double: Job[[int], int]) -> None:
    with kit.inline(), pytest.raises(ValueError, match=r"-1 is negative") as raised:
        double.push(-1)

    assert raised.traceback[-1].name == "double"
    (pushed,) = kit.pushed()
    assert pushed.status is JobStatus.RETRYING


def test_with_raises_off_the_handle_tells_of_it_and_the_retry_waits(kit: Kit, double: Job[[int], int]) -> None:
    with kit.inline(raises=False):
        handle = double.push(-1)

        assert handle.status is JobStatus.RETRYING
        assert handle.info.errors[0].message == "-1 is negative"


def test_a_delay_or_a_retry_that_the_job_asks_for_waits_for_drain(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    def work() -> int:
        if current_job().attempt == 1:
            raise Retry(after=60)
        return current_job().attempt

    with kit.inline():
        retried = work.push()
        delayed = work.options(delay=60).push()

        assert (retried.status, delayed.status) == (JobStatus.RETRYING, JobStatus.PENDING)
        kit.drain()

    assert (retried.result(), delayed.result()) == (2, 2)


def test_what_jobs_push_runs_after_them_and_what_it_raises_comes_up_in_the_test(app: Conveyor, kit: Kit) -> None:
    ran: list[str] = []

    @app.job("child", retry=NoRetry())
    def child() -> None:
        ran.append("child")
        raise LookupError("not here")

    @app.job("parent")
    def parent() -> None:
        child.push()
        ran.append("parent")

    with kit.inline(), pytest.raises(LookupError, match=r"not here"):
        parent.push()

    assert ran == ["parent", "child"]
    assert [pushed.status.value for pushed in kit.pushed()] == ["completed", "failed"]


def test_async_pushes_run_on_the_loop_of_the_test_together_and_from_inside_of_jobs(app: Conveyor, kit: Kit) -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    @app.job("child")
    async def child() -> None:
        loops.append(asyncio.get_running_loop())

    @app.job("parent")
    async def parent() -> None:
        await child.apush()

    async def test() -> None:
        with kit.inline():
            await asyncio.gather(parent.apush(), parent.apush())
        assert loops == [asyncio.get_running_loop()] * 2

    asyncio.run(test())

    assert [pushed.status.value for pushed in kit.pushed()] == ["completed"] * 4


def test_an_async_job_that_is_pushed_without_await_runs_too(app: Conveyor, kit: Kit) -> None:
    @app.job("work")
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    async def test() -> int:
        with kit.inline():
            return work.push().result()

    assert asyncio.run(test()) == 7


def test_a_push_inside_of_a_transaction_runs_after_it(kit: Kit, double: Job[[int], int]) -> None:
    with kit.inline(), closing(sqlite3.connect(":memory:")) as connection:
        with connection:
            handle = double.options(connection=connection).push(1)
            assert handle.status is JobStatus.PENDING
        double.push(2)

    assert handle.result() == 2


def test_middleware_that_comes_later_is_called_and_pushes_still_run(
    app: Conveyor, kit: Kit, double: Job[[int], int]
) -> None:
    told: list[int] = []

    class Told(Middleware):
        def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
            told.append(len(jobs))

    with kit.inline():
        app.use(Told())
        assert double.push(1).result() == 2

    assert told == [1]


def test_pushes_from_threads_all_run(kit: Kit, double: Job[[int], int]) -> None:
    with kit.inline():
        threads = [threading.Thread(target=double.push, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert {pushed.status for pushed in kit.pushed()} == {JobStatus.COMPLETED}


def test_the_alarm_of_the_test_itself_still_rings(app: Conveyor, kit: Kit) -> None:
    @app.job("work", timeout=10)
    def work() -> None: ...

    rung = threading.Event()
    before = signal.signal(signal.SIGALRM, lambda _number, _frame: rung.set())
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with kit.inline():
            work.push()
        assert rung.wait(10)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
