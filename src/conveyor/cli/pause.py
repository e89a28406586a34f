"""`conveyor pause`: no new starts in a queue."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import total
from conveyor.cli.options import json_option, split, store_options
from conveyor.cli.output import put_json, say
from conveyor.cli.store import Target
from conveyor.cli.words import count
from conveyor.payload import check_queue_name


@click.command(
    cls=Command,
    examples=(
        "conveyor pause emails",
        "conveyor pause emails reports",
    ),
    epilog='Pushes go on, and running jobs finish. End the pause with "conveyor resume QUEUE".',
)
@click.argument("queues", nargs=-1, required=True, metavar="QUEUE...", callback=split)
@json_option
@store_options
@Target.opened
def pause(target: Target, queues: tuple[str, ...], *, json: bool) -> None:
    """Let no job of QUEUE be started, by any worker, until it is resumed.

    Pausing a paused queue changes nothing. A queue may be paused before its first job.
    """
    names = tuple(check_queue_name(name) for name in queues)
    for name in names:
        target.driver.pause(name)
    report_pause(target, names, json=json)


def report_pause(target: Target, names: tuple[str, ...], *, json: bool) -> None:
    """Say for each queue whether it is paused now, and what waits and runs in it."""
    counted = {counts.queue: counts for counts in target.driver.counts(names)}
    if json:
        put_json([{"queue": name, "paused": counted[name].paused} for name in names])
        return
    for name in names:
        queue = counted[name]
        if queue.last_activity is None and not queue.paused:
            say(f"Queue {name!r} has never been used.")
            continue
        counters = total(queue)
        waiting = counters.ready + counters.delayed + counters.held
        state = "is paused" if queue.paused else "is open"
        say(f"Queue {name!r} {state}: {count(waiting, 'job')} waiting, {counters.processing:,} processing.")
