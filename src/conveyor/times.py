"""Durations and moments: what people write, and the integer microseconds the store keeps."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from conveyor.errors import InvalidValue

Clock = Callable[[], int]
"""Answers the present moment in microseconds since 1970 (UTC)."""

SECOND: Final = 1_000_000
"""Microseconds in a second."""

LONGEST: Final = 100 * 366 * 86_400.0
"""The longest duration accepted, in seconds: a century. Anything above is a mistake of units."""


def system_clock() -> int:
    """The machine's wall clock in microseconds since 1970 (UTC)."""
    return time.time_ns() // 1000


def seconds(value: float | timedelta, name: str) -> float:
    """`value` (seconds or timedelta) as seconds; `name` is how the error calls it.

    Raises:
        InvalidValue: it is negative, not finite, over a century, or not a duration at all.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    # bool is an int in Python; `delay=True` is a slip, not a second.
    if isinstance(value, bool) or not isinstance(value, int | float):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidValue(f"{name} is {value!r}; give seconds as a number, or a timedelta")
    if not math.isfinite(value) or value < 0 or value > LONGEST:
        raise InvalidValue(f"{name} is {value!r}; give a duration from 0 seconds to 100 years")
    return float(value)


def micros(value: datetime, name: str) -> int:
    """An aware datetime as microseconds since 1970; `name` is how the error calls it.

    Raises:
        InvalidValue: it is naive, or not a datetime.
    """
    if not isinstance(value, datetime):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise InvalidValue(f"{name} is {value!r}; give an aware datetime such as datetime.now(UTC)")
    if value.tzinfo is None or value.utcoffset() is None:
        raise InvalidValue(
            f"{name} is {value!r}, which has no time zone; "
            "use an aware datetime such as datetime.now(UTC) + timedelta(hours=1)"
        )
    since = value - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND + since.microseconds


def moment(value: int) -> datetime:
    """Microseconds since 1970 as an aware UTC datetime."""
    return _EPOCH + timedelta(microseconds=value)


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
