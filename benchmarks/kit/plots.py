"""Figures as pictures: SVG that reads the same on white and on black, and changes only when its figures do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

OURS: Final = "conveyor"

_INK: Final = "#808890"
"""Text and axes: as far from white as from black."""

_ACCENT: Final = "#e8590c"

_OTHERS: Final = ("#4c8dd6", "#5ba65b", "#a673c9", "#b8860b", "#3aa6a0", "#c4617e", "#7d8a99", "#8f7a5a")

_STYLE: Final[Mapping[str, Any]] = {
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "font.size": 10,
    "grid.alpha": 0.3,
    "grid.color": _INK,
    "legend.frameon": False,
    "legend.labelcolor": _INK,
    "savefig.transparent": True,
    "svg.fonttype": "none",  # letters stay letters: small, and found by a search
    "svg.hashsalt": "conveyor",
    "xtick.color": _INK,
    "ytick.color": _INK,
}

_LINES: Final = ("-", "--", ":")

_WIDTH: Final = 7.5
"""Inches."""


def bars(path: Path, *, title: str, values: Mapping[str, float | None]) -> None:
    """One bar for each name, the greatest on top, each with its number; `None` is shown as a failure."""
    with _style():
        figure, axes = _canvas(0.8 + 0.3 * len(values))
        names = sorted(values, key=lambda name: values[name] or 0.0)
        drawn = axes.barh(
            names, [values[name] or 0.0 for name in names], height=0.7, color=[_colour(name, 6) for name in names]
        )
        numbers = ["failed" if (value := values[name]) is None else f"{value:,.0f}" for name in names]
        axes.bar_label(drawn, numbers, padding=4, color=_INK)
        axes.margins(x=0.12, y=0.02)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.tick_params(left=False)
        _head(figure, title)
        _save(figure, path)


def lines(
    path: Path,
    *,
    title: str,
    across: str,
    up: str,
    series: Mapping[str, Mapping[float, float]],
    logarithmic: str = "",
) -> None:
    """One line for each name, through its points. `logarithmic` names the axes that are so; other rates begin at 0."""
    with _style():
        figure, axes = _canvas(max(3.6, 1.0 + 0.23 * len(series)))
        for index, (name, points) in enumerate(series.items()):
            steps = sorted(points)
            width, line = (2.5, "-") if name == OURS else (1.5, _LINES[index // len(_OTHERS) % len(_LINES)])
            axes.plot(
                steps, [points[step] for step in steps], f"o{line}", label=name, color=_colour(name, index), lw=width
            )
        if "x" in logarithmic:
            axes.set_xscale("log")
        else:
            axes.set_xticks(sorted({step for points in series.values() for step in points}))
        if "y" in logarithmic:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=0)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.set_xlabel(across)
        axes.set_ylabel(up)
        _head(figure, title)
        axes.grid(axis="y")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        _save(figure, path)


def distributions(path: Path, *, title: str, unit: str, series: Mapping[str, Sequence[tuple[float, float]]]) -> None:
    """For each name the share of all values that are at most so great; the further left, the less."""
    with _style():
        figure, axes = _canvas(4.2)
        for index, (name, points) in enumerate(sorted(series.items(), key=lambda item: item[1][len(item[1]) // 2][1])):
            shares, values = [share for share, _ in points], [value for _, value in points]
            width, line = (2.5, "-") if name == OURS else (1.5, _LINES[index // len(_OTHERS) % len(_LINES)])
            axes.plot(values, shares, line, label=name, color=_colour(name, index), lw=width)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_major_formatter("{x:.0%}")
        axes.set_ylim(0, 1.02)
        axes.set_xlabel(unit)
        _head(figure, title)
        axes.grid(axis="both")
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5))
        _save(figure, path)


def _head(figure: Any, title: str) -> None:
    # Over the figure, not over its axes: these begin where the longest name ends, and leave a title too little room.
    figure.suptitle(title, x=0.01, ha="left", fontsize=11, color=_INK)


def _style() -> AbstractContextManager[None]:
    # As Any: its types name some parameters and leave others unknown.
    library: Any = mpl
    style: AbstractContextManager[None] = library.rc_context(_STYLE)
    return style


def _canvas(height: float) -> tuple[Any, Any]:
    figure: Any = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _colour(name: str, index: int) -> str:
    return _ACCENT if name == OURS else _OTHERS[index % len(_OTHERS)]


def _save(figure: Any, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # No date: a picture of the same figures is the same file.
    figure.savefig(path, format="svg", metadata={"Date": None})
