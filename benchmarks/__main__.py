"""`python -m benchmarks`: run the benchmarks, all or those that are named."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import traceback
from pathlib import Path
from typing import Final, cast

from benchmarks.kit import machine
from benchmarks.kit.figures import Effort, Figure, Question, Verdict
from benchmarks.kit.report import Answer, as_json, as_text
from benchmarks.kit.results import Results
from benchmarks.kit.store import Store
from benchmarks.stores.known import STORES

RESULTS: Final = Path(__file__).with_name("RESULTS.md")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure conveyor.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a script beside this one; all when none is named")
    parser.add_argument("--store", choices=STORES, default="sqlite", help="what keeps the jobs; sqlite by itself")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and fewer jobs; the figures are coarser")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there, every round of them")
    parser.add_argument("--write", action="store_true", help=f"write the figures to {RESULTS.name}, in place of older")
    arguments = parser.parse_args()
    store = STORES[arguments.store]()
    names: list[str] = arguments.names or list(store.scripts)
    if unknown := set(names) - set(store.scripts):
        parser.error(f"{arguments.store} has no benchmark {min(unknown)!r}; there are {', '.join(store.scripts)}")
    described = machine.describe() | {"store": store.version()}
    for name, words in described.items():
        print(f"{name}: {words}")
    answers: list[Answer] = []
    for name in names:
        print(flush=True)
        answers.append(_ask(name, Effort(quick=arguments.quick), store))
        print(as_text(answers[-1]), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(as_json(described, answers), indent=2) + "\n", "utf-8")
    if arguments.write:
        results = Results(RESULTS.read_text("utf-8"))
        results.replace(arguments.store, described, answers, store.scripts)
        RESULTS.write_text(results.text(tuple(STORES)), "utf-8")
    return _close(answers)


def _ask(name: str, effort: Effort, store: Store) -> Answer:
    module = importlib.import_module(f"benchmarks.{name}")
    question = (module.__doc__ or name).partition("\n")[0]
    load, began = machine.OthersLoad(), time.monotonic()
    figures: tuple[Figure, ...] = ()
    failure = None
    try:
        figures = tuple(cast("Question", module).run(effort, store))
    except Exception as error:  # noqa: BLE001 - the others are still worth running
        traceback.print_exc()
        failure = f"{type(error).__name__}: {error}"
    return Answer(name, question, figures, load.share(), time.monotonic() - began, failure)


def _close(answers: list[Answer]) -> int:
    failed = [answer.name for answer in answers if answer.failure is not None]
    missed = [figure.what for answer in answers for figure in answer.figures if figure.verdict is Verdict.MISSED]
    print(f"\nmissed: {'; '.join(missed) or 'none'}")
    if failed:
        print(f"failed: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
