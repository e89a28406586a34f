"""`conveyor clear`: a queue's waiting jobs, or its dead letters, deleted."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import total
from conveyor.cli.options import json_option, store_options, yes_option
from conveyor.cli.output import confirm, put_json, say
from conveyor.cli.search import DEAD, queue_names
from conveyor.cli.store import Target
from conveyor.cli.words import count
from conveyor.records import Filter


@click.command(
    cls=Command,
    examples=(
        "conveyor clear emails",
        "conveyor clear emails --failed --yes",
    ),
    epilog='Running jobs and history stay. To stop single jobs and keep their record, use "conveyor cancel".',
)
@click.argument("queue")
@click.option("--failed", is_flag=True, help="Delete its dead letters instead of its waiting jobs.")
@yes_option
@json_option
@store_options
@Target.opened
def clear(target: Target, queue: str, *, failed: bool, yes: bool, json: bool) -> None:
    """Delete every waiting job of QUEUE: ready, delayed and held. There is no way back.

    With --failed, or as QUEUE.dlq, delete its dead letters and nothing else.
    """
    failed = failed or queue.endswith(".dlq")
    (queue,) = queue_names((queue,))
    noun = "dead letter" if failed else "waiting job"
    counters = [total(counts) for counts in target.driver.counts([queue])]
    number = sum(each.dead if failed else each.ready + each.delayed + each.held for each in counters)
    if number:
        confirm(f"Delete {count(number, noun)} of queue {queue!r}?", yes=yes)
    deleted = 0
    if number and failed:
        deleted = target.driver.forget(Filter(queues=(queue,), statuses=DEAD))
    elif number:
        deleted = target.driver.clear(queue)
    if json:
        put_json({"queue": queue, "deleted": deleted})
    else:
        say(f"{count(deleted, noun)} of queue {queue!r} deleted." if deleted else f"Queue {queue!r} has no {noun}s.")
