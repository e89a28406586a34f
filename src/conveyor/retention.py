"""How long a store keeps what has ended, and what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec
from msgspec.structs import force_setattr

from conveyor.errors import InvalidValue
from conveyor.times import seconds

METRICS_KEPT: Final[Mapping[int, float]] = MappingProxyType({1: 3 * 3600.0, 60: 3 * 86_400.0, 1440: float("inf")})
"""By their span in minutes, the seconds that metrics are kept at most; `Retention.metrics_age` may say less."""


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """How long the store keeps what has ended; a job goes when one bound is passed. Ages are seconds, `None` no bound.

    Raises:
        InvalidValue: a negative age or count.
    """

    finished_age: float | None = 7 * 86_400.0
    """Completed and cancelled jobs."""
    finished_count: int | None = 1_000_000
    """In the whole store."""
    dead_age: float | None = 90 * 86_400.0
    """Dead letters."""
    dead_count: int | None = 1_000_000
    metrics_age: float = 30 * 86_400.0
    """0 measures nothing."""

    def __post_init__(self) -> None:
        force_setattr(self, "metrics_age", seconds(self.metrics_age, "metrics_age"))
        for name in ("finished_age", "dead_age"):
            if (age := getattr(self, name)) is not None:
                force_setattr(self, name, seconds(age, name))
        for name in ("finished_count", "dead_count"):
            if (count := getattr(self, name)) is not None and (type(count) is not int or count < 0):
                raise InvalidValue(f"{name} is {count!r}; give a whole number from 0 up, or None for no bound")
