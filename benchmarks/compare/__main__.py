"""`python -m benchmarks.compare`: ask every library every question, or those that are named."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.compare.libraries import CONVEYOR, LIBRARIES, REDIS, ROOT, SQLITE, Library
from benchmarks.compare.plots import draw
from benchmarks.compare.questions import QUESTIONS, Question
from benchmarks.compare.race import Failed
from benchmarks.compare.report import Cell, Table, as_markdown, as_text
from benchmarks.kit import machine

RESULTS = Path(__file__).parents[1] / "COMPARISON.md"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=", ".join(each.name for each in QUESTIONS))
    parser.add_argument("--library", action="append", help="ask this one (and conveyor); may be given again")
    parser.add_argument("--store", action="append", choices=("redis", "sqlite", "postgres"), help="likewise")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round of every answer there")
    parser.add_argument("--write", action="store_true", help=f"write the tables to {RESULTS.name}, and pictures")
    given = parser.parse_args()
    names: list[str] = given.questions or [each.name for each in QUESTIONS]
    if unknown := set(names) - {each.name for each in QUESTIONS}:
        parser.error(f"there is no question {min(unknown)!r}")
    stores: list[str] = given.store or [SQLITE, REDIS, "postgres"]
    if given.library and (unknown := set(given.library) - {each.name for each in LIBRARIES}):
        parser.error(f"there is no library {min(unknown)!r}")
    chosen = [each for each in LIBRARIES if not given.library or each is CONVEYOR or each.name in given.library]
    described = machine.describe()
    for name, words in described.items():
        print(f"{name}: {words}")
    libraries = [each for each in chosen if _is_there(each)]
    tables: list[Table] = []
    for question in QUESTIONS:
        if question.name in names:
            for store in stores if question.needs_store else [""]:
                taking_part = [each for each in libraries if not store or store in each.stores]
                tables.append(_ask(question, store, taking_part, given.rounds))
                print(as_text(tables[-1]), flush=True)
    versions = {each.name: each.version for each in libraries}
    if given.json is not None:
        given.json.write_text(json.dumps([table.as_json() for table in tables], indent=2) + "\n", "utf-8")
    if given.write:
        RESULTS.write_text(as_markdown(described, versions, tables), "utf-8")
        for path in draw(tables):
            print(f"wrote {path.relative_to(ROOT)}")
    return 0


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
    for _ in range(rounds):
        for library in libraries:
            try:
                answers = question.answer(library, store)
            except Failed as failure:
                cells[library.name].failures.append(str(failure))
            else:
                cells[library.name].add(answers)
    return Table(question, store, cells, load.share(), time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
