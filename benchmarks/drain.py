"""How fast a worker with one child runs jobs that do nothing, all settings as they are: history and metrics on.

The bare loop is one process that claims 500 and settles 500, by the driver's own statements, until nothing is left.
"""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure, against_bare
from benchmarks.kit.jobs import app, noop
from benchmarks.kit.store import BATCH, new_store, push_noops
from benchmarks.kit.tape import Tape
from benchmarks.kit.worker import drain
from conveyor.lifecycle import after_success


def run(effort: Effort) -> Iterable[Figure]:
    count = effort.of(40_000)
    tape = Tape()
    with tape.recording():
        push_noops(count)
        tape.start()
        _claim_and_settle()
    ours: list[float] = []
    beside_async: list[float] = []
    bare: list[float] = []
    for _ in range(effort.rounds):
        with new_store() as path:
            push_noops(count)
            ours.append(drain(path, count).per_second)
        with new_store() as path:
            push_noops(count)
            beside_async.append(drain(path, count, application="mixed").per_second)
        bare.append(count / tape.replay())
    what = "drain with one child"
    return [
        *against_bare(ours, bare, what=what, at_least=15_000, least_share=0.5),
        Figure(what=f"{what}, the application has async jobs too", unit="jobs/s", rounds=tuple(beside_async)),
    ]


def _claim_and_settle() -> None:
    while claims := app.driver.claim([noop.job_type.queue], limit=BATCH, lease=30.0, worker="bare"):
        ran = claims[0].pushed_at
        app.driver.settle([after_success(claim, "null", started_at=ran, ended_at=ran) for claim in claims])
