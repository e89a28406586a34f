"""`conveyor jobs`: what is in the store."""

from __future__ import annotations

from itertools import islice

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import job_document
from conveyor.cli.options import (
    DURATION,
    json_option,
    limit_option,
    queue_option,
    store_options,
    tag_option,
    type_option,
)
from conveyor.cli.output import put_json, say
from conveyor.cli.search import found, queue_names
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import age, relative
from conveyor.priority import Priority
from conveyor.records import Filter, JobStatus, StoredJob
from conveyor.times import SECOND, system_clock

STYLES = {
    JobStatus.FAILED: "red",
    JobStatus.EXPIRED: "red",
    JobStatus.RETRYING: "yellow",
    JobStatus.PROCESSING: "cyan",
    JobStatus.COMPLETED: "green",
    JobStatus.CANCELLED: "dim",
}


@click.command(
    cls=Command,
    examples=(
        "conveyor jobs --queue emails --status processing",
        "conveyor jobs --since 10m --limit 500",
    ),
    epilog='See all of one job with "conveyor show ID", and more of them with --limit.',
)
@queue_option("Only this queue; may be given again.")
@click.option(
    "--status",
    "-s",
    multiple=True,
    type=click.Choice([status.value for status in JobStatus], case_sensitive=False),
    help="Only jobs in this status; may be given again.",
)
@type_option("Only jobs of this type; may be given again.")
@tag_option("Only jobs with this tag.")
@click.option("--since", type=DURATION, metavar="AGE", help="Only those pushed, or ended, within this time: 10m, 2h.")
@limit_option(50, "How many to list, newest first.")
@json_option
@store_options
@Target.opened
def jobs(
    target: Target,
    queue: tuple[str, ...],
    status: tuple[str, ...],
    type: tuple[str, ...],
    tag: str,
    since: float | None,
    limit: int,
    *,
    json: bool,
) -> None:
    """List jobs, newest first: waiting, running and ended ones."""
    now = system_clock()
    where = Filter(
        queues=queue_names(queue),
        types=type,
        statuses=tuple(JobStatus(word) for word in status),
        tag=tag,
        after=None if since is None else now - round(since * SECOND),
    )
    listed = list(islice(found(target.driver, where, limit + 1), limit + 1))
    more, listed = len(listed) > limit, listed[:limit]
    if json:
        put_json([job_document(job) for job in listed])
        return
    if not listed:
        say("No jobs match." if where != Filter() else "No jobs yet.")
        return
    table = Table(
        (
            Column("id", "id"),
            Column("queue"),
            Column("type"),
            Column("status"),
            Column("priority", minor=True),
            Column("failures", "number", minor=True),
            Column("pushed"),
            Column("remark", "words"),
        )
    )
    for job in listed:
        table.add(
            job.id,
            job.queue,
            job.type,
            job.status.value,
            priority_name(job.priority),
            job.failures + job.crashes,
            age(job.pushed_at, now),
            remark(job, now),
            style=STYLES.get(job.status, ""),
        )
    show(table)
    if more:
        say(f"Only the newest {limit} are shown; see more with --limit.")


def priority_name(priority: int) -> str:
    """`high`."""
    return Priority(priority).name.lower()


def remark(job: StoredJob, now: int) -> str:
    """What is worth knowing about a job in its status, in a few words."""
    if job.status is JobStatus.PROCESSING:
        since = f" for {age(job.started_at, now)}" if job.started_at else ""
        return f"running{since}, {'asked to stop' if job.cancel_requested else f'held by {job.worker}'}"
    if job.held:
        return f"held: {job.note}" if job.note else "held until a worker knows its type"
    if job.status.is_active and job.due_at > now:
        return f"due {relative(job.due_at, now)}"
    if job.status.is_failure:
        last = job.errors[-1].message if job.errors else job.note
        return f"{job.reason}: {last}" if last else f"{job.reason}"
    if job.status is JobStatus.COMPLETED and job.started_at and job.finished_at:
        return f"took {age(job.started_at, job.finished_at)}"
    return job.note or ""
