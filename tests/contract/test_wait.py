from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from conveyor.drivers.base import Driver
from conveyor.errors import StoreUnavailable
from conveyor.lifecycle import after_failure, after_success, handed_back, held
from conveyor.records import Filter
from conveyor.retry import NoRetry
from conveyor.times import system_clock
from tests.contract.racing import Racer, racers
from tests.contract.stores import SPANNING, Store, a_failure, a_job, an_id, push_one, take_one

DEADLINE = 10.0
"""How long a wait may last that is to be woken. What wakes it comes within a fraction of that."""

PROMPT = 1.0
"""A push that comes as a wait begins is found within this."""


@pytest.fixture
def driver(store: Store) -> Driver:
    """The store on the real clock: waiting is about real time."""
    return store.open(clock=system_clock)


@pytest.fixture
def in_thread() -> Generator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def timed(wait: Callable[[], bool]) -> tuple[bool, float]:
    begun = time.monotonic()
    answer = wait()
    return answer, time.monotonic() - begun


def waiting(pool: ThreadPoolExecutor, driver: Driver, *queues: str) -> Future[tuple[bool, float]]:
    """A wait in another thread that has begun, or is about to."""
    begun = threading.Event()

    def wait() -> tuple[bool, float]:
        begun.set()
        return timed(lambda: driver.wait(queues or ("a",), DEADLINE))

    answer = pool.submit(wait)
    assert begun.wait(DEADLINE)
    return answer


def test_wait_returns_at_once_when_a_job_is_ready(driver: Driver) -> None:
    push_one(driver, "b")

    answer, took = timed(lambda: driver.wait(["a", "b"], DEADLINE))

    assert answer
    assert took < PROMPT


def test_wait_ends_without_work_after_its_timeout(driver: Driver) -> None:
    push_one(driver, "b")
    push_one(driver, "a", delay=3600)

    answer, took = timed(lambda: driver.wait(["a"], 0.1))

    assert not answer
    assert 0.1 <= took < DEADLINE
    assert not driver.wait(["a", "never used"], 0)


def test_wait_returns_when_a_delayed_job_becomes_due(driver: Driver) -> None:
    pushed = time.monotonic()
    push_one(driver, delay=0.3)

    answer = driver.wait(["a"], DEADLINE)

    assert answer
    assert 0.25 < time.monotonic() - pushed < 0.3 + PROMPT
    assert take_one(driver).attempt == 1


def test_wait_returns_when_a_job_that_was_overdue_before_waits(driver: Driver) -> None:
    push_one(driver, delay=0.01)
    deadline = time.monotonic() + DEADLINE
    while driver.find(Filter()).jobs[0].due_at > system_clock():
        assert time.monotonic() < deadline

    answer, took = timed(lambda: driver.wait(["a"], DEADLINE))

    assert answer
    assert took < PROMPT


@pytest.mark.parametrize("pushed_by", ["the same driver", "another driver"])
def test_a_push_wakes_a_wait(store: Store, driver: Driver, in_thread: ThreadPoolExecutor, pushed_by: str) -> None:
    pusher = driver if pushed_by == "the same driver" else store.open(clock=system_clock)
    woken = waiting(in_thread, driver, "b", "a")

    push_one(pusher)

    answer, took = woken.result(DEADLINE)
    assert answer
    assert took < PROMPT


def test_a_job_pushed_with_a_delay_shortens_a_wait(driver: Driver, in_thread: ThreadPoolExecutor) -> None:
    woken = waiting(in_thread, driver)

    push_one(driver, delay=0.2)

    answer, took = woken.result(DEADLINE)
    assert answer
    assert took < 0.2 + PROMPT


@pytest.mark.parametrize("how", ["handed back", "follow-up", "redriven", "resumed", "offered again"])
def test_whatever_makes_a_job_ready_wakes_a_wait(driver: Driver, in_thread: ThreadPoolExecutor, how: str) -> None:
    push_one(driver)
    claim = take_one(driver, lease=3600)
    match how:
        case "redriven":
            driver.settle([after_failure(claim, a_failure(claim), NoRetry())])
        case "resumed":
            driver.settle([handed_back(claim)])
            driver.pause("a")
        case "offered again":
            driver.settle([held(claim, "type unknown")])
        case _:
            pass
    woken = waiting(in_thread, driver)

    match how:
        case "handed back":
            driver.settle([handed_back(claim)])
        case "follow-up":
            driver.settle([after_success(claim, None, follow_ups=(a_job(),))])
        case "redriven":
            driver.redrive(Filter())
        case "resumed":
            driver.resume("a")
        case _:
            driver.tend(["t"])

    answer, took = woken.result(DEADLINE)
    assert answer
    assert took < PROMPT + 0.5


def test_paused_queues_do_not_wake(driver: Driver) -> None:
    driver.pause("a")
    push_one(driver, "a")
    push_one(driver, "a", delay=0.01)

    assert not driver.wait(["a"], 0.1)
    push_one(driver, "b")
    assert driver.wait(["a", "b"], DEADLINE)


def test_held_and_running_jobs_do_not_wake(driver: Driver) -> None:
    push_one(driver)
    push_one(driver)
    driver.settle([held(take_one(driver), "type unknown")])
    take_one(driver)

    assert not driver.wait(["a"], 0.1)


def test_a_wait_learns_that_its_driver_is_closed(driver: Driver, in_thread: ThreadPoolExecutor) -> None:
    woken = waiting(in_thread, driver)

    driver.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        woken.result(PROMPT + 0.5)


def test_a_push_as_a_wait_begins_is_found_at_once(store: Store, driver: Driver, in_thread: ThreadPoolExecutor) -> None:
    pusher = store.open(clock=system_clock)
    for _ in range(100):
        # Now and then the push falls between the wait's look and its sleep.
        woken = waiting(in_thread, driver)
        push_one(pusher)
        pushed = time.monotonic()

        answer, _ = woken.result(DEADLINE)

        assert answer
        assert time.monotonic() - pushed < PROMPT + 0.5
        driver.settle([after_success(take_one(driver), None)])


@pytest.mark.parametrize("kind", SPANNING, ids=lambda kind: kind.name, indirect=True)
def test_a_push_by_another_process_wakes_within_10_ms(
    store: Store, driver: Driver, in_thread: ThreadPoolExecutor
) -> None:
    def delays(pusher: Racer) -> list[float]:
        """How long after the push the wait came back, in a dozen rounds, shortest first."""
        answers: list[float] = []
        for _ in range(12):
            woken = in_thread.submit(lambda: (driver.wait(["a"], DEADLINE), time.monotonic()))
            pusher.go(an_id().int & 0xFFFFFF)
            (pushed_at,) = pusher.answer()
            answer, woken_at = woken.result(DEADLINE)
            assert answer
            assert woken_at - pushed_at < PROMPT + 0.5
            answers.append(woken_at - pushed_at)
            driver.settle([after_success(take_one(driver), None)])
        return sorted(answers)

    with racers(1, "push", store.url, lambda _: ()) as (pusher,):
        # The machine may be busy with other things for a while; looking every so often would miss most of any dozen.
        dozens = (delays(pusher) for _ in range(8))
        assert any(dozen[8] < 0.010 for dozen in dozens)
