"""`conveyor run`: one job, here and now."""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import ExitStack, redirect_stdout

import click

from conveyor.arguments import dump_value
from conveyor.cli.arguments import checked, read_object
from conveyor.cli.command import Command
from conveyor.cli.options import DURATION, app_option, url_option
from conveyor.cli.output import clean, one_line, put, say
from conveyor.cli.store import Target
from conveyor.cli.words import count
from conveyor.errors import ConfigError, PayloadError
from conveyor.payload import Delivery
from conveyor.records import NewJob
from conveyor.signals import Cancel, Retry, Snooze


@click.command(
    cls=Command,
    examples=(
        'conveyor run email.welcome \'{"user_id": 7, "email": "ada@example.org"}\' --app shop.jobs:app',
        "conveyor run report.build --timeout 30s",
        "conveyor run report.build - --push < arguments.json",
    ),
    epilog=(
        "Nothing is stored, and no store need be there: the job's progress goes to the log, and what it pushes with "
        "current_job().push is listed. What it pushes in other ways is pushed."
    ),
)
@click.argument("type")
@click.argument("arguments", default="{}", metavar="[JSON]")
@click.option("--timeout", type=DURATION, metavar="TIME", help="Stop it after this time. [default: no limit]")
@click.option("--push", is_flag=True, help="Push its follow-ups when it has completed, as a worker would.")
@app_option(help="The application: the module, and the Conveyor in it. [required]")
@url_option
@Target.opened
def run(target: Target, type: str, arguments: str, timeout: float | None, *, push: bool) -> None:
    """Run a job of TYPE in this process, at once, and print its result as JSON.

    JSON is an object of its arguments by parameter name, or - to read it from stdin. They are checked as a push would.
    current_job() works, and is at its first attempt. Exits with 1 if the job raises, with the whole traceback.
    """
    app = target.app
    if app is None:
        raise ConfigError(f"no app named, so nobody knows what {type!r} is; name it with --app, such as shop.jobs:app")
    if timeout == 0:
        raise ConfigError("timeout is 0; give more than 0 seconds, or leave it out for no limit")
    new = checked(app, type, read_object(arguments), Delivery(), in_vain="nothing was run")
    # Only now: they load what workers need.
    from conveyor.worker import foreground, logs

    logs.configure(logging.INFO)
    with ExitStack() as stack:
        if not sys.stdout.isatty():
            # What the job prints is none of our data; on a terminal, a debugger wants it as it is.
            stack.enter_context(redirect_stdout(sys.stderr))
        ended = foreground.run(app, app.job_types[type], new, timeout)
    if ended.error is not None:
        _show(ended.error, ended.took)
        if ended.follow_ups:
            say(f"{count(len(ended.follow_ups), 'follow-up')} that it pushed will not be: it did not complete.")
        raise click.exceptions.Exit(1)
    try:
        put(dump_value(ended.value))
    except PayloadError as error:
        say(f"A worker could not keep its result: {error}")
    say(f"Completed in {ended.took:.3f} s.")
    _follow_up(target, ended.follow_ups, push=push)


def _show(error: BaseException, took: float) -> None:
    """What a job raised. Where it only steers, that is no trouble, and has no traceback worth reading."""
    match error:
        case Snooze(after=after):
            say(f"Asked to run again in {after:g} s (Snooze), after {took:.3f} s.")
        case Cancel():
            say(f"Cancelled itself after {took:.3f} s{error.reason and f': {one_line(error.reason)}'}.")
        case _:
            say(clean("".join(traceback.format_exception(error)).rstrip()))
            again = ""
            if isinstance(error, Retry) and error.after is not None:
                again = f", and asked to be tried again in {error.after:g} s"
            say(f"Failed after {took:.3f} s{again}.")


def _follow_up(target: Target, jobs: tuple[NewJob, ...], *, push: bool) -> None:
    if not jobs:
        return
    if push and target.app is not None:
        hooks = target.app.hooks
        ids = target.app.driver.push(jobs)
        if hooks is not None:
            hooks.after_push(jobs, ids)
    say(f"{count(len(jobs), 'follow-up')}{' pushed' if push else ', not pushed (--push does)'}:")
    for job in jobs:
        say(f"  {job.type} {job.id} to queue {job.queue}: {one_line(job.payload[:200])}")
