"""The answers as tables: for a terminal, for COMPARISON.md, and to be kept."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from benchmarks.compare.libraries import STORE_NAMES
from benchmarks.compare.questions import QUESTIONS, Answers, Question

_HEAD: Final = """\
# Comparison

Written by `python -m benchmarks.compare --write`; [README](README.md) says what is measured, and how.

The best comes first: by the greatest rate of its row, else by the first column, where less is better. Figures are
the median of the rounds, in brackets their least and greatest. A library is not in the table of a question that it has
no answer to: some have no bulk push, some run async jobs only. `failed` says how far one came that did not get through.
Redis is Valkey without persistence here. `dramatiq_gevent` is Dramatiq with its gevent workers, `pgqueuer_1000` is
PgQueuer in batches of 1,000.
"""

_TRIES = 2
"""After so many failures and no answer, there will be none."""


@dataclass
class Cell:
    """What one library answered to one question, round by round."""

    rounds: dict[str, list[float]] = field(default_factory=dict[str, list[float]])
    failures: list[str] = field(default_factory=list[str])

    def add(self, answers: Answers | None) -> None:
        for name, value in (answers or {}).items():
            self.rounds.setdefault(name, []).append(value)

    @property
    def is_hopeless(self) -> bool:
        """Whether asking again is of no use."""
        return len(self.failures) >= _TRIES and not self.rounds

    @property
    def medians(self) -> dict[str, float]:
        return {name: statistics.median(values) for name, values in self.rounds.items()}


@dataclass
class Table:
    """All that was answered to one question on one store."""

    question: Question
    store: str
    cells: dict[str, Cell]
    others: float
    """The share of the machine that other processes used meanwhile."""
    took: float
    day: str
    """On which they were asked."""
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    """Of the libraries that were asked."""

    @property
    def title(self) -> str:
        asks = f"{self.question.asks[0].upper()}{self.question.asks[1:]}"
        return f"{asks}, on {STORE_NAMES[self.store]}" if self.store else asks

    @property
    def columns(self) -> list[str]:
        found = list(dict.fromkeys(name for cell in self.cells.values() for name in cell.rounds))
        return [name for name in found if not self.question.shown or name in self.question.shown]

    @property
    def rounds(self) -> int:
        return max((len(values) for cell in self.cells.values() for values in cell.rounds.values()), default=0)

    def rows(self) -> list[tuple[str, list[str]]]:
        """The best first; those that failed or have no such thing last."""
        columns = self.columns
        if not columns:
            return [(name, ["; ".join(cell.failures) or "no such thing"]) for name, cell in self.cells.items()]

        def place(item: tuple[str, Cell]) -> tuple[bool, float]:
            medians = item[1].medians
            if not medians:
                return True, 0.0
            # A rate counts by the best that a library can do, all else by what its question shows first.
            return False, -max(medians.values()) if self.question.more_is_better else medians[columns[0]]

        rows: list[tuple[str, list[str]]] = []
        for name, cell in sorted(self.cells.items(), key=place):
            if cell.rounds:
                rows.append((name, [_spread(cell.rounds.get(column, [])) for column in columns]))
            elif cell.failures:
                rows.append((name, [f"failed: {cell.failures[0]}"]))
        return rows

    def as_json(self) -> dict[str, Any]:
        return {
            "question": self.question.name,
            "store": self.store,
            "unit": self.question.unit,
            "day": self.day,
            "took": round(self.took),
            "others": round(self.others, 3),
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "answers": {
                name: {what: [float(f"{value:.5g}") for value in values] for what, values in cell.rounds.items()}
                for name, cell in self.cells.items()
            },
            "failures": {name: cell.failures for name, cell in self.cells.items() if cell.failures},
        }


def from_json(kept: Mapping[str, Any]) -> Table | None:
    """What `as_json` made; `None` where its question is no longer asked."""
    question = next((each for each in QUESTIONS if each.name == kept["question"]), None)
    if question is None:
        return None
    cells = {name: Cell(rounds, kept["failures"].get(name, [])) for name, rounds in kept["answers"].items()}
    return Table(
        question, kept["store"], cells, kept["others"], kept["took"], kept["day"], kept["machine"], kept["versions"]
    )


def as_text(table: Table) -> str:
    """For a terminal."""
    lines = [f"\n{table.title}{_unit(table)}: {', '.join(each or 'median' for each in table.columns)}"]
    width = max((len(name) for name in table.cells), default=0)
    lines += [f"  {name:{width}}  {'   '.join(values)}" for name, values in table.rows()]
    lines.append(f"  took {table.took:.0f} s; others used {table.others:.0%} of the machine")
    return "\n".join(lines)


def as_markdown(tables: Sequence[Table]) -> str:
    """The whole of COMPARISON.md."""
    lines = [_HEAD]
    facts = _joined([table.machine for table in tables])
    lines += [f"- {name}: {words}" for name, words in facts.items()]
    versions = _joined([table.versions for table in tables])
    lines.append(f"- libraries: {', '.join(f'{name} {version}' for name, version in versions.items())}")
    asked = ""
    for table in tables:
        if table.question.name != asked:
            asked = table.question.name
            lines += ["", f"## {table.question.asks[0].upper()}{table.question.asks[1:]}{_unit(table)}"]
        lines += ["", *_section(table)]
    return "\n".join(lines) + "\n"


def _section(table: Table) -> list[str]:
    columns = table.columns or ["answer"]
    lines = [f"### {STORE_NAMES[table.store]}", ""] if table.store else []
    lines += [f"| library | {' | '.join(each or 'median' for each in columns)} |", f"| --- |{' --- |' * len(columns)}"]
    for name, values in table.rows():
        shown = f"**{name}**" if name == "conveyor" else name
        lines.append(f"| {shown} | {' | '.join(values + [''] * (len(columns) - len(values)))} |")
    often = f"{table.rounds} rounds" if table.rounds != 1 else "one round"
    where = f"{table.machine['store']}; " if "store" in table.machine else ""
    return [
        *lines,
        "",
        f"{where}{table.day}, {often}, {table.took:.0f} s; others used {table.others:.0%} of the machine.",
    ]


def _unit(table: Table) -> str:
    return f" ({table.question.unit})" if table.question.unit else ""


def _joined(facts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What all of them say; where they differ, each once."""
    said: dict[str, dict[str, None]] = {}
    for each in facts:
        for name, words in each.items():
            said.setdefault(name, {})[words] = None
    return {name: " and ".join(words) for name, words in said.items()}


def _spread(values: Sequence[float]) -> str:
    if not values:
        return ""
    if len(values) == 1:
        return _number(values[0])
    return f"{_number(statistics.median(values))} ({_number(min(values))} to {_number(max(values))})"


def _number(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
