"""How many bytes of the file a waiting job takes, its arguments aside."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.store import new_file, push_noops, rows, store

_ARGUMENTS: Final = "SELECT sum(length(CAST(payload AS BLOB))) FROM conveyor_job"


def run(effort: Effort) -> Iterable[Figure]:
    count = effort.of(40_000)
    with new_file() as path:
        with store(path):
            pass
        empty = path.stat().st_size
        with store(path):
            push_noops(count)
        # Closed, so that all is in the file and nothing in the WAL.
        grown = path.stat().st_size - empty
        arguments = rows(path, _ARGUMENTS)[0][0]
    return [
        Figure(
            what="file bytes a waiting job, arguments aside",
            unit="bytes",
            rounds=((grown - arguments) / count,),
            at_most=250,
        ),
        Figure(what="its arguments", unit="bytes", rounds=(arguments / count,)),
    ]
