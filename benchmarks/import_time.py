"""How long `import conveyor` takes, over bare Python."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import NO_BAR, Store


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    _seconds("import conveyor")  # once for the compiler, and for the disk
    rounds = [(_seconds("import conveyor") - _seconds("pass")) * 1000 for _ in range(10 if effort.quick else 30)]
    at_most = store.bars.get("import_time", NO_BAR).at_most
    return [Figure(what="import conveyor, over bare Python", unit="ms", rounds=tuple(rounds), at_most=at_most)]


def _seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began
