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
        match table.question.name:
            case "push" | "push_many":
                plots.bars(path, title=f"{table.title}\njobs a second", values=_best(table))
            case "drain" | "drain_async":
                title = f"{table.title}\njobs a second, the better of 1 and 2 processes"
                plots.bars(path, title=title, values=_best(table))
            case "latency" | "latency_loaded":
                plots.distributions(
                    path,
                    title=f"{table.title}\nshare of the jobs that began within so many ms",
                    unit="ms",
                    series={name: _shares(percentiles) for name, percentiles in medians.items()},
                )
            case _:
                series = {
                    name: {_first_number(column): rate for column, rate in rates.items()}
                    for name, rates in sorted(medians.items(), key=lambda item: -max(item[1].values()))
                }
                backlog = table.question.name == "backlog"
                plots.lines(
                    path,
                    title=f"{table.title}\njobs a second; a grid line is ten times the one below",
                    across="jobs that wait" if backlog else "processes",
                    up="jobs/s",
                    series=series,
                    logarithmic="xy" if backlog else "y",
                )
        yield path


_DRAWN = frozenset({"push", "push_many", "drain", "drain_async", "latency", "latency_loaded", "backlog", "processes"})


def _best(table: Table) -> dict[str, float | None]:
    """The greatest of each library's medians; `None` for those that failed."""
    best = {name: max(cell.medians.values(), default=None) for name, cell in table.cells.items()}
    return {name: value for name, value in best.items() if value is not None or table.cells[name].failures}


def _shares(percentiles: Mapping[str, float]) -> list[tuple[float, float]]:
    """0.95 of "p95", and what was measured."""
    return [(1.0 if name == "max" else int(name[1:]) / 100, value) for name, value in percentiles.items()]


def _first_number(column: str) -> float:
    """1,000 of "1,000 waiting"."""
    return float(column.split(maxsplit=1)[0].replace(",", ""))
