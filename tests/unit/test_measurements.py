"""Sketches and measurements: at most 2 % off, and they add up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor import sketch
from conveyor.measurements import Measurements, Tally, merge
from conveyor.measures import JobMetrics

numbers = st.integers(min_value=1, max_value=10**9)


@given(st.integers(min_value=0, max_value=10**12))
def test_a_number_is_within_two_percent_of_its_bucket(number: int) -> None:
    shown = sketch.number_of(sketch.bucket_of(number))

    assert abs(shown - max(number, 1)) <= 0.02 * max(number, 1) + 1e-6


@given(st.lists(numbers, min_size=1), st.floats(min_value=0, max_value=1))
def test_a_percentile_is_within_two_percent_of_the_true_one(durations: list[int], share: float) -> None:
    tally = Tally()
    for duration in durations:
        tally.runs([duration], failed=False)

    found = sketch.percentile(tally.buckets, share)

    ranked = sorted(durations)
    true = ranked[max(1, -int(-share * len(ranked) // 1)) - 1]
    assert found is not None
    assert abs(found - true) <= 0.0201 * true


@given(st.lists(numbers, min_size=1))
def test_a_mean_is_within_two_percent_of_the_true_one(peaks: list[int]) -> None:
    tally = Tally()
    for peak in peaks:
        tally.weigh(peak)

    found = sketch.mean(tally.memory)

    true = sum(peaks) / len(peaks)
    assert found is not None
    assert abs(found - true) <= 0.0201 * true


@given(st.lists(st.integers(0, 10**9), min_size=1), st.floats(min_value=0, max_value=1))
def test_waits_counted_by_the_batch_are_within_two_percent_too(waits: list[int], share: float) -> None:
    tally = Tally()

    tally.runs([1] * len(waits), waits, failed=False)

    found = sketch.percentile(tally.waits, share)
    true = max(1, sorted(waits)[max(1, -int(-share * len(waits) // 1)) - 1])
    assert found is not None
    assert abs(found - true) <= 0.0212 * true
    assert tally.waited_us == sum(waits)


def test_of_nothing_there_is_no_percentile_and_no_mean() -> None:
    assert sketch.percentile({}, 0.5) is None
    assert sketch.mean({}) is None


@given(st.lists(st.tuples(st.integers(1, 10**6), st.booleans(), st.integers(0, 2)), max_size=50))
def test_measurements_of_many_workers_add_up(runs: list[tuple[int, bool, int]]) -> None:
    together = Measurements()
    apart = [Measurements() for _ in range(3)]

    for duration, failed, worker in runs:
        for measured in (together, apart[worker]):
            tally = measured.tally("t", "q", 5)
            tally.runs([duration], [duration // 2], failed=failed, retried=failed)
            tally.weigh(duration)

    merged = merge(one for measured in apart for one in measured.take())
    assert merged == together.take()
    assert together.is_empty


def test_measurements_are_kept_by_minute_hour_and_day_and_can_be_put_back() -> None:
    measured = Measurements()
    for minute, failed in ((59, False), (60, True), (1440, False)):
        measured.tally("t", "q", minute).runs([10], [5], failed=failed)

    taken = measured.take()
    measured.put_back(taken)

    assert [(one.span, one.minute, one.completed, one.failed) for one in taken] == [
        (1, 59, 1, 0),
        (1, 60, 0, 1),
        (1, 1440, 1, 0),
        (60, 0, 1, 0),
        (60, 60, 0, 1),
        (60, 1440, 1, 0),
        (1440, 0, 1, 1),
        (1440, 1440, 1, 0),
    ]
    assert measured.take() == taken


@pytest.mark.parametrize(("failed", "retried"), [(False, False), (True, False), (True, True)])
def test_runs_are_counted_by_how_they_ended(failed: bool, retried: bool) -> None:
    measured = Measurements()

    measured.tally("t", "q", 7).runs([10, 20], [1, 2], failed=failed, retried=retried)

    (one,) = [one for one in measured.take() if one.span == 1]
    assert one == JobMetrics(
        minute=7,
        type="t",
        queue="q",
        completed=0 if failed else 2,
        failed=2 if failed else 0,
        retried=2 if retried else 0,
        duration_us=30,
        buckets={sketch.bucket_of(10): 1, sketch.bucket_of(20): 1},
        waited_us=3,
        waits={0: 1, sketch.bucket_of(2): 1},
    )
