"""When a schedule comes round: a cron expression in a time zone, or every so often. Pure; moments are microseconds.

cronsim, which reads the expressions, keeps Debian's rules for daylight saving. A schedule with a fixed hour and minute
comes round once a day: what would fall into the hour that is left out in spring comes right after it, and of an hour
that comes twice in autumn the first is meant. One with `*` in its hours or minutes follows real time through both.
"""

from __future__ import annotations

from datetime import UTC, timedelta, tzinfo
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from conveyor.errors import InvalidValue
from conveyor.retry import Duration
from conveyor.times import SECOND, micros, moment, seconds

NAMED: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

_LONGEST: Final = 200
"""Characters of an expression."""

_FIRST_STEP: Final = 60 * SECOND


class Timing(Protocol):
    """When a schedule comes round."""

    def next(self, after: int) -> int | None:
        """The first moment later than `after`; `None` when there is no other in fifty years."""
        ...


class Cron:
    """A cron expression: minute, hour, day of the month, month, day of the week; with a sixth field in front, seconds.

    Args:
        expression: such as "0 8 * * MON-FRI", or one of the NAMED.
        timezone: the zone in which it is meant, such as "Europe/Berlin".

    Raises:
        InvalidValue: it is no cron expression, or never comes round; or there is no such zone.
    """

    __slots__ = ("_fields", "_zone", "expression", "timezone")

    def __init__(self, expression: str, timezone: str = "UTC") -> None:
        if not isinstance(expression, str):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidValue(f'the cron expression is {expression!r}; give text such as "0 8 * * *"')
        self.expression: Final = " ".join(expression.split())
        self.timezone: Final = timezone
        self._zone: Final = zone(timezone)
        self._fields: Final = NAMED.get(self.expression.lower(), self.expression)
        if len(self._fields) > _LONGEST:
            raise InvalidValue(f"the cron expression has {len(self._fields)} characters; give {_LONGEST} at most")
        try:
            found = self.next(0)
        except (CronSimError, AssertionError, TypeError, ValueError) as error:
            raise InvalidValue(
                f"the cron expression {expression!r} cannot be: {error}; give minute, hour, day of the month, "
                'month and day of the week, such as "0 8 * * MON-FRI"'
            ) from None
        if found is None:
            raise InvalidValue(f"the cron expression {expression!r} never comes round; give a day that there is")

    def __repr__(self) -> str:
        return f"Cron({self.expression!r}, {self.timezone!r})"

    def next(self, after: int) -> int | None:
        """The first moment later than `after`; `None` when there is no other in fifty years."""
        for found in CronSim(self._fields, moment(after).astimezone(self._zone)):
            # In the hour that comes twice it may look back at the first of the two; and two moments that the clock
            # leaves out are one.
            if (at := micros(found, "slot")) > after:
                return at
        return None


class Every:
    """Every so many seconds, counted from the beginning of 1970 (UTC): so all workers agree on the moments.

    Args:
        period: seconds or timedelta; a second at least.

    Raises:
        InvalidValue: it is less than a second, or no duration.
    """

    __slots__ = ("_period", "seconds")

    def __init__(self, period: Duration) -> None:
        self.seconds: Final = seconds(period, "every")
        if self.seconds < 1:
            raise InvalidValue(f"every is {period!r}; give a second or more")
        self._period: Final = round(self.seconds * SECOND)

    def __repr__(self) -> str:
        return f"Every({self.seconds:g})"

    def next(self, after: int) -> int:
        """The first moment later than `after`."""
        return (after // self._period + 1) * self._period


def last(timing: Timing, after: int, until: int) -> int | None:
    """The latest moment later than `after` and not later than `until`; `None` when there is none."""
    step = _FIRST_STEP
    # Back in growing steps: a schedule that came round every minute for a year need not be walked from the beginning.
    while True:
        begin = max(after, until - step)
        found = timing.next(begin)
        if found is not None and found <= until:
            while (later := timing.next(found)) is not None and later <= until:
                found = later
            return found
        if begin == after:
            return None
        step *= 2


def zone(name: str) -> tzinfo:
    """The time zone of that name.

    Raises:
        InvalidValue: there is none.
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError, TypeError):
        raise InvalidValue(
            f'the time zone {name!r} is not known here; give a name such as "Europe/Berlin", and where the system has '
            "no time zones: pip install tzdata"
        ) from None


def words(timing: Cron | Every) -> str:
    """As people read it: `0 8 * * *`, `every 5 minutes`."""
    if isinstance(timing, Cron):
        return timing.expression
    for unit, name in ((86_400, "day"), (3600, "hour"), (60, "minute"), (1, "second")):
        count, rest = divmod(timing.seconds, unit)
        if count and not rest:
            return f"every {name}" if count == 1 else f"every {count:g} {name}s"
    return f"every {timedelta(seconds=timing.seconds)}"
