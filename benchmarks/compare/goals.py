"""What conveyor wants to reach beside the others, and what the kept answers say of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.compare.libraries import CONVEYOR, POSTGRES, REDIS, SQLITE, STORE_NAMES
from benchmarks.compare.questions import RATE
from benchmarks.compare.report import Table

Tables = Mapping[tuple[str, str], Table]
"""By question and store."""

_OURS: Final = CONVEYOR.name

_NOT_PYTHON: Final = frozenset({"bullmq", "mayu", "flexiq", "gylo"})
"""Whose core is written in something else."""

_HAS_NO_LOOK_UP: Final = frozenset({"huey", "taskiq", "celery", "dramatiq", "dramatiq_gevent", "mayu"})
"""Who cannot tell of a waiting job by its id: it is in a list, or in a stream."""


@dataclass(frozen=True, slots=True)
class Reached:
    """How one figure stands to the best of the others.

    Attributes:
        what: the figure, and where it was taken.
        wanted: in words.
        ratio: of ours to theirs, the greater the better, whatever is measured.
        least: of it.
        words: both figures.
    """

    what: str
    wanted: str
    ratio: float
    least: float
    words: str

    @property
    def is_met(self) -> bool:
        return self.ratio >= self.least


def reached(tables: Iterable[Table]) -> list[Reached]:
    """Of each figure that has been measured."""
    known: Tables = {(table.question.name, table.store): table for table in tables}
    return [each for goal in _GOALS for each in goal(known)]


def as_markdown(tables: Iterable[Table]) -> str:
    """As a table."""
    rows = [
        f"| {each.what} | {each.wanted} | {each.words} | {'yes' if each.is_met else '**no**'} |"
        for each in reached(tables)
    ]
    return "\n".join(["| figure | wanted | measured | reached |", "|---|---|---|---|", *rows])


_Goal = Callable[[Tables], Iterator[Reached]]


def _goal(
    questions: Sequence[str],
    store: str,
    what: str,
    wanted: str,
    *,
    least: float = 1.0,
    column: str | None = None,
    among: Callable[[str], bool] = lambda _: True,
) -> _Goal:
    """Compare with the best of some, in each question by itself; answer where we stand worst."""

    def stands(known: Tables) -> Iterator[Reached]:
        found = [
            Reached(f"{what}, {STORE_NAMES[store]}", wanted, ratio, least, words)
            for question in questions
            if (table := known.get((question, store))) is not None
            for ratio, words in _compare(table, column, among)
        ]
        if found:
            yield min(found, key=lambda each: each.ratio)

    return stands


def _compare(table: Table, column: str | None, among: Callable[[str], bool]) -> Iterator[tuple[float, str]]:
    """How many times as good we are as the best of some, and both figures in words."""
    rate = table.question.unit == RATE
    figures = {
        # What idles for less than a tick of the clock has used nothing that can be told.
        name: max(0.0, max(medians.values()) if column is None else medians[column])
        for name, cell in table.cells.items()
        if (medians := cell.medians) and (column is None or column in medians)
    }
    ours = figures.pop(_OURS, None)
    theirs = {name: figure for name, figure in figures.items() if among(name)}
    if ours is None or not theirs:
        return
    best = (max if rate else min)(theirs, key=lambda name: theirs[name])
    words = f"{_number(ours)}; {best} {_number(theirs[best])}"
    if rate:
        yield ours / theirs[best], f"{words}: {ours / theirs[best]:.2g} times"
    else:
        yield max(theirs[best], _TICK) / max(ours, _TICK), words


_TICK: Final = 0.1


def _number(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def _flat(known: Tables) -> Iterator[Reached]:
    """Our own rate with ever more that waits, next to the one with the least."""
    for store in STORE_NAMES:
        table = known.get(("backlog", store))
        ours = list(table.cells[_OURS].medians.items()) if table is not None and _OURS in table.cells else []
        if len(ours) > 1:
            (fewest, first), (most, last) = ours[0], ours[-1]
            words = f"{_number(first)} with {fewest}, {_number(last)} with {most}"
            what = f"a job's cost as more wait, {STORE_NAMES[store]}"
            yield Reached(what, "the same within 10%", last / first, 0.9, words)


_DRAINS: Final = ("drain", "drain_async")

_GOALS: Final[Sequence[_Goal]] = (
    _goal(_DRAINS, REDIS, "drain, jobs/s", "8 times the fastest written in Python", least=8,
          among=lambda name: name not in _NOT_PYTHON),
    _goal(_DRAINS, REDIS, "drain, jobs/s", "3 times BullMQ", least=3, among=lambda name: name == "bullmq"),
    _goal(_DRAINS, REDIS, "drain, jobs/s", "ahead of mayu", among=lambda name: name == "mayu"),
    _goal(_DRAINS, SQLITE, "drain, jobs/s", "5 times the fastest", least=5),
    _goal(_DRAINS, POSTGRES, "drain, jobs/s", "1.3 times PgQueuer", least=1.3,
          among=lambda name: name.startswith("pgqueuer")),
    *(_goal(["push"], store, "push one by one, jobs/s", "ahead of all") for store in STORE_NAMES),
    *(_goal(["push_many"], store, "push 500 at a time, jobs/s", "1.5 times the fastest", least=1.5)
      for store in STORE_NAMES),
    *(_goal(["apush"], store, "push from an event loop, jobs/s", "ahead of all") for store in STORE_NAMES),
    *(_goal([question], store, f"pick-up {words}, {share}, ms", "below all", column=share)
      for question, words in (("latency", "at rest"), ("latency_loaded", "at half load"),
                              ("latency_loaded_async", "at half load, async jobs"))
      for store in STORE_NAMES
      for share in ("p50", "p99")),
    *(_goal(["bytes"], store, "bytes a waiting job", "at most the leanest that can look a job up",
            among=lambda name: name not in _HAS_NO_LOOK_UP) for store in STORE_NAMES),
    *(_goal(["idle"], store, f"idle worker, {column}", "the least", column=column)
      for store in STORE_NAMES
      for column in ("processor seconds a minute", "MiB", "commands a second")),
    _flat,
)  # fmt: skip
