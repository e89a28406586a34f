"""`conveyor metrics`: how many, how long, how well."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from conveyor.cli.command import Command
from conveyor.cli.options import Duration, json_option, queue_option, store_options, type_option
from conveyor.cli.output import put_json, say
from conveyor.cli.search import queue_names
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import meant, size, span
from conveyor.metrics import WORDS, Figures


class _Window(Duration):
    """A duration, or minute, hour or day. Converts to seconds."""

    name = "window"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        return WORDS[value] if value in WORDS else super().convert(value, param, ctx)


@click.command(
    cls=Command,
    examples=("conveyor metrics", "conveyor metrics --window day --by queue", "conveyor metrics --type email.welcome"),
    epilog=(
        "Wait is the time from when jobs were due until they began. Percentiles are at most 2 % off. Up to three hours "
        "are told by the minute, up to three days by the hour, and more by the day."
    ),
)
@click.option(
    "--window",
    "-w",
    type=_Window(),
    default="1h",
    show_default=True,
    metavar="TIME",
    help="How far back: minute, hour, day, or a duration.",
)
@click.option(
    "--by", type=click.Choice(("type", "queue")), default="type", show_default=True, help="A row for each of these."
)
@queue_option("Only of this queue; may be given again.")
@type_option("Only of this type; may be given again.")
@json_option
@store_options
@Target.opened
def metrics(
    target: Target, window: float, by: str, queue: tuple[str, ...], type: tuple[str, ...], *, json: bool
) -> None:
    """Show runs within a time: how many, how many failed, how long they took and waited, and their memory."""
    measured = target.any_app().metrics
    rows = [
        figures
        for each_queue in queue_names(queue) or (None,)
        for each_type in type or (None,)
        for figures in (
            measured.types(window, queue=each_queue) if by == "type" else measured.queues(window, type=each_type)
        )
        if each_type in (None, figures.type) and each_queue in (None, figures.queue)
    ]
    if json:
        put_json([msgspec.to_builtins(figures) for figures in rows])
        return
    if not rows:
        names = {each.type or "" for each in measured.types(window)} | set(target.any_app().job_types)
        queues = {each.queue or "" for each in measured.queues(window)}
        say(f"No job has ended within {span(window)}{_of('type', type, names)}{_of('queue', queue, queues)}.")
        return
    _show(rows, by)


def _of(noun: str, asked: tuple[str, ...], known: set[str]) -> str:
    """` of type 'a' or 'b'`, and what was meant where one is misspelt."""
    if not asked:
        return ""
    hints = "".join(meant(name, known) for name in asked if name not in known).removeprefix("; ")
    return f" of {noun} {' or '.join(map(repr, asked))}{f' ({hints})' if hints else ''}"


def _show(rows: list[Figures], by: str) -> None:
    table = Table(
        (
            Column(by, "name"),
            Column("runs", "number"),
            Column("rate", "number", minor=True),
            Column("failed", "number"),
            Column("retried", "number", spare=True),
            Column("success", "number"),
            Column("avg", "number"),
            Column("p50", "number", minor=True),
            Column("p95", "number"),
            Column("p99", "number"),
            Column("max", "number", minor=True),
            Column("wait", "number"),
            Column("wait-p95", "number"),
            Column("memory", "number", spare=True),
            Column("peak", "number", spare=True),
        )
    )
    for figures in rows:
        rate = figures.success_rate
        table.add(
            figures.type if by == "type" else figures.queue,
            figures.executions,
            f"{figures.throughput:.3g}/s",
            figures.failed,
            figures.retried,
            None if rate is None else f"{100 * rate:.4g}%",
            *(
                None if value is None else span(value)
                for value in (
                    figures.run.average,
                    figures.run.p50,
                    figures.run.p95,
                    figures.run.p99,
                    figures.run.maximum,
                    figures.wait.average,
                    figures.wait.p95,
                )
            ),
            None if figures.average_memory is None else size(round(figures.average_memory)),
            None if figures.peak_memory is None else size(round(figures.peak_memory)),
            style="red" if rate is not None and rate < 0.95 else "",  # noqa: PLR2004 - what alerts tell by themselves too
        )
    show(table)
