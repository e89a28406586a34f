"""`python -m benchmarks.compare`: ask every library every question, or those that are named."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.compare.kept import Kept
from benchmarks.compare.libraries import CONVEYOR, LIBRARIES, ROOT, STORES, Library
from benchmarks.compare.plots import draw
from benchmarks.compare.questions import QUESTIONS, Question
from benchmarks.compare.race import Failed
from benchmarks.compare.report import Cell, Table, as_markdown, as_text
from benchmarks.compare.stores import version
from benchmarks.kit import machine

RESULTS = Path(__file__).parents[1] / "COMPARISON.md"
KEPT = Path(__file__).parents[1] / "comparison.json"


def main() -> int:
    parser = _parser()
    given = parser.parse_args()
    kept = Kept(KEPT)
    if given.draw:
        _draw(kept)
        return 0
    if unknown := set(given.questions) - {each.name for each in QUESTIONS}:
        parser.error(f"there is no question {min(unknown)!r}")
    if unknown := set(given.library or ()) - {each.name for each in LIBRARIES}:
        parser.error(f"there is no library {min(unknown)!r}")
    chosen = [each for each in LIBRARIES if not given.library or each is CONVEYOR or each.name in given.library]
    for name, words in machine.describe().items():
        print(f"{name}: {words}")
    libraries = [each for each in chosen if _is_there(each)]
    tables: list[dict[str, Any]] = []
    for question, store in _chosen(given.questions, given.store or STORES):
        table = _ask(question, store, _of(libraries, store), given.rounds)
        print(as_text(table), flush=True)
        tables.append(table.as_json())
        if given.write:
            _keep(kept, table)
    if given.json is not None:
        given.json.write_text(json.dumps(tables, indent=2) + "\n", "utf-8")
    if given.write:
        _draw(kept)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=", ".join(each.name for each in QUESTIONS))
    parser.add_argument("--library", action="append", help="ask this one (and conveyor); may be given again")
    parser.add_argument("--store", action="append", choices=STORES, help="likewise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round of every answer there")
    parser.add_argument(
        "--write", action="store_true", help=f"keep each table in {KEPT.name} as soon as it is done, and draw"
    )
    parser.add_argument(
        "--draw", action="store_true", help=f"ask nothing: make {RESULTS.name} and pictures of {KEPT.name}"
    )
    return parser


def _chosen(names: Sequence[str], stores: Sequence[str]) -> Iterator[tuple[Question, str]]:
    for question in QUESTIONS:
        if not names or question.name in names:
            for store in stores if question.needs_store else [""]:
                yield question, store


def _of(libraries: Sequence[Library], store: str) -> list[Library]:
    return [each for each in libraries if not store or store in each.stores]


def _keep(kept: Kept, table: Table) -> None:
    """Keep a table of everybody; what only some were asked goes into the table that is there."""
    table = kept.with_others(table)
    if missing := [each.name for each in _of(LIBRARIES, table.store) if each.name not in table.cells]:
        print(f"  not kept, since these never took part: {', '.join(missing)}", flush=True)
        return
    kept.replace(table)


def _draw(kept: Kept) -> None:
    if not (tables := kept.tables()):
        print(f"{KEPT.name} keeps nothing yet")
        return
    RESULTS.write_text(as_markdown(tables), "utf-8")
    for path in [RESULTS, *draw(tables)]:
        print(f"wrote {path.relative_to(ROOT)}")


def _is_there(library: Library) -> bool:
    """Install it; say so where that cannot be."""
    if reason := library.missing():
        print(f"{library.name} is left out: {reason}")
        return False
    try:
        library.install()
    except subprocess.CalledProcessError as error:
        print(f"{library.name} is left out: {error}")
        return False
    return True


def _ask(question: Question, store: str, libraries: list[Library], rounds: int) -> Table:
    """Ask everybody, in turn, as often as there are rounds."""
    load, began = machine.OthersLoad(), time.monotonic()
    cells: dict[str, Cell] = {library.name: Cell() for library in libraries}
    for _ in range(min(rounds, question.rounds or rounds)):
        for library in libraries:
            if cells[library.name].is_hopeless:
                continue
            try:
                answers = question.answer(library, store)
            except Failed as failure:
                cells[library.name].failures.append(str(failure))
            else:
                cells[library.name].add(answers)
    return Table(
        question,
        store,
        cells,
        load.share(),
        time.monotonic() - began,
        f"{datetime.now(UTC):%Y-%m-%d}",
        {**machine.describe(), **({"store": version(store)} if store else {})},
        {library.name: library.version for library in libraries},
    )


if __name__ == "__main__":
    sys.exit(main())
