"""What every condition is: a value for each of its subjects, and when that is too much. Pure."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

from conveyor.alerts.sight import Sight
from conveyor.errors import InvalidValue
from conveyor.payload import check_queue_name, check_type_name, positive
from conveyor.retry import Duration

SHORTEST_WINDOW: Final = 60.0
LONGEST_WINDOW: Final = 7 * 86_400.0

_HARDLY: Final = 0.9
"""The part of its threshold to which a value must come down for its alert to end, unless the rule says otherwise."""


class Condition(ABC):
    """What a rule looks at. Subjects are queues or job types, "" is everything together."""

    threshold: float
    """What is above it is too much."""
    queue: str | None = None
    """The one queue it is about; `None` for each."""
    type: str | None = None
    """The one job type it is about; `None` for each."""
    window: float | None = None
    """Over how many seconds it looks back; `None` when it looks at the moment alone."""
    wants_samples: bool = False
    """It compares with how many dead letters there were."""

    @property
    def clear(self) -> float:
        """To what the value must come down, unless the rule says otherwise."""
        return self.threshold * _HARDLY

    @abstractmethod
    def values(self, sight: Sight) -> Mapping[str, float]:
        """The value of each subject; one of which nothing is known is left out."""

    @abstractmethod
    def says(self, subject: str, value: float) -> str:
        """What was found, in words."""

    @abstractmethod
    def __str__(self) -> str:
        """What is too much, in words."""

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self}>"

    @property
    def _of(self) -> str:
        """Of what, for people."""
        parts = [f"queue {self.queue!r}"] if self.queue is not None else []
        parts += [f"type {self.type!r}"] if self.type is not None else []
        return f" of {' and '.join(parts)}" if parts else ""


def number(value: object, name: str) -> float:
    """A number from 0 up.

    Raises:
        InvalidValue: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise InvalidValue(f"{name} is {value!r}; give a number from 0 up")
    return float(value)


def whole(value: object, name: str) -> int:
    """A whole number from 1 up.

    Raises:
        InvalidValue: it is none.
    """
    if type(value) is not int or value < 1:
        raise InvalidValue(f"{name} is {value!r}; give a whole number from 1 up")
    return value


def window_of(value: Duration) -> float:
    """Seconds to look back.

    Raises:
        InvalidValue: it is none.
    """
    window = positive(value, "window")
    if not SHORTEST_WINDOW <= window <= LONGEST_WINDOW:
        raise InvalidValue(f"window is {value!r}; give a minute to 7 days")
    return window


def queue_name(name: str | None) -> str | None:
    """What a queue may be called, or `None`.

    Raises:
        InvalidValue: it is none.
    """
    return None if name is None else check_queue_name(name)


def type_name(name: str | None) -> str | None:
    """Likewise a job type.

    Raises:
        InvalidValue: it is none.
    """
    return None if name is None else check_type_name(name)
