"""A clock that stands still until it is moved."""

from __future__ import annotations

from datetime import datetime

from conveyor.errors import InvalidValue
from conveyor.retry import Duration
from conveyor.times import SECOND, micros, moment, seconds, system_clock


class VirtualClock:
    """The time of a test, which goes forward only when it is told to. Called, it answers microseconds since 1970.

    Args:
        start: where it begins, an aware datetime; the present moment unless given.

    Raises:
        InvalidValue: `start` is no aware datetime.
    """

    def __init__(self, start: datetime | None = None) -> None:
        self._now = system_clock() if start is None else micros(start, "start")

    def __repr__(self) -> str:
        return f"<clock at {self.now.isoformat(sep=' ')}>"

    def __call__(self) -> int:
        return self._now

    @property
    def now(self) -> datetime:
        """The present moment, in UTC."""
        return moment(self._now)

    def advance(self, duration: Duration) -> None:
        """Go forward by seconds or a timedelta. Nothing runs by itself: `Kit.drain` does what is due then.

        Raises:
            InvalidValue: it is negative, or no duration.
        """
        self._now += round(seconds(duration, "duration") * SECOND)

    def move_to(self, when: datetime) -> None:
        """Go forward to a moment, an aware datetime.

        Raises:
            InvalidValue: the moment is past, or no aware datetime.
        """
        to = micros(when, "when")
        if to < self._now:
            raise InvalidValue(f"when is {when}, and the clock is at {self.now} already; it only goes forward")
        self._now = to
