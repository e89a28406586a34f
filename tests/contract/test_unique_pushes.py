"""Uniqueness as an application says it, on every store; `test_unique.py` has the rules of the stores themselves."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from conveyor import Conveyor, DuplicateJob, InvalidValue, Job, JobHandle, JobStatus, NoRetry, Unique
from conveyor.drivers.base import Driver
from tests.contract.stores import FakeClock, Store

Index = Job[..., Any]


@pytest.fixture
def app(store: Store, driver: Driver) -> Generator[Conveyor]:
    # Opened after the driver, so that a store in memory lives until its counters have been checked.
    made = Conveyor(store.url, clock=store.clock, retry=NoRetry())
    yield made
    made.close()


@pytest.fixture
def index(app: Conveyor) -> Index:
    @app.job("index", unique=Unique())
    def index(page: int, depth: int = 1) -> None: ...

    return index


def complete(app: Conveyor, error: str = "") -> None:
    """What the next job comes to."""
    queue = app.queue("default")
    payload = queue.pop()
    assert payload is not None
    queue.fail(payload, error) if error else queue.complete(payload)


def test_whoever_pushes_twice_makes_one_job_of_type_and_arguments(app: Conveyor, index: Index) -> None:
    first = index.push(7)

    assert index.push(page=7, depth=1) == first
    assert index.push_many([(7,), (7, 1)]) == [first, first]
    assert index.push(8) != first
    assert app.queue("default").size() == 2


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled"])
def test_a_key_is_free_with_the_end_of_its_job_whatever_it_is(app: Conveyor, index: Index, end: str) -> None:
    first = index.push(7)
    if end == "cancelled":
        first.cancel()
    else:
        complete(app, error="no" if end == "failed" else "")
    assert first.status == end

    assert index.push(7) != first


def test_a_key_is_kept_while_its_job_is_given_back_by_a_worker_that_died(
    app: Conveyor, index: Index, clock: FakeClock
) -> None:
    first = index.push(7)
    assert app.queue("default").pop(lease=30) is not None
    clock.step(31)

    assert index.push(7) == first
    complete(app)
    assert (first.status, first.info.crashes) == (JobStatus.COMPLETED, 1)
    assert index.push(7) != first


@pytest.mark.parametrize(
    ("until", "running", "dead"), [("start", False, False), ("success", True, True), ("final", True, False)]
)
def test_until_says_which_jobs_are_in_the_way(
    app: Conveyor, index: Index, until: str, running: bool, dead: bool
) -> None:
    def pushed() -> JobHandle[None]:
        return index.options(unique=Unique("one", until=until)).push(7)

    first = pushed()
    assert pushed() == first
    payload = app.queue("default").pop()
    assert payload is not None
    assert (pushed() == first) is running
    app.queue("default").fail(payload, "no")
    if until != "start":
        assert (pushed() == first) is dead


def test_a_conflict_can_be_raised_or_the_waiting_job_replaced(app: Conveyor, index: Index) -> None:
    first = index.options(unique="one").push(7)

    with pytest.raises(DuplicateJob) as raised:
        index.options(unique=Unique("one", on_conflict="raise")).push(8)
    assert raised.value.job_id == first.id
    assert index.options(unique=Unique("one", on_conflict="replace")).push(9) == first

    payload = app.queue("default").pop()
    assert payload is not None
    assert payload.job == index.call(page=9)


def test_of_debounced_pushes_the_last_within_the_window_wins(app: Conveyor, index: Index, clock: FakeClock) -> None:
    for depth in (1, 2, 3):
        index.options(unique="one", debounce=10).push(7, depth)
        clock.step(6)
        assert app.queue("default").pop() is None

    clock.step(4)
    payload = app.queue("default").pop()
    assert payload is not None
    assert payload.job == index.call(page=7, depth=3)


def test_throttled_pushes_are_one_a_window_though_the_job_has_ended(
    app: Conveyor, index: Index, clock: FakeClock
) -> None:
    clock.now -= clock.now % 10_000_000
    first = index.options(throttle=10).push(7)
    complete(app)
    clock.step(9)
    assert index.options(throttle=10).push(7) == first
    clock.step(1)

    assert index.options(throttle=10).push(7) != first


@pytest.mark.parametrize("key", ["x" * 255, "é" * 255, "🪱" * 255], ids=["ascii", "two bytes", "four bytes"])
def test_the_longest_key_is_kept_and_a_longer_one_refused(app: Conveyor, index: Index, key: str) -> None:
    first = index.options(unique=key).push(7)

    assert index.options(unique=key).push(8) == first
    assert first.info.unique == key
    for longer in (f"{key}x", "x" * (1 << 20)):
        with pytest.raises(InvalidValue, match=r"give a key of 1 to 255 characters"):
            index.options(unique=longer).push(7)
