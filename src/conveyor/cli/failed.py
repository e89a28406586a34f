"""`conveyor failed`: the dead letters."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import job_document
from conveyor.cli.options import json_option, limit_option, queue_option, split_names, store_options, type_option
from conveyor.cli.output import put_json, say
from conveyor.cli.search import COUNTED, DEAD, found, queue_names
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import age, count, short_type
from conveyor.records import Filter, Reason, StoredJob
from conveyor.times import system_clock


@click.command(
    cls=Command,
    examples=(
        "conveyor failed emails --error timeout",
        "conveyor failed --json | jq -r .[].id",
    ),
    epilog=(
        "The last line groups all that match, by error. Bring them back with "
        '"conveyor retry", read one with "conveyor show ID".'
    ),
)
@click.argument("queues", nargs=-1, metavar="[QUEUE]...")
@queue_option("Only this queue; may be given again.")
@type_option("Only jobs of this type; may be given again.")
@click.option(
    "--error", "-e", default="", metavar="TEXT", help="Only those whose last error has TEXT in its type or message."
)
@click.option(
    "--reason",
    "-r",
    multiple=True,
    type=click.Choice([reason.value for reason in Reason]),
    help="Only those that ended for this reason; may be given again.",
)
@click.option("--tag", default="", metavar="TAG", help="Only jobs with this tag.")
@limit_option(50, "How many to list, newest first.")
@json_option
@store_options
@Target.opened
def failed(
    target: Target,
    queues: tuple[str, ...],
    queue: tuple[str, ...],
    type: tuple[str, ...],
    error: str,
    reason: tuple[str, ...],
    tag: str,
    limit: int,
    *,
    json: bool,
) -> None:
    """List the dead letters: jobs that failed for good and wait for a person.

    They are kept with every attempt's error until they are retried or cleared.
    """
    where = Filter(
        queues=queue_names(split_names(queues) + queue),
        types=type,
        statuses=DEAD,
        reasons=tuple(Reason(word) for word in reason),
        error=error,
        tag=tag,
    )
    matches = found(target.driver, where)
    listed = list(islice(matches, limit))
    if json:
        put_json([job_document(job) for job in listed])
        return
    if not listed:
        say("No dead letters match." if where != Filter(statuses=DEAD) else "No dead letters.")
        return
    now = system_clock()
    table = Table(
        (
            Column("id", "id"),
            Column("queue"),
            Column("type"),
            Column("failures", "number", minor=True),
            Column("ended"),
            Column("error", "words"),
        )
    )
    groups: Counter[str] = Counter()
    for job in listed:
        groups[_group(job)] += 1
        ended = f"{age(job.finished_at, now)}" if job.finished_at else None
        table.add(job.id, job.queue, job.type, job.failures + job.crashes, ended, _error(job))
    show(table)
    for job in matches:
        groups[_group(job)] += 1
    number = groups.total()
    shown = f"{len(listed)} shown; " if number > len(listed) else ""
    total = count(number, "dead letter") if number < COUNTED else f"the newest {count(number, 'dead letter')}"
    say(f"{shown}{total}: " + ", ".join(f"{times:,} {name}" for name, times in groups.most_common()))


def _group(job: StoredJob) -> str:
    """What failed jobs are counted by: their last exception's type, else the reason."""
    return short_type(job.errors[-1].error_type) if job.errors and job.errors[-1].error_type else str(job.reason)


def _error(job: StoredJob) -> str:
    """What it is grouped by, and the message."""
    return f"{_group(job)}: {job.errors[-1].message if job.errors else job.note or ''}"
