from __future__ import annotations

import pytest

from conveyor.drivers.base import STEP, Driver
from conveyor.errors import InvalidValue
from conveyor.lifecycle import after_failure, after_success
from conveyor.measures import JobMetrics
from conveyor.records import ClaimKey, JobId, Progress, Slot, Tended
from conveyor.retention import Retention
from conveyor.retry import NoRetry
from conveyor.times import SECOND
from tests.contract.recount import check_counters
from tests.contract.stores import START, FakeClock, Store, a_failure, a_job, is_kept, jobs, push_one, take, take_one

DAY = 86_400.0
FOREVER = Retention(finished_age=None, finished_count=None, dead_age=None, dead_count=None)


def finish(driver: Driver) -> JobId:
    job_id = push_one(driver)
    driver.settle([after_success(take_one(driver), None)])
    return job_id


def bury(driver: Driver) -> JobId:
    job_id = push_one(driver)
    claim = take_one(driver)
    driver.settle([after_failure(claim, a_failure(claim), NoRetry())])
    return job_id


def cancel(driver: Driver) -> JobId:
    job_id = push_one(driver)
    driver.cancel([job_id])
    return job_id


def kept(driver: Driver, ids: list[JobId]) -> list[bool]:
    return [is_kept(driver, job_id) for job_id in ids]


def test_completed_and_cancelled_jobs_go_by_the_age_of_their_end(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_age=60))
    old = [finish(driver), cancel(driver)]
    buried = bury(driver)
    clock.step(30)
    young = finish(driver)
    clock.step(31)

    assert driver.tend() == Tended(pruned=2)

    assert kept(driver, [*old, young, buried]) == [False, False, True, True]
    check_counters(driver)


def test_days_that_are_long_past_go_with_all_their_jobs(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_age=4 * DAY))
    old = [finish(driver), cancel(driver)]
    clock.step(3 * DAY)
    young = finish(driver)
    clock.step(3 * DAY)

    while driver.tend().pruned:
        pass

    assert kept(driver, [*old, young]) == [False, False, True]
    check_counters(driver)


def test_dead_letters_go_by_their_own_age(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(dead_age=60))
    old, finished = bury(driver), finish(driver)
    clock.step(30)
    young = bury(driver)
    clock.step(31)

    assert driver.tend() == Tended(pruned=1)

    assert kept(driver, [old, young, finished]) == [False, True, True]
    counts = driver.counts(["a"])[0].by_priority[500]
    assert (counts.dead, counts.failed) == (1, 2)


@pytest.mark.in_order
def test_of_too_many_finished_jobs_the_oldest_go(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_count=2))
    ended: list[JobId] = []
    for end in (finish, cancel, finish, finish):
        ended.append(end(driver))
        clock.step(1)
    buried = bury(driver)

    assert driver.tend() == Tended(pruned=2)

    assert kept(driver, [*ended, buried]) == [False, False, True, True, True]


@pytest.mark.in_order
def test_jobs_cancelled_together_end_in_the_order_given(store: Store) -> None:
    driver = store.open(retention=Retention(finished_count=1))
    first, second, third = driver.push(jobs(3))
    driver.cancel([second, third, first])

    assert driver.tend() == Tended(pruned=2)

    assert kept(driver, [second, third, first]) == [False, False, True]


@pytest.mark.in_order
def test_of_too_many_dead_letters_the_oldest_go(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(dead_count=2))
    ended: list[JobId] = []
    for _ in range(4):
        ended.append(bury(driver))
        clock.step(1)
    finished = finish(driver)

    assert driver.tend() == Tended(pruned=2)

    assert kept(driver, [*ended, finished]) == [False, False, True, True, True]


def test_the_count_is_one_for_the_whole_store(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_count=1))
    first = push_one(driver, "b")
    driver.settle([after_success(take_one(driver, "b"), None)])
    clock.step(1)
    second = finish(driver)

    driver.tend()

    assert kept(driver, [first, second]) == [False, True]


@pytest.mark.in_order
def test_a_job_goes_when_one_bound_is_passed(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_age=60, finished_count=2))
    ended: list[JobId] = []
    for pause in (31, 31, 1, 1):
        ended.append(finish(driver))
        clock.step(pause)

    driver.tend()

    assert kept(driver, ended) == [False, False, True, True]


def test_nothing_goes_without_bounds(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=FOREVER)
    ended = [finish(driver), bury(driver), cancel(driver)]
    clock.step(50 * 366 * DAY)

    assert driver.tend() == Tended()

    assert kept(driver, ended) == [True, True, True]


def test_a_count_of_zero_keeps_nothing(store: Store) -> None:
    driver = store.open(retention=Retention(finished_count=0, dead_count=0))
    ended = [finish(driver), bury(driver)]

    assert driver.tend() == Tended(pruned=2)

    assert kept(driver, ended) == [False, False]


