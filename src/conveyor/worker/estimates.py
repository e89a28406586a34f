"""How long jobs take, by type, and how many of them are some work but not too much."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

WINDOW_US: Final = 50_000
"""Microseconds of work to have at hand."""

_SHARE: Final = 0.2
"""What one batch's mean counts against all before it."""


class Estimates:
    """The usual duration of each job type, in microseconds: a mean in which the past fades."""

    def __init__(self) -> None:
        self._means: dict[str, float] = {}

    def learn(self, type: str, durations: float, runs: int) -> None:
        """So many runs took so many microseconds together."""
        mean = durations / runs
        known = self._means.get(type)
        if known is None or mean > 2 * known:
            # Slower than thought: believe it at once, for work that waits behind slow jobs waits in vain.
            self._means[type] = mean
        else:
            self._means[type] = known + (mean - known) * _SHARE

    def mean(self, types: Mapping[str, int]) -> float | None:
        """The mean over so many jobs of each type; `None` when one of them is not known, or there are none."""
        total = 0.0
        means = self._means
        for type, jobs in types.items():
            known = means.get(type)
            if known is None:
                return None
            total += known * jobs
        return total / sum(types.values()) if types else None
