"""How long `import conveyor` takes, over bare Python."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure


def run(effort: Effort) -> Iterable[Figure]:
    _seconds("import conveyor")  # once for the compiler, and for the disk
    rounds = [(_seconds("import conveyor") - _seconds("pass")) * 1000 for _ in range(10 if effort.quick else 30)]
    return [Figure(what="import conveyor, over bare Python", unit="ms", rounds=tuple(rounds), at_most=80)]


def _seconds(code: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - began
