"""`conveyor failed`: the dead letters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import group_document, job_document
from conveyor.cli.options import (
    json_option,
    letters_options,
    limit_option,
    split,
    store_options,
)
from conveyor.cli.output import put_json, say
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import age, count, short_type
from conveyor.drivers.base import Driver
from conveyor.findings import DeadGroup
from conveyor.records import Filter, StoredJob
from conveyor.selection import DEAD, Which, filter_of
from conveyor.times import system_clock


@click.command(
    cls=Command,
    examples=(
        "conveyor failed emails --error timeout",
        "conveyor failed --group --since 1h",
        "conveyor failed --json | jq -r .[].id",
    ),
    epilog=(
        "The last line groups all that match, by error. Bring them back with "
        '"conveyor retry", read one with "conveyor show ID".'
    ),
)
@click.argument("queues", nargs=-1, metavar="[QUEUE]...", callback=split)
@letters_options
@click.option("--group", "-g", is_flag=True, help="List causes, with how many died of each, instead of jobs.")
@limit_option(50, "How many to list, newest first; of causes, the most frequent.")
@json_option
@store_options
@Target.opened
def failed(
    target: Target,
    queues: tuple[str, ...],
    limit: int,
    *,
    which: Which,
    group: bool,
    json: bool,
) -> None:
    """List the dead letters: jobs that failed for good and wait for a person.

    They are kept with every attempt's error until they are retried or cleared.
    """
    driver = target.driver
    if queues:
        which["queue"] = queues + tuple(which.get("queue", ()))
    where = filter_of(which, driver.now())
    groups = [] if json and not group else driver.dead_groups(where)
    if group:
        _list_groups(driver, groups[:limit], json=json)
    elif json:
        put_json([job_document(job) for job in driver.find(where, limit=limit).jobs])
    elif groups:
        _list_jobs(driver.find(where, limit=limit).jobs)
    if json:
        return
    number = sum(each.count for each in groups)
    if not number:
        say("No dead letters match." if where != Filter(statuses=DEAD) else "No dead letters.")
        return
    shown = f"{limit} shown; " if number > limit and not group else ""
    by_name: Counter[str] = Counter()
    for each in groups:
        by_name[_name(each.error_type, each.reason.value)] += each.count
    say(
        f"{shown}{count(number, 'dead letter')}: "
        + ", ".join(f"{times:,} {name}" for name, times in by_name.most_common())
    )


def _list_jobs(jobs: Sequence[StoredJob]) -> None:
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
    for job in jobs:
        ended = f"{age(job.finished_at, now)}" if job.finished_at else None
        table.add(job.id, job.queue, job.type, job.failures + job.crashes, ended, _error(job))
    show(table)


def _list_groups(driver: Driver, groups: Sequence[DeadGroup], *, json: bool) -> None:
    newest = driver.get([group.newest for group in groups])
    if json:
        put_json([group_document(group, job) for group, job in zip(groups, newest, strict=True)])
        return
    if not groups:
        return
    now = system_clock()
    table = Table(
        (
            Column("count", "number"),
            Column("fingerprint", "id"),
            Column("queue"),
            Column("type"),
            Column("reason", minor=True),
            Column("first", minor=True),
            Column("last"),
            Column("error", "words"),
        )
    )
    for group, job in zip(groups, newest, strict=True):
        table.add(
            group.count,
            group.fingerprint,
            group.queue,
            group.type,
            group.reason.value,
            age(group.first, now),
            age(group.last, now),
            _name(group.error_type, group.reason.value) if job is None else _error(job),
        )
    show(table)


def _name(error_type: str, reason: str) -> str:
    """What failed jobs are counted by: their last exception's type, else the reason."""
    return short_type(error_type) or reason


def _error(job: StoredJob) -> str:
    """What it is counted by, and the message."""
    last = job.errors[-1] if job.errors else None
    name = _name(last.error_type if last else "", str(job.reason))
    return f"{name}: {last.message if last else job.note or ''}"