def test_waiting_and_running_jobs_never_go(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_age=0, finished_count=0, dead_age=0, dead_count=0))
    waiting, running, delayed = push_one(driver, "b"), push_one(driver, "a"), push_one(driver, "b", delay=1e9)
    take_one(driver, "a")
    clock.step(10 * 366 * DAY)

    driver.tend()

    assert kept(driver, [waiting, running, delayed]) == [True, True, True]


@pytest.mark.in_order
def test_a_step_prunes_at_most_a_step_of_each_kind(store: Store) -> None:
    driver = store.open(retention=Retention(finished_count=0, dead_count=0))
    for number in (STEP, 10):
        driver.push(jobs(2 * number))
        claims = take(driver, limit=number)
        driver.settle([after_success(claim, None) for claim in claims])
        claims = take(driver, limit=number)
        driver.settle([after_failure(claim, a_failure(claim), NoRetry()) for claim in claims])

    assert driver.tend() == Tended(pruned=2 * STEP, more=True)
    assert driver.tend() == Tended(pruned=20)
    check_counters(driver)


def test_what_is_buried_in_a_step_is_not_pruned_in_it(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(dead_age=0, dead_count=0))
    job_id = push_one(driver, expires=1.0)
    clock.step(1)

    assert driver.tend() == Tended(expired=1)
    assert is_kept(driver, job_id)
    assert driver.tend() == Tended(pruned=1)


def test_progress_goes_with_the_job(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_age=60))
    job_id = push_one(driver)
    claim = take_one(driver)
    driver.write_progress(ClaimKey(claim.id, claim.attempt), Progress(current=1))
    driver.settle([after_success(claim, None)])
    clock.step(61)

    driver.tend()

    assert driver.read_progress([job_id]) == [None]


def test_metrics_go_by_their_minute(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(metrics_age=600))
    minute = START // (60 * SECOND)
    driver.add_metrics(
        [
            JobMetrics(minute=minute - 11, type="t", queue="a", completed=1, buckets={3: 1}),
            JobMetrics(minute=minute - 9, type="t", queue="a", completed=1, buckets={3: 1}),
        ]
    )

    assert driver.tend().pruned == 1

    assert [metrics.minute for metrics in driver.read_metrics(since=0, until=minute + 1)] == [minute - 9]
    driver.add_metrics([JobMetrics(minute=minute - 11, type="t", queue="a", completed=1)])
    (again, _) = driver.read_metrics(since=0, until=minute + 1)
    assert again == JobMetrics(minute=minute - 11, type="t", queue="a", completed=1)


def test_metrics_of_short_spans_go_before_those_of_long_ones(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(metrics_age=9 * DAY))
    now = START // (60 * SECOND)
    spans = {1: 3 * 60, 60: 3 * 1440, 1440: 9 * 1440}
    # One that has just ended so long ago, and one that ended a span later.
    for span, age in spans.items():
        last = (now - age) // span * span - span
        driver.add_metrics(
            [JobMetrics(minute=minute, span=span, type="t", queue="a", completed=1) for minute in (last, last + span)]
        )

    pruned = driver.tend().pruned

    assert pruned == 3
    for span, age in spans.items():
        (kept,) = driver.read_metrics(since=0, until=now, span=span)
        assert kept.minute + span > now - age
    assert driver.tend().pruned == 0


def test_a_slot_goes_by_the_moment_it_was_taken(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_age=2 * DAY))
    slot = Slot("nightly", START - 1000 * 86_400 * SECOND)
    first = push_one(driver, slot=slot)
    clock.step(2 * DAY - 1)
    driver.tend()
    assert driver.push([a_job(slot=slot)]) == [first]
    clock.step(2)

    driver.tend()

    second = a_job(slot=slot)
    assert driver.push([second]) == [second.id]


def test_a_slot_stays_for_a_day_at_least(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=Retention(finished_age=0, finished_count=0))
    slot = Slot("nightly", START)
    first = push_one(driver, slot=slot)
    driver.settle([after_success(take_one(driver), None)])
    clock.step(DAY - 1)
    driver.tend()

    assert not is_kept(driver, first)
    assert driver.push([a_job(slot=slot)]) == [first]
    clock.step(2)
    driver.tend()
    second = a_job(slot=slot)
    assert driver.push([second]) == [second.id]


def test_slots_stay_for_ever_where_finished_jobs_do(store: Store, clock: FakeClock) -> None:
    driver = store.open(retention=FOREVER)
    slot = Slot("nightly", START)
    first = push_one(driver, slot=slot)
    clock.step(50 * 366 * DAY)
    driver.tend()

    assert driver.push([a_job(slot=slot)]) == [first]


@pytest.mark.parametrize(
    "bounds",
    [
        {"finished_age": -1},
        {"dead_age": float("nan")},
        {"metrics_age": -0.5},
        {"finished_count": -1},
        {"dead_count": -2},
        {"finished_count": 1.5},
        {"dead_count": "5"},
        {"dead_age": "7d"},
        {"metrics_age": None},
    ],
)
def test_a_bound_that_is_no_bound_is_refused(bounds: dict[str, object]) -> None:
    (name,) = bounds

    with pytest.raises(InvalidValue, match=name):
        Retention(**bounds)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - callers may be untyped
