"""How many bytes of the store a waiting job takes, its arguments aside."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.kit.figures import Effort, Figure
from benchmarks.kit.jobs import app
from benchmarks.kit.store import BATCH, NO_BAR, Store, push_noops, using
from conveyor.records import Filter, JobId


def run(effort: Effort, store: Store) -> Iterable[Figure]:
    count = effort.of(100_000)
    with store.new() as url:
        with using(url):
            pass
        empty = store.size(url)
        with using(url):
            push_noops(count)
        grown = store.size(url) - empty
        with using(url):
            arguments = _arguments()
    return [
        Figure(
            what="bytes a waiting job, arguments aside",
            unit="bytes",
            rounds=((grown - arguments) / count,),
            at_most=store.bars.get("job_size", NO_BAR).at_most,
        ),
        Figure(what="its arguments", unit="bytes", rounds=(arguments / count,)),
    ]


def _arguments() -> int:
    """The bytes of all jobs' arguments, as they are stored."""
    total = 0
    cursor: JobId | None = None
    while True:
        page = app.driver.find(Filter(), limit=BATCH, cursor=cursor)
        total += sum(len(job.payload.encode()) for job in page.jobs)
        cursor = page.next
        if cursor is None:
            return total
