from __future__ import annotations

import asyncio
import inspect
import os
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from conveyor import Conveyor, Job, Queue, StoreFull
from conveyor.aio import THREADS, AsyncBridge
from conveyor.ids import new_id
from conveyor.records import JobId, NewJob

LONG = 10.0
"""Seconds after which a test gives up waiting."""


class Gate:
    """A driver whose first push waits until it is let go; it records the size of each round trip."""

    def __init__(self) -> None:
        self.rounds: list[int] = []
        self.ids: list[JobId] = []
        self.is_entered, self.may_go = threading.Event(), threading.Event()
        self.error: BaseException | None = None

    def push(self, jobs: Sequence[NewJob]) -> list[JobId]:
        self.rounds.append(len(jobs))
        self.is_entered.set()
        assert self.may_go.wait(LONG)
        if self.error is not None:
            raise self.error
        self.ids += [job.id for job in jobs]
        return [job.id for job in jobs]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def bridge(gate: Gate) -> Any:
    driver: Any = gate
    made = AsyncBridge(lambda: driver)
    yield made
    gate.may_go.set()
    made.close()


def jobs(count: int = 1) -> list[NewJob]:
    return [NewJob(id=new_id(), queue="default", type="work", payload="{}") for _ in range(count)]


async def entered(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.is_entered.wait, LONG)


async def joined(bridge: AsyncBridge, count: int) -> None:
    """Until so many callers wait for the next round trip."""
    async with asyncio.timeout(LONG):
        while len(bridge._waiting) < count:  # noqa: ASYNC110 - there is nothing to be woken by
            await asyncio.sleep(0)


# ── merging ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pushes_that_come_during_a_round_trip_share_the_next_one(gate: Gate, bridge: AsyncBridge) -> None:
    batches = [jobs(1), *[jobs(size) for size in (1, 2, 3)]]

    async def push() -> list[list[JobId]]:
        first = asyncio.create_task(bridge.push(batches[0]))
        await entered(gate)
        others = [asyncio.create_task(bridge.push(batch)) for batch in batches[1:]]
        await joined(bridge, 3)
        gate.may_go.set()
        return await asyncio.gather(first, *others)

    assert asyncio.run(push()) == [[job.id for job in batch] for batch in batches]
    assert gate.rounds == [1, 6]


def test_many_pushes_of_one_application_take_few_round_trips(app: Conveyor) -> None:
    rounds: list[int] = []
    push = app.driver.push

    def watched(jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        rounds.append(len(jobs))
        return push(jobs)

    app.driver.push = watched  # type: ignore[method-assign]

    @app.job
    def work(number: int) -> None: ...

    async def push_all() -> int:
        return len({handle.id for handle in await asyncio.gather(*[work.apush(number) for number in range(500)])})

    assert asyncio.run(push_all()) == 500
    assert sum(rounds) == 500
    assert len(rounds) < 250


# ── errors ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_when_a_round_trip_fails_everyone_in_it_is_told_and_the_next_one_is_unharmed(
    gate: Gate, bridge: AsyncBridge
) -> None:
    gate.error = StoreFull("no room")

    async def push() -> list[Any]:
        first = asyncio.create_task(bridge.push(jobs()))
        await entered(gate)
        others = [asyncio.create_task(bridge.push(jobs())) for _ in range(3)]
        await joined(bridge, 3)
        gate.may_go.set()
        told = await asyncio.gather(first, *others, return_exceptions=True)
        gate.error = None
        return [*told, await bridge.push(jobs())]

    *told, ids = asyncio.run(push())

    assert [type(error) for error in told] == [StoreFull] * 4
    assert ids == gate.ids
    assert gate.rounds == [1, 3, 1]


def test_a_store_that_cannot_be_opened_is_told_to_everyone() -> None:
    def refuse() -> Any:
        raise StoreFull("no room")

    bridge = AsyncBridge(refuse)

    async def push() -> list[Any]:
        return await asyncio.gather(*[bridge.push(jobs()) for _ in range(5)], return_exceptions=True)

    assert [type(error) for error in asyncio.run(push())] == [StoreFull] * 5
    bridge.close()


def test_when_no_thread_can_be_had_everyone_is_told(bridge: AsyncBridge, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_function: object) -> Any:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(bridge, "submit", refuse)

    async def push() -> list[Any]:
        return await asyncio.gather(*[bridge.push(jobs()) for _ in range(3)], return_exceptions=True)

    assert [str(error) for error in asyncio.run(push())] == ["can't start new thread"] * 3
    assert bridge._waiting == []


