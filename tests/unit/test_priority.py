from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.errors import InvalidValue
from conveyor.priority import Aging, Priority
from conveyor.times import SECOND

LATEST = 16_725_225_600 * SECOND
"""The year 2500."""

moments = st.integers(0, LATEST)
levels = st.sampled_from(Priority)


@pytest.mark.parametrize("level", Priority)
def test_a_priority_may_be_written_in_three_ways(level: Priority) -> None:
    assert Priority.of(level) is level
    assert Priority.of(level.value) is level
    assert Priority.of(f" {level.name.title()} ") is level


@pytest.mark.parametrize("value", ["urgent", "", 0, 251, -250, 1001, None, 500.5])
def test_what_is_no_priority_is_refused_with_those_there_are(value: object) -> None:
    with pytest.raises(
        InvalidValue, match=r"priority is .*critical \(1000\), high \(750\), normal \(500\), low \(250\)"
    ):
        Priority.of(value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - callers may be untyped


@given(level=levels, one=moments, other=moments)
def test_within_a_level_the_earlier_comes_first(level: Priority, one: int, other: int) -> None:
    aging = Aging()

    assert (aging.score(level, one) < aging.score(level, other)) == (one < other)


@given(at=moments)
def test_of_one_moment_the_more_urgent_comes_first(at: int) -> None:
    scores = [Aging().score(level, at) for level in sorted(Priority, reverse=True)]

    assert scores == sorted(set(scores))


@given(lower=st.sampled_from([Priority.LOW, Priority.NORMAL, Priority.HIGH]), at=moments, waited=st.integers(0, 10**9))
def test_a_level_is_worth_250_seconds_of_waiting(lower: Priority, at: int, waited: int) -> None:
    aging = Aging()
    higher = Priority(lower + 250)

    comes_first = aging.score(lower, at) < aging.score(higher, at + waited)

    assert comes_first == (waited > 250 * SECOND)


@given(level=levels, at=moments, waited=st.integers(0, 2000 * SECOND))
def test_a_low_job_waits_at_most_750_seconds_behind_an_endless_stream(level: Priority, at: int, waited: int) -> None:
    aging = Aging()

    if aging.score(Priority.LOW, at) > aging.score(level, at + waited):
        assert waited < 750 * SECOND


@given(per_level=st.floats(0, 1e6), level=levels, at=moments)
def test_aging_sets_what_a_level_is_worth(per_level: float, level: Priority, at: int) -> None:
    aging = Aging(per_level)

    levels_down = (Priority.CRITICAL - level) // 250
    assert aging.score(level, at) == at + levels_down * round(per_level * SECOND)


def test_aging_takes_a_timedelta() -> None:
    assert Aging(timedelta(minutes=1)).offsets == Aging(60).offsets


@given(one=moments, other=moments)
def test_without_aging_a_higher_level_always_comes_first(one: int, other: int) -> None:
    strict = Aging(None)

    scores = [
        strict.score(level, at) for level, at in zip(sorted(Priority, reverse=True), [one, other] * 2, strict=True)
    ]

    assert scores == sorted(set(scores))


@given(level=levels, at=moments, per_level=st.none() | st.floats(0, 1e9))
def test_a_score_fits_a_signed_64_bit_integer(level: Priority, at: int, per_level: float | None) -> None:
    assert -(2**63) <= Aging(per_level).score(level, at) < 2**63


def test_offsets_are_listed_from_the_highest_level_down() -> None:
    assert list(Aging().offsets.items()) == [
        (1000, 0),
        (750, 250 * SECOND),
        (500, 500 * SECOND),
        (250, 750 * SECOND),
    ]


@pytest.mark.parametrize("value", [-1, float("nan"), "250", True])
def test_aging_that_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match="aging is"):
        Aging(value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - callers may be untyped
