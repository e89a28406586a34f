"""When schedules come round, through ten years and five zones of daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from conveyor.cron import Cron, Every, Timing, last, words, zone
from conveyor.errors import InvalidValue
from conveyor.times import SECOND, micros, moment

FIRST, END = 2024, 2034
DAY = 86_400 * SECOND

# Europe and America change in opposite weeks, Sydney in the other half of the year, Lord Howe by half an hour, and in
# Santiago the day begins at one o'clock when summer does.
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Sydney", "Australia/Lord_Howe", "America/Santiago")


def at(year: int, month: int = 1, day: int = 1, hour: int = 0, minute: int = 0, second: int = 0) -> int:
    return micros(datetime(year, month, day, hour, minute, second, tzinfo=UTC), "test")


def between(timing: Timing, begin: int, end: int) -> list[int]:
    """All moments from `begin` up to, not including, `end`."""
    found: list[int] = []
    coming = timing.next(begin - 1)
    while coming is not None and coming < end:
        found.append(coming)
        coming = timing.next(coming)
    return found


def years_of(zone_name: str) -> tuple[int, int]:
    zone = ZoneInfo(zone_name)
    return (micros(datetime(FIRST, 1, 1, tzinfo=zone), "test"), micros(datetime(END, 1, 1, tzinfo=zone), "test"))


def local(found: int, zone_name: str) -> datetime:
    return moment(found).astimezone(ZoneInfo(zone_name))


def days() -> list[date]:
    first = date(FIRST, 1, 1)
    return [first + timedelta(days=count) for count in range((date(END, 1, 1) - first).days)]


def changes_of(zone_name: str) -> list[int]:
    """The UTC midnights of the days in which the clocks are put forward or back."""
    begin, end = years_of(zone_name)
    midnights = range(begin // DAY * DAY, end, DAY)
    return [
        each for each in midnights if local(each, zone_name).utcoffset() != local(each + DAY, zone_name).utcoffset()
    ]


def is_real(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks of the zone ever show this."""
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None) == wall


@pytest.mark.parametrize("zone_name", ZONES)
@pytest.mark.parametrize(("hour", "minute"), [(0, 0), (0, 30), (1, 30), (2, 0), (2, 15), (2, 30), (3, 0), (12, 0)])
def test_a_daily_schedule_comes_round_once_on_every_day_of_ten_years(zone_name: str, hour: int, minute: int) -> None:
    found = between(Cron(f"{minute} {hour} * * *", zone_name), *years_of(zone_name))

    assert [local(each, zone_name).date() for each in found] == days()
    zone = ZoneInfo(zone_name)
    for each in found:
        wall = local(each, zone_name)
        meant = wall.replace(hour=hour, minute=minute, tzinfo=None)
        if is_real(meant, zone):
            # In autumn the first of the two.
            assert (wall.replace(tzinfo=None), wall.fold) == (meant, 0)
        else:
            # In spring the first moment after what is left out.
            assert wall.replace(tzinfo=None) > meant
            assert moment(each - SECOND).astimezone(zone).replace(tzinfo=None) < meant


@pytest.mark.parametrize("zone_name", ZONES)
def test_a_schedule_with_a_star_follows_real_time_through_both_changes(zone_name: str) -> None:
    changes = changes_of(zone_name)

    assert len(changes) == 2 * (END - FIRST)
    for change in changes:
        found = between(Cron("*/15 * * * *", zone_name), change - DAY, change + 2 * DAY)
        assert found[0] == change - DAY
        assert {later - earlier for earlier, later in pairwise(found)} == {900 * SECOND}


@pytest.mark.parametrize("zone_name", ZONES)
def test_what_the_clock_leaves_out_twice_comes_round_once(zone_name: str) -> None:
    """Two moments of the hour that is left out fall on one: the moment after it."""
    found = between(Cron("5,35 2 * * *", zone_name), *years_of(zone_name))

    assert all(earlier < later for earlier, later in pairwise(found))
    by_day: dict[date, int] = {}
    for each in found:
        by_day[local(each, zone_name).date()] = by_day.get(local(each, zone_name).date(), 0) + 1
    assert list(by_day) == days()
    assert set(by_day.values()) <= {1, 2}
    assert list(by_day.values()).count(1) <= END - FIRST


def test_spring_and_autumn_of_berlin_to_the_minute() -> None:
    nightly = Cron("30 2 * * *", "Europe/Berlin")

    # 2026-03-29: 02:00 becomes 03:00. 2026-10-25: 03:00 becomes 02:00.
    assert nightly.next(at(2026, 3, 28, 12)) == at(2026, 3, 29, 1, 0)
    assert nightly.next(at(2026, 3, 29, 1, 0)) == at(2026, 3, 30, 0, 30)
    assert nightly.next(at(2026, 10, 24, 12)) == at(2026, 10, 25, 0, 30)
    assert nightly.next(at(2026, 10, 25, 0, 30)) == at(2026, 10, 26, 1, 30)


def test_in_the_hour_that_comes_twice_it_does_not_look_back() -> None:
    second_time_two_ten = at(2026, 10, 25, 1, 10)

    assert Cron("30 2 * * *", "Europe/Berlin").next(second_time_two_ten) == at(2026, 10, 26, 1, 30)


