"""The comparison as pictures, for README and the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from benchmarks.compare.libraries import ROOT
from benchmarks.compare.report import Table
from benchmarks.kit import plots

DIRECTORY = ROOT / "docs" / "assets"


def draw(tables: Iterable[Table], directory: Path = DIRECTORY) -> Iterator[Path]:
    """A picture of each table that has one; answers where it is."""
    for table in tables:
        medians = {name: cell.medians for name, cell in table.cells.items() if cell.medians}
        if table.question.name not in _DRAWN or not medians:
            continue
        path = directory / f"{table.question.name}-{table.store}.svg"
        title = f"{table.title[0].upper()}{table.title[1:]}"
        match table.question.name:
            case "push" | "push_many":
                plots.bars(
                    path, title=title, unit="jobs/s", values={name: rates[""] for name, rates in medians.items()}
                )
            case "drain" | "drain_async":
                best = {name: max(rates.values()) for name, rates in medians.items()}
                plots.bars(path, title=f"{title}, the better of 1 and 2 processes", unit="jobs/s", values=best)
            case "latency" | "latency_loaded":
                plots.distributions(
                    path,
                    title=f"{title}: share of the jobs within so many ms",
                    unit="ms",
                    series={name: _shares(percentiles) for name, percentiles in medians.items()},
                )
            case _:
                across = "jobs that wait" if table.question.name == "backlog" else "processes"
                series = {
                    name: {_first_number(column): rate for column, rate in rates.items()}
                    for name, rates in medians.items()
                }
                logarithmic = table.question.name == "backlog"
                plots.lines(path, title=title, across=across, up="jobs/s", series=series, logarithmic=logarithmic)
        yield path


_DRAWN = frozenset({"push", "push_many", "drain", "drain_async", "latency", "latency_loaded", "backlog", "processes"})


def _shares(percentiles: Mapping[str, float]) -> list[tuple[float, float]]:
    """0.95 of "p95", and what was measured."""
    return [(1.0 if name == "max" else int(name[1:]) / 100, value) for name, value in percentiles.items()]


def _first_number(column: str) -> float:
    """1,000 of "1,000 waiting"."""
    return float(column.split(maxsplit=1)[0].replace(",", ""))
