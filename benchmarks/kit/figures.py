"""What a benchmark answers: figures, each with its rounds and, where there is one, its bar."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from benchmarks.kit.store import Bar, Store


class Verdict(StrEnum):
    """How a figure stands to its bar."""

    MET = "met"
    MISSED = "missed"
    BY_SHARE = "met by its share"
    """The figure itself misses, its share of the bare loop does not: the machine is slow, or was busy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One thing that was measured, once a round."""

    what: str
    unit: str
    rounds: tuple[float, ...]
    at_least: float | None = None
    at_most: float | None = None
    share: Figure | None = None
    """The same as a share of a bare loop in the same rounds. It decides when the two disagree."""

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    @property
    def verdict(self) -> Verdict | None:
        """`None` for a figure without a bar, which is there to explain the others."""
        if self.at_least is None and self.at_most is None:
            return None
        if (self.at_least is None or self.median >= self.at_least) and (
            self.at_most is None or self.median <= self.at_most
        ):
            return Verdict.MET
        return Verdict.BY_SHARE if self.share is not None and self.share.verdict is Verdict.MET else Verdict.MISSED


@dataclass(frozen=True, slots=True)
class Effort:
    """How much to measure."""

    quick: bool = False

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 7

    def of(self, full: int) -> int:
        """So many jobs, or a quarter of them."""
        return full // 4 if self.quick else full


class Question(Protocol):
    """A module of this directory; its docstring asks the question."""

    def run(self, effort: Effort, store: Store) -> Iterable[Figure]:
        """Measure."""
        ...


def against_bare(ours: Sequence[float], bare: Sequence[float], *, what: str, bar: Bar) -> list[Figure]:
    """Jobs a second, and what part that is of a bare loop's in the same round."""
    # A share is taken round by round: what slows the machine down for a while slows both.
    share = Figure(
        what=f"{what}, share of the bare loop",
        unit="",
        rounds=tuple(one / other for one, other in zip(ours, bare, strict=True)),
        at_least=bar.share,
    )
    return [
        share,
        Figure(what=what, unit="jobs/s", rounds=tuple(ours), at_least=bar.at_least, share=share),
        Figure(what=f"{what}, bare loop", unit="jobs/s", rounds=tuple(bare)),
    ]
