"""`conveyor retry`: dead letters back to their queues."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.options import IDENTITY, json_option, limit_option, queue_option, store_options, type_option
from conveyor.cli.output import put_json, say
from conveyor.cli.search import DEAD, queue_names
from conveyor.cli.store import Target
from conveyor.cli.words import count
from conveyor.records import Filter, JobId


@click.command(
    cls=Command,
    examples=(
        "conveyor retry --queue emails --limit 50",
        "conveyor retry --error SMTPServerDisconnected",
        "conveyor retry 01890a5d-ac96-774b-bcce-b302099a8057",
    ),
    epilog=(
        "Jobs keep their errors, and begin again with all their attempts. If your app sets its own aging, name the "
        "app, so that they are put in its order."
    ),
)
@click.argument("ids", nargs=-1, type=IDENTITY, metavar="[ID]...")
@click.option("--all", is_flag=True, help="All dead letters of the store.")
@queue_option("The dead letters of this queue; may be given again.")
@type_option("Those of this type; may be given again.")
@click.option(
    "--error", "-e", default="", metavar="TEXT", help="Those whose last error has TEXT in its type or message."
)
@limit_option(None, "At most so many, oldest first.")
@json_option
@store_options
@Target.opened
def retry(
    target: Target,
    ids: tuple[JobId, ...],
    queue: tuple[str, ...],
    type: tuple[str, ...],
    error: str,
    limit: int | None,
    *,
    all: bool,
    json: bool,
) -> None:
    """Bring dead letters back to their queues, to be run again.

    Name jobs by their ID, or choose them by queue, type and error (all must hold), or take --all.
    """
    where = Filter(ids=ids, queues=queue_names(queue), types=type, statuses=DEAD, error=error)
    if where == Filter(statuses=DEAD) and not all:
        raise click.UsageError("Say which: an ID, --queue, --type, --error, or --all.")
    if all and ids:
        raise click.UsageError("--all and an ID exclude each other.")
    target.prefer_app()
    number = target.driver.redrive(where, limit=limit)
    if json:
        put_json({"retried": number})
    else:
        say(f"{count(number, 'job')} brought back." if number else "No dead letter matches; nothing was changed.")
    # Jobs that were named and did not come back are trouble; a filter that finds nothing is not.
    if number < len(set(ids)) and (limit is None or number < limit):
        if not json and number:
            say(f"{count(len(set(ids)) - number, 'named job')} not among the dead letters (see: conveyor show ID).")
        raise click.exceptions.Exit(1)
