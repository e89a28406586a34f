"""Priority, and the score that turns it into an order."""

from __future__ import annotations

from datetime import timedelta
from enum import IntEnum
from typing import Final

from conveyor.errors import InvalidValue
from conveyor.times import SECOND, seconds

LEVEL: Final = 250
"""The distance between two neighbouring levels, as a priority."""


class Priority(IntEnum):
    """How urgent a job is. Its value is what people may write instead: `priority=750`, `priority="high"`."""

    CRITICAL = 1000
    HIGH = 750
    NORMAL = 500
    LOW = 250

    @classmethod
    def of(cls, value: Priority | int | str) -> Priority:
        """The priority that `value` names: a Priority, its number, or its name in any case.

        Raises:
            InvalidValue: there is no such priority.
        """
        if isinstance(value, cls):
            return value
        try:
            return cls[value.strip().upper()] if isinstance(value, str) else cls(value)
        except (KeyError, ValueError):
            names = ", ".join(f"{level.name.lower()} ({level.value})" for level in cls)
            raise InvalidValue(f"priority is {value!r}; give one of {names}") from None


class Aging:
    """The order of ready jobs: lowest score first.

    score = (1000 - priority) / 250 x `per_level` + the moment at which the job became ready. A level is first in, first
    out, and a level is worth `per_level` seconds of waiting, so that a low job waits at most three of them behind an
    endless stream of critical ones. `None` makes priority strict: a lower level runs when the higher ones are empty.

    Args:
        per_level: seconds (or timedelta) one level is worth; `None` for strict priority.

    Raises:
        InvalidValue: `per_level` is not a duration.
    """

    __slots__ = ("offsets",)

    # Further apart than any two moments until the year 2500, and three of them still fit a signed 64-bit integer.
    _STRICT: Final = 2 * 10**18

    def __init__(self, per_level: float | timedelta | None = 250.0) -> None:
        step = self._STRICT if per_level is None else round(seconds(per_level, "aging") * SECOND)
        self.offsets: Final[dict[int, int]] = {level.value: (1000 - level) // LEVEL * step for level in Priority}
        """What each level adds to the moment of becoming ready, in microseconds, highest level first."""

    def score(self, priority: int, ready_at: int) -> int:
        """The place in the order, in microseconds; see the class."""
        return self.offsets[priority] + ready_at
