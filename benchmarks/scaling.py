"""`python -m benchmarks.scaling`: how a drain's rate goes with the backlog, the children and the size of the arguments.

Writes the curves into docs/assets, and the figures behind them beside this script.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.kit import machine, plots
from benchmarks.kit.jobs import TEXT, nap, noop
from benchmarks.kit.store import BATCH, Store, new_store, push_noops, using
from benchmarks.kit.worker import drain
from benchmarks.stores.known import STORES

FIGURES: Final = Path(__file__).with_name("scaling.json")
PICTURES: Final = Path(__file__).parents[1] / "docs" / "assets"

Curve = dict[float, float]
"""Jobs a second by what was varied."""

_CHILDREN: Final = (1, 2, 4, 8)
_SIZES: Final = {100: 20_000, 1 << 10: 20_000, 10 << 10: 8_000, 100 << 10: 1_000}
"""Bytes of arguments, and how many such jobs are drained."""
_DRAINED: Final = 10_000

_PICTURES: Final = {
    "backlog": ("Jobs that do nothing, one child", "jobs that wait", "x"),
    "children": ("Jobs that do nothing, two cores for everything", "children", ""),
    "children-nap": ("Jobs that wait for 10 ms", "children", ""),
    "payload": ("Jobs that do nothing, one child", "bytes of arguments", "x"),
}
"""Of each curve: its title, what is varied, and the logarithmic axes."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--store", action="append", choices=STORES, help="measure on this one; may be given again")
    parser.add_argument("--curve", action="append", choices=_PICTURES, help="only this one; may be given again")
    parser.add_argument("--most", type=int, default=1_000_000, metavar="JOBS", help="the greatest backlog; 1,000,000")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    figures: dict[str, Any] = json.loads(FIGURES.read_text("utf-8")) if FIGURES.exists() else {}
    names: list[str] = given.store or []
    for name in names:
        store = STORES[name]()
        curves: Mapping[str, Callable[[], Curve]] = {
            "backlog": lambda store=store: _backlogs(store, given.most, given.rounds),  # type: ignore[misc]
            "children": lambda store=store: _children(store, given.rounds),  # type: ignore[misc]
            "children-nap": lambda store=store: _napping_children(store),  # type: ignore[misc]
            "payload": lambda store=store: _payloads(store, given.rounds),  # type: ignore[misc]
        }
        load = machine.OthersLoad()
        measured: dict[str, Any] = {}
        for what in given.curve or curves:
            curve = curves[what]()
            measured[what] = {f"{step:g}": round(rate) for step, rate in curve.items()}
            print(
                f"{name}, {what}: " + ", ".join(f"{step:,.0f}: {rate:,.0f}" for step, rate in curve.items()), flush=True
            )
        kept = {what: curve for what, curve in figures.get(name, {}).items() if what in curves}
        described = {**machine.describe(), "store": store.version(), "others": round(load.share(), 2)}
        figures[name] = {**described, **kept, **measured}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    _draw(figures)
    return 0


def _backlogs(store: Store, most: int, rounds: int) -> Curve:
    """With so many waiting, one child."""
    curve: Curve = {}
    count = _DRAINED
    while count <= most:
        with store.new() as url:
            # Somewhat more than are drained: the last ones, one by one, say nothing about the rest.
            store.fill(url, count + _DRAINED * rounds)
            with using(url):
                curve[count] = statistics.median(drain(store, url, _DRAINED).per_second for _ in range(rounds))
        count *= 10 if count * 10 <= most else 5
    return curve


def _children(store: Store, rounds: int) -> Curve:
    """Of jobs that do nothing, with so many children."""
    count = 60_000
    rates: dict[float, list[float]] = {children: [] for children in _CHILDREN}
    for _ in range(rounds):
        for children in _CHILDREN:
            with new_store(store) as url:
                push_noops(count)
                rates[children].append(drain(store, url, count, children=children).per_second)
    return {children: statistics.median(each) for children, each in rates.items()}


def _napping_children(store: Store) -> Curve:
    """Of jobs that wait for 10 ms, with so many children."""
    curve: Curve = {}
    for children in _CHILDREN:
        with new_store(store) as url:
            nap.push_many([(number, TEXT) for number in range(200 * children)])
            curve[children] = drain(store, url, 200 * children, children=children).per_second
    return curve


def _payloads(store: Store, rounds: int) -> Curve:
    """With so many bytes of arguments, one child."""
    curve: Curve = {}
    for size, count in _SIZES.items():
        rates: list[float] = []
        for _ in range(rounds):
            with new_store(store) as url:
                step = max(1, min(BATCH, (1 << 20) // size))
                for start in range(0, count, step):
                    noop.push_many([(number, "x" * size) for number in range(start, min(start + step, count))])
                rates.append(drain(store, url, count).per_second)
        curve[size] = statistics.median(rates)
    return curve


def _draw(figures: Mapping[str, Any]) -> None:
    def series(what: str) -> dict[str, Curve]:
        return {
            name: {float(step): rate for step, rate in each[what].items()}
            for name, each in figures.items()
            if what in each
        }

    for what, (title, across, logarithmic) in _PICTURES.items():
        plots.lines(
            PICTURES / f"scaling-{what}.svg",
            title=title,
            across=across,
            up="jobs/s",
            series=series(what),
            logarithmic=logarithmic,
        )


if __name__ == "__main__":
    sys.exit(main())
