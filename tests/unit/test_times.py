from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.errors import InvalidValue
from conveyor.times import LONGEST, SECOND, micros, moment, seconds, system_clock

aware = st.datetimes(
    min_value=datetime(1970, 1, 2),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(st.floats(0, LONGEST))
def test_a_number_of_seconds_is_itself(value: float) -> None:
    assert seconds(value, "delay") == value


@given(st.timedeltas(timedelta(0), timedelta(seconds=LONGEST)))
def test_a_timedelta_is_its_seconds(value: timedelta) -> None:
    assert seconds(value, "delay") == value.total_seconds()


def test_whole_seconds_come_back_as_float() -> None:
    assert isinstance(seconds(5, "delay"), float)


@pytest.mark.parametrize(
    "value", [-1, -0.000001, timedelta(seconds=-1), float("nan"), float("inf"), LONGEST + 1, timedelta(days=40_000)]
)
def test_a_duration_below_0_or_beyond_a_century_is_refused(value: float | timedelta) -> None:
    with pytest.raises(InvalidValue, match=r"snooze is .*give a duration"):
        seconds(value, "snooze")


@pytest.mark.parametrize("value", [True, "5", None, [5], datetime(2026, 1, 1, tzinfo=UTC)])
def test_what_is_no_duration_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"snooze is .*seconds as a number, or a timedelta"):
        seconds(value, "snooze")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - callers may be untyped


@given(aware)
def test_a_moment_survives_the_store_to_the_microsecond(value: datetime) -> None:
    assert moment(micros(value, "run_at")) == value


@given(st.integers(0, 4_000_000_000 * SECOND))
def test_microseconds_survive_being_a_datetime(value: int) -> None:
    assert micros(moment(value), "run_at") == value
    assert moment(value).tzinfo is UTC


@given(aware, aware)
def test_microseconds_keep_the_order_of_moments(one: datetime, other: datetime) -> None:
    assert (micros(one, "run_at") < micros(other, "run_at")) == (one < other)


def test_one_moment_is_one_number_in_every_zone() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)

    assert micros(noon.astimezone(timezone(timedelta(hours=5, minutes=45))), "run_at") == micros(noon, "run_at")


def test_a_naive_datetime_is_refused_with_a_remedy() -> None:
    with pytest.raises(InvalidValue, match=r"run_at is .*no time zone; .*datetime\.now\(UTC\)"):
        micros(datetime(2026, 1, 1), "run_at")  # noqa: DTZ001 - naive on purpose


@pytest.mark.parametrize("value", [5, "2026-01-01", None, timedelta(0)])
def test_what_is_no_datetime_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"run_at is .*aware datetime"):
        micros(value, "run_at")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - callers may be untyped


def test_the_system_clock_tells_microseconds_since_1970() -> None:
    before = time.time()

    now = system_clock()

    assert before - 1 <= now / SECOND <= time.time() + 1
    assert isinstance(now, int)