@pytest.mark.parametrize(
    ("expression", "after", "found"),
    [
        ("0 8 * * *", at(2026, 1, 1, 8), at(2026, 1, 2, 8)),
        ("0 8 * * *", at(2026, 1, 1, 8) - 1, at(2026, 1, 1, 8)),
        ("0 8 * * MON-FRI", at(2026, 1, 2, 9), at(2026, 1, 5, 8)),
        ("*/20 9-10 * * *", at(2026, 1, 1, 9, 40), at(2026, 1, 1, 10, 0)),
        ("0 0 29 2 *", at(2025), at(2028, 2, 29)),
        ("0 0 L * *", at(2026, 2, 1), at(2026, 2, 28)),
        ("0 0 * * 1#1", at(2026, 1, 1), at(2026, 1, 5)),
        ("15 30 12 * * *", at(2026), at(2026, 1, 1, 12, 30, 15)),
        ("@daily", at(2026), at(2026, 1, 2)),
        ("@HOURLY", at(2026), at(2026, 1, 1, 1)),
        ("@weekly", at(2026, 1, 1), at(2026, 1, 4)),
        ("@monthly", at(2026), at(2026, 2, 1)),
        ("@yearly", at(2026), at(2027)),
        ("  0   8 * * *  ", at(2026), at(2026, 1, 1, 8)),
    ],
)
def test_an_expression_comes_round(expression: str, after: int, found: int) -> None:
    assert Cron(expression).next(after) == found


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "x",
        "* * * *",
        "61 * * * *",
        "0 0 * * 8",
        "5-1 * * * *",
        "*/0 * * * *",
        "0 0 31 2 *",
        "0 0 31 4,6 *",
        "@noon",
    ],
)
def test_an_impossible_expression_is_refused_with_what_fits(expression: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Cron(expression)

    assert repr(expression) in str(refused.value)
    assert '"0 8 * * MON-FRI"' in str(refused.value)


@pytest.mark.parametrize("expression", [None, 7, b"0 8 * * *"])
def test_what_is_no_text_is_no_expression(expression: object) -> None:
    with pytest.raises(InvalidValue, match="give text"):
        Cron(expression)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_a_long_expression_is_refused_without_being_shown() -> None:
    with pytest.raises(InvalidValue, match="has 399 characters; give 200 at most"):
        Cron("0 " * 200)


@given(st.text("0123456789*/,-#LW@ MONTUE", max_size=30) | st.text(max_size=30))
@example("L/2 * * * *")
@example("0 0 * * 5L/2")
@example("0 0 * * 1#9")
@example("0 0 ² * *")
def test_any_text_is_an_expression_or_a_clear_error(text: str) -> None:
    try:
        found = Cron(text).next(0)
    except InvalidValue:
        return

    assert found is not None
    assert found > 0


@pytest.mark.parametrize("name", ["Mars/Base", "", "../UTC", "/etc/passwd", "Europe", None, 7])
def test_an_unknown_zone_is_refused_by_name(name: object) -> None:
    with pytest.raises(InvalidValue, match=r"the time zone .* is not known here") as refused:
        zone(name)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    assert repr(name) in str(refused.value)


def test_every_counts_from_1970_so_that_all_workers_agree() -> None:
    assert Every(300).next(at(2026, 1, 1, 0, 2)) == at(2026, 1, 1, 0, 5)
    assert Every(300).next(at(2026, 1, 1, 0, 5)) == at(2026, 1, 1, 0, 10)
    assert Every(timedelta(days=1)).next(at(2026, 1, 1, 12)) == at(2026, 1, 2)
    assert Every(1.5).next(0) == 1_500_000


@pytest.mark.parametrize("period", [0, 0.5, -1, "60", timedelta(milliseconds=1)])
def test_less_than_a_second_is_no_period(period: object) -> None:
    with pytest.raises(InvalidValue, match=r"every is "):
        Every(period)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "timing", [Cron("* * * * *"), Cron("30 2 * * *", "Europe/Berlin"), Cron("0 0 29 2 *"), Every(7), Every(100_000)]
)
@given(after=st.integers(0, 400 * 86_400), long=st.integers(0, 3_000_000))
def test_the_last_is_the_last_of_all(timing: Timing, after: int, long: int) -> None:
    begin = at(2026) + after * SECOND
    until = begin + min(long, 5000 if timing.next(0) == 60 * SECOND or isinstance(timing, Every) else long) * SECOND

    expected = max(between(timing, begin + 1, until + 1), default=None)

    assert last(timing, begin, until) == expected


def test_a_long_absence_of_a_busy_schedule_is_not_walked_from_its_beginning() -> None:
    calls = 0

    class Counted:
        def next(self, after: int) -> int:
            nonlocal calls
            calls += 1
            return Every(60).next(after)

    assert last(Counted(), at(2016), at(2026, 1, 1, 0, 0, 30)) == at(2026)
    assert calls < 10


@pytest.mark.parametrize(
    ("timing", "shown"),
    [
        (Cron("0 8  * * *"), "0 8 * * *"),
        (Every(1), "every second"),
        (Every(300), "every 5 minutes"),
        (Every(3600), "every hour"),
        (Every(86_400), "every day"),
        (Every(90), "every 90 seconds"),
        (Every(1.5), "every 0:00:01.500000"),
    ],
)
def test_a_timing_in_words(timing: Cron | Every, shown: str) -> None:
    assert words(timing) == shown
