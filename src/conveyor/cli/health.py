"""`conveyor health`: one answer for probes and for people."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import queue_health_document
from conveyor.cli.options import json_option, queue_option, store_options
from conveyor.cli.output import put, put_json, say
from conveyor.cli.search import queue_names
from conveyor.cli.store import Target
from conveyor.cli.words import count, meant


@click.command(
    cls=Command,
    examples=("conveyor health", "conveyor health --queue emails --workers 2 --json"),
    epilog='A worker answers for itself at --health-port. To see what could go wrong one day, use "conveyor doctor".',
)
@queue_option("Only this queue, and the workers that serve it; may be given again.")
@click.option(
    "--workers",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="How many healthy workers there must be.",
)
@json_option
@store_options
@Target.opened
def health(target: Target, queue: tuple[str, ...], workers: int, *, json: bool) -> None:
    """Say whether jobs are being run: the store answers, workers are healthy, and no queue is stalled.

    Exits with 0 if so and with 1 if not, after naming what is wrong.
    """
    names = queue_names(queue)
    app = target.any_app()
    checked = app.health
    all_workers, all_queues = checked.check_workers().workers, checked.check_queues()
    found = [each for each in all_workers if not names or not set(names).isdisjoint(each.queues)]
    queues = [each for each in all_queues if not names or each.queue in names]
    known = {each.queue for each in all_queues} | {name for worker in all_workers for name in worker.queues}
    known |= {job_type.queue for job_type in app.job_types.values()}
    healthy = sum(worker.is_healthy for worker in found)
    problems = [f"worker {worker.name}: {worker.problem}" for worker in found if worker.problem]
    problems += [f"queue {each.queue!r}: {each.problem}" for each in queues if each.problem]
    problems += [
        f"queue {name!r}: nobody has heard of it: nothing was pushed to it, and no worker serves it{meant(name, known)}"
        for name in names
        if name not in known
    ]
    if healthy < workers:
        problems.append(f"{count(healthy, 'worker')} healthy, {workers} wanted")
    if json:
        put_json(
            {
                "healthy": not problems,
                "problems": problems,
                "workers": {"healthy": healthy, "unhealthy": len(found) - healthy, "total": len(found)},
                "queues": [queue_health_document(each) for each in queues],
            }
        )
    else:
        for problem in problems:
            put(f"problem: {problem}")
        say("Not healthy." if problems else f"Healthy: {count(healthy, 'worker')}, {count(len(queues), 'queue')}.")
    if problems:
        raise click.exceptions.Exit(1)
