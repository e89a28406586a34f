"""`conveyor workers`: who is there, and whether they can work."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.options import DURATION, json_option, store_options
from conveyor.cli.output import put_json, say
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import age, count, size
from conveyor.health import WorkerHealth
from conveyor.worker_document import worker_health_document


@click.command(
    cls=Command,
    examples=("conveyor workers", "conveyor workers --cleanup --older-than 10m"),
    epilog="A worker that stops in order leaves the list; one that was killed is on it for a day, or until --cleanup.",
)
@click.option("--cleanup", is_flag=True, help="Forget those that have not beaten for --older-than.")
@click.option("--older-than", type=DURATION, default="5m", show_default=True, metavar="AGE", help="For --cleanup.")
@json_option
@store_options
@Target.opened
def workers(target: Target, older_than: float, *, cleanup: bool, json: bool) -> None:
    """List the workers: their state, last heartbeat and claim, what they run, and what is wrong with them.

    Exits with 1 if one of them is not healthy.
    """
    source = click.get_current_context().get_parameter_source("older_than")
    if source is click.core.ParameterSource.COMMANDLINE and not cleanup:
        raise click.UsageError("--older-than says what --cleanup is to forget; give both, or neither.")
    health = target.any_app().health
    if cleanup:
        names = health.cleanup_stale_workers(older_than)
        if json:
            put_json({"forgotten": list(names)})
        else:
            say(f"{count(len(names), 'worker')} forgotten{': ' if names else ''}{', '.join(names)}.")
        return
    found = health.check_workers()
    if json:
        put_json(
            {
                "healthy": found.healthy,
                "unhealthy": found.unhealthy,
                "total": found.total,
                "workers": [worker_health_document(worker) for worker in found.workers],
            }
        )
    elif found.workers:
        _show(found.workers, target.driver.now())
        for worker in found.workers:
            if worker.problem:
                say(f"Worker {worker.name}: {worker.problem}.")
    else:
        say('No worker is running. Start one with "conveyor work --app yourpackage.jobs:app".')
    if found.unhealthy:
        raise click.exceptions.Exit(1)


def _show(found: tuple[WorkerHealth, ...], now: int) -> None:
    table = Table(
        (
            Column("worker", "name"),
            Column("host", minor=True),
            Column("pid", "id", minor=True),
            Column("state"),
            Column("running", "number"),
            Column("slots", "number"),
            Column("memory", "number"),
            Column("beat", "number"),
            Column("claim", "number"),
            Column("longest", "words", minor=True),
            Column("queues", "words"),
        )
    )
    for worker in found:
        longest = worker.jobs[0] if worker.jobs else None
        table.add(
            worker.name,
            worker.host,
            str(worker.pid),
            worker.state,
            worker.running,
            worker.slots,
            size(worker.rss_bytes) if worker.rss_bytes else None,
            age(worker.last_heartbeat, now),
            None if worker.last_claim is None else age(worker.last_claim, now),
            None if longest is None else f"{longest.type or longest.id}:{age(longest.started_at, now)}",
            ",".join(worker.queues),
            style="" if worker.is_healthy else "red",
        )
    show(table)
