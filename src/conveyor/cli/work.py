"""`conveyor work`: the worker."""

from __future__ import annotations

import logging

import click

from conveyor.cli.command import Command
from conveyor.cli.options import (
    DURATION,
    NUMBER,
    SIZE,
    app_option,
    exclude_option,
    queue_option,
    split,
    url_option,
)
from conveyor.cli.store import url_by_source
from conveyor.worker.settings import QueueShare, WorkerSettings

_LEVELS = ("debug", "info", "warning", "error")


@click.command(
    cls=Command,
    examples=(
        "conveyor work --app shop.jobs:app --queue emails --queue default",
        "conveyor work --app shop.jobs:app emails:3 default:1 --processes 4",
        "conveyor work --app shop.jobs:app --queue high --queue '*' --exclude reports",
        "conveyor work --app shop.jobs:app --burst",
        "conveyor work --app shop.jobs:app --watch .",
    ),
    epilog=(
        "The first SIGTERM or Ctrl-C stops it in order: no new jobs, and --shutdown-timeout for the running ones, "
        "which are then handed back uncounted. The second stops it now."
    ),
)
@click.argument("queues", nargs=-1, metavar="[QUEUE[:WEIGHT]]...", callback=split)
@app_option(help="The application: the module, and the Conveyor in it.", required=True)
@url_option
@queue_option("Serve this queue, or * for all; may be given again. [default: all queues of the app's jobs, in turn]")
@exclude_option("Do not serve this queue; may be given again.")
@click.option("--processes", "-p", type=NUMBER, default=1, show_default=True, metavar="N", help="Worker processes.")
@click.option(
    "--threads",
    "-t",
    type=NUMBER,
    default=1,
    show_default=True,
    metavar="N",
    help="Ordinary jobs at a time in each process.",
)
@click.option(
    "--async-limit",
    "-c",
    type=NUMBER,
    default=100,
    show_default=True,
    metavar="N",
    help="Async jobs at a time in each process.",
)
@click.option(
    "--timeout",
    type=DURATION,
    metavar="TIME",
    help="How long a job may run that does not say so itself. [default: no limit]",
)
@click.option("--burst", "--stop-when-empty", "-b", "burst", is_flag=True, help="Stop when no job is ready any more.")
@click.option("--once", is_flag=True, help="Run one job and stop; stop at once when none is ready.")
@click.option("--max-jobs", type=NUMBER, metavar="N", help="Replace a process after it has run so many jobs.")
@click.option("--max-memory", type=SIZE, metavar="SIZE", help="Replace a process that takes more memory: 512M, 1G.")
@click.option("--max-time", type=DURATION, metavar="TIME", help="Replace a process that is older: 1h.")
@click.option(
    "--watch",
    "--reload",
    "watch",
    multiple=True,
    metavar="DIR",
    help="Replace the processes when a Python file below DIR changes; may be given again. For development.",
)
@click.option(
    "--shutdown-timeout",
    type=DURATION,
    default="30s",
    show_default=True,
    metavar="TIME",
    help="How long running jobs may take to finish when the worker is stopped.",
)
@click.option(
    "--lease",
    type=DURATION,
    default="30s",
    show_default=True,
    metavar="TIME",
    help="How long after its machine has died a worker's jobs are given to others.",
)
@click.option(
    "--health-port",
    type=int,
    metavar="PORT",
    help="Answer probes at this port: /live, /ready, and / in JSON; 0 takes a free one. [default: none]",
)
@click.option(
    "--health-host",
    default="127.0.0.1",
    show_default=True,
    metavar="HOST",
    help="The address to answer probes at.",
)
@click.option("--name", metavar="NAME", help="What to call this worker. [default: host, process id and chance]")
@click.option(
    "--log-level",
    type=click.Choice(_LEVELS, case_sensitive=False),
    default="info",
    show_default=True,
    help="How much to log.",
)
@click.option("--log-json", is_flag=True, help="Log lines of JSON, for machines.")
@click.option("--log-args", is_flag=True, help="Let log lines about jobs show their arguments.")
@click.pass_context
def work(
    ctx: click.Context,
    queues: tuple[str, ...],
    app: str,
    url: str | None,
    queue: tuple[str, ...],
    processes: int,
    threads: int,
    async_limit: int,
    timeout: float | None,
    exclude: tuple[str, ...],
    max_jobs: int | None,
    max_memory: int | None,
    max_time: float | None,
    watch: tuple[str, ...],
    shutdown_timeout: float,
    lease: float,
    health_port: int | None,
    health_host: str,
    name: str | None,
    log_level: str,
    *,
    log_json: bool,
    log_args: bool,
    burst: bool,
    once: bool,
) -> None:
    """Run the jobs of an application until told to stop.

    Queues are served in the order given; with weights (emails:3 default:1) they share the worker in that proportion.
    Several may stand between commas. * stands for all that are not named, those to come too.
    """
    settings = WorkerSettings(
        app=app,
        # One from the environment or conveyor.toml is left to the app, which reads them too: the worker must claim
        # from the store that the app's other programs push to.
        url=url_by_source(url)[0],
        queues=tuple(QueueShare.parse(text) for text in dict.fromkeys(queues + queue)),
        exclude=exclude,
        processes=processes,
        threads=threads,
        async_limit=async_limit,
        timeout=timeout,
        burst=burst,
        once=once,
        max_jobs=max_jobs,
        max_memory=max_memory,
        max_time=max_time,
        watch=watch,
        shutdown_timeout=shutdown_timeout,
        lease=lease,
        health_port=health_port,
        health_host=health_host,
        log_json=log_json,
        log_args=log_args,
        name=name,
    )
    from conveyor.worker import logs
    from conveyor.worker.supervisor import run_worker

    logs.configure(logging.getLevelNamesMapping()[log_level.upper()], as_json=log_json)
    ctx.exit(run_worker(settings))
