"""`conveyor status`: queues and workers, once or live."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import click
import msgspec

from conveyor.cli.command import Command
from conveyor.cli.documents import queue_document, summed, total, worker_document
from conveyor.cli.options import json_option, queue_option, store_options
from conveyor.cli.output import on_terminal, put, put_json, say
from conveyor.cli.search import queue_names
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, plain
from conveyor.cli.words import age, count, size, when
from conveyor.drivers.base import Driver
from conveyor.records import Counts, QueueCounts, WorkerRecord
from conveyor.times import SECOND, system_clock

if TYPE_CHECKING:
    from rich.console import RenderableType

STALE: Final = 30.0
"""A worker that has not beaten for so many seconds is marked: its leases, which its beats keep alive, have lapsed."""

_INTERVAL: Final = 1.0


@click.command(
    cls=Command,
    examples=(
        "conveyor status --watch",
        "conveyor status --queue emails --json | jq .queues[0].ready",
    ),
    epilog=(
        "Ready jobs may be claimed now, delayed ones later, and held ones when a worker knows their type; dead ones "
        "are dead letters. Oldest is how long the first ready job has waited."
    ),
)
@click.option("--watch", "-w", is_flag=True, help="Look again every second, until Ctrl-C.")
@queue_option("Only this queue and its workers; may be given again.")
@json_option
@store_options
@Target.opened
def status(target: Target, queue: tuple[str, ...], *, watch: bool, json: bool) -> None:
    """Show each queue's jobs by state, and the workers that serve them.

    With --watch and --json, or in a pipe, each look is added below the last one: as one line of JSON, or as a table.
    """
    names = queue_names(queue)
    if not watch:
        _put(Look.at(target.driver, names), json=json)
    elif json:
        for look in _looks(target.driver, names):
            put(msgspec.json.encode(look.document()).decode())
    elif on_terminal():
        _live(target, names)
    else:
        for look in _looks(target.driver, names):
            put("\n".join(look.plain()) + "\n")


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw, and at what moment."""

    now: int
    queues: Sequence[QueueCounts]
    workers: Sequence[WorkerRecord]
    rate: float | None = None
    """Runs that ended a second since the look before, well or badly."""

    @classmethod
    def at(cls, driver: Driver, names: Sequence[str], before: Look | None = None) -> Look:
        """Look at these queues, or at all."""
        queues = driver.counts(names or None)
        workers = [each for each in driver.workers() if not names or not set(names).isdisjoint(each.queues)]
        now = system_clock()
        rate = None
        if before is not None and now > before.now:
            rate = max(0, _runs(queues) - _runs(before.queues)) * SECOND / (now - before.now)
        return cls(now, queues, workers, rate)

    def document(self) -> dict[str, object]:
        """It as a JSON document."""
        return {
            "queues": [queue_document(queue) for queue in self.queues],
            "workers": [worker_document(worker, stale=self.stale(worker)) for worker in self.workers],
        }

    def stale(self, worker: WorkerRecord) -> bool:
        """Whether the worker's last beat is too long ago."""
        return self.now - worker.beat_at > STALE * SECOND

    def plain(self) -> list[str]:
        """It as text: one table, or two with an empty line between."""
        tables = [plain(self.queue_table())] if self.queues else []
        if self.workers:
            tables += [""] if tables else []
            tables.append(plain(self.worker_table()))
        return tables

    def queue_table(self) -> Table:
        """A row for each queue."""
        table = Table(
            (
                Column("queue", "name"),
                Column("ready", "number"),
                Column("delayed", "number"),
                Column("held", "number", spare=True),
                Column("processing", "number"),
                Column("dead", "number"),
                Column("oldest", "number"),
                Column("pushed", "number", spare=True),
                Column("completed", "number"),
                Column("failed", "number", spare=True),
                Column("retried", "number", spare=True),
                Column("cancelled", "number", spare=True),
                Column("state"),
            )
        )
        for queue in self.queues:
            counts = total(queue)
            table.add(
                queue.queue,
                counts.ready,
                counts.delayed,
                counts.held,
                counts.processing,
                counts.dead,
                None if queue.oldest_ready is None else age(queue.oldest_ready, self.now),
                counts.pushed,
                counts.completed,
                counts.failed,
                counts.retried,
                counts.cancelled,
                "paused" if queue.paused else "open",
                style="yellow" if queue.paused else "",
            )
        return table

    def worker_table(self) -> Table:
        """A row for each worker."""
        table = Table(
            (
                Column("worker"),
                Column("host"),
                Column("pid", "id"),
                Column("state"),
                Column("processes", "number"),
                Column("running", "number"),
                Column("memory", "number"),
                Column("beat", "number"),
                Column("queues", "words"),
            )
        )
        for worker in self.workers:
            stale = self.stale(worker)
            table.add(
                worker.name,
                worker.host,
                str(worker.pid),
                "stale" if stale else worker.state,
                len(worker.children),
                worker.running,
                size(worker.rss_bytes) if worker.rss_bytes else None,
                age(worker.beat_at, self.now),
                ",".join(worker.queues),
                style="red" if stale else "",
            )
        return table

    def remarks(self) -> list[str]:
        """What a person may want to hear besides the tables."""
        counts = _sum(self.queues)
        remarks = [] if self.queues else ["Nothing has been pushed to this store yet."]
        if self.rate is not None:
            remarks.append(f"{counts.completed:,} completed, {self.rate:,.0f} runs a second")
        stale = [worker for worker in self.workers if self.stale(worker)]
        if stale:
            remarks.append(
                f"{count(len(stale), 'worker')} did not beat for {STALE:.0f}s: stopped hard, or out of reach."
            )
        remarks += [
            f"Worker {worker.name} is not ready: {worker.trouble}."
            for worker in self.workers
            if worker.trouble and worker.state == "running" and not self.stale(worker)
        ]
        if not self.workers and counts.ready + counts.delayed:
            remarks.append('No worker is running. Start one with "conveyor work --app yourpackage.jobs:app".')
        if counts.dead:
            remarks.append(f'{count(counts.dead, "dead letter")}: see "conveyor failed".')
        return remarks


def _sum(queues: Sequence[QueueCounts]) -> Counts:
    return summed(total(queue) for queue in queues)


def _runs(queues: Sequence[QueueCounts]) -> int:
    counts = _sum(queues)
    return counts.completed + counts.retried + counts.failed


def _put(look: Look, *, json: bool) -> None:
    if json:
        put_json(look.document())
        return
    if on_terminal():
        from rich.console import Console

        console = Console()
        console.print(_drawn(look, console.width))
    elif look.queues or look.workers:
        put("\n".join(look.plain()))
    for remark in look.remarks():
        say(remark)


def _looks(driver: Driver, names: Sequence[str]) -> Iterator[Look]:
    look: Look | None = None
    while True:
        look = Look.at(driver, names, look)
        yield look
        time.sleep(_INTERVAL)


def _drawn(look: Look, width: int, *remarks: str) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from conveyor.cli.table import drawn

    parts: list[RenderableType] = [drawn(look.queue_table(), width)] if look.queues else []
    if look.workers:
        parts += [Text(), drawn(look.worker_table(), width)]
    parts += [Text(), *(Text(remark, style="dim") for remark in remarks)] if remarks else []
    return Group(*parts)


def _live(target: Target, names: Sequence[str]) -> None:
    from rich.live import Live

    with Live(auto_refresh=False) as live:
        for look in _looks(target.driver, names):
            foot = f"{target.shown_url}  {when(look.now)[11:19]} UTC"
            live.update(_drawn(look, live.console.width, *look.remarks(), foot), refresh=True)