# ── cancellation ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_caller_who_is_cancelled_while_waiting_takes_its_jobs_back_and_hurts_nobody(
    gate: Gate, bridge: AsyncBridge
) -> None:
    kept, dropped = jobs(2), jobs(1)

    async def push() -> list[JobId]:
        first = asyncio.create_task(bridge.push(jobs()))
        await entered(gate)
        leaving = asyncio.create_task(bridge.push(dropped))
        staying = asyncio.create_task(bridge.push(kept))
        await joined(bridge, 2)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        gate.may_go.set()
        await first
        return await staying

    assert asyncio.run(push()) == [job.id for job in kept]
    assert dropped[0].id not in gate.ids


def test_a_caller_who_is_cancelled_during_the_round_trip_hurts_nobody(gate: Gate, bridge: AsyncBridge) -> None:
    async def push() -> list[JobId]:
        leaving = asyncio.create_task(bridge.push(jobs()))
        await entered(gate)
        staying = asyncio.create_task(bridge.push(jobs(2)))
        await joined(bridge, 1)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        gate.may_go.set()
        return await staying

    assert len(asyncio.run(push())) == 2
    assert gate.rounds == [1, 2]


# ── loops, threads, forks ────────────────────────────────────────────────────────────────────────────────────────────


def test_event_loops_come_and_go(app: Conveyor) -> None:
    @app.job
    def work(number: int) -> None: ...

    async def push(number: int) -> str:
        return str(await (await work.apush(number)).astatus())

    assert [asyncio.run(push(number)) for number in range(3)] == ["pending"] * 3


def test_loops_of_several_threads_share_an_application(app: Conveyor) -> None:
    @app.job
    def work(number: int) -> None: ...

    async def push_all() -> None:
        await asyncio.gather(*[work.apush(number) for number in range(50)])

    threads = [threading.Thread(target=lambda: asyncio.run(push_all())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert app.queue("default").size() == 200


def test_a_loop_that_ends_while_it_pushes_does_not_stop_the_next(gate: Gate, bridge: AsyncBridge) -> None:
    async def leave() -> None:
        leaving = asyncio.ensure_future(bridge.push(jobs()))
        await entered(gate)
        assert not leaving.done()

    async def push() -> list[JobId]:
        gate.may_go.set()
        return await bridge.push(jobs())

    asyncio.run(leave())

    assert len(asyncio.run(push())) == 1


def test_calls_run_on_a_few_threads_of_their_own(bridge: AsyncBridge) -> None:
    async def call_all() -> set[str]:
        return set(await asyncio.gather(*[bridge.call(lambda: threading.current_thread().name) for _ in range(50)]))

    names = asyncio.run(call_all())

    assert 1 <= len(names) <= THREADS
    assert all(name.startswith("conveyor-aio") for name in names)


def test_a_call_raises_what_its_function_does(bridge: AsyncBridge) -> None:
    with pytest.raises(KeyError):
        asyncio.run(bridge.call(dict[int, int]().__getitem__, 7))


def test_closing_ends_the_threads_and_the_next_call_starts_new_ones(bridge: AsyncBridge) -> None:
    first = asyncio.run(bridge.call(threading.current_thread))

    bridge.close()
    bridge.close()

    assert not first.is_alive()
    assert asyncio.run(bridge.call(threading.current_thread)).is_alive()


def test_a_call_that_races_with_closing_is_run(bridge: AsyncBridge) -> None:
    stop = threading.Event()
    usual = sys.getswitchinterval()

    def close_again_and_again() -> None:
        while not stop.is_set():
            bridge.close()

    closing = threading.Thread(target=close_again_and_again)
    closing.start()
    sys.setswitchinterval(1e-6)
    try:
        answers = [bridge.submit(int, "7").result(LONG) for _ in range(5000)]
    finally:
        sys.setswitchinterval(usual)
        stop.set()
        closing.join()

    assert answers == [7] * 5000


def test_a_forked_child_has_threads_of_its_own(app: Conveyor) -> None:
    @app.job
    def work(number: int) -> None: ...

    asyncio.run(work.apush(1))

    def push() -> str:
        asyncio.run(work.apush(2))
        return "pushed"

    assert in_child(push) == "pushed"


def in_child(act: Callable[[], str]) -> str:
    """What `act` answers in a forked child."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.write(write, act().encode())
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        answer = pipe.read()
    os.waitpid(child, 0)
    return answer


def test_the_async_ways_to_push_have_the_signatures_of_the_sync_ones() -> None:
    for kind in (Job, Conveyor, Queue):
        for name in ("push", "push_many"):
            assert inspect.signature(getattr(kind, name)) == inspect.signature(getattr(kind, f"a{name}")), name
