"""`conveyor retry`: dead letters back to their queues."""

from __future__ import annotations

import click
import msgspec

from conveyor.cli.arguments import read_object
from conveyor.cli.command import Command
from conveyor.cli.options import (
    IDENTITY,
    json_option,
    letters_options,
    limit_option,
    store_options,
)
from conveyor.cli.output import put_json, say
from conveyor.cli.store import Target
from conveyor.cli.words import count
from conveyor.records import JobId
from conveyor.selection import Which


@click.command(
    cls=Command,
    examples=(
        "conveyor retry --queue emails --limit 50",
        "conveyor retry --error SMTPServerDisconnected --dry-run",
        "conveyor retry --all --rate 20",
        'conveyor retry 01890a5d-ac96-774b-bcce-b302099a8057 --edit \'{"address": "ada@example.org"}\'',
    ),
    epilog=(
        "Jobs keep their errors, and begin again with all their attempts. If your app sets its own aging, name the "
        "app, so that they are put in its order."
    ),
)
@click.argument("ids", nargs=-1, type=IDENTITY, metavar="[ID]...")
@click.option("--all", is_flag=True, help="All dead letters of the store.")
@letters_options
@limit_option(None, "At most so many, oldest first.")
@click.option("--rate", type=float, metavar="N", help="Let only so many a second become ready. [default: all at once]")
@click.option("--edit", metavar="JSON", help="Arguments to change on the way, by name; the app checks them.")
@click.option("--dry-run", is_flag=True, help="Say how many there are, and bring none back.")
@json_option
@store_options
@Target.opened
def retry(
    target: Target,
    ids: tuple[JobId, ...],
    limit: int | None,
    rate: float | None,
    edit: str | None,
    *,
    which: Which,
    all: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Bring dead letters back to their queues, to be run again.

    Name jobs by their ID, or choose them by queue, type, error and so on (all must hold), or take --all.
    """
    chosen = bool(which)
    if not ids and not chosen and not all:
        raise click.UsageError("Say which: an ID, --queue, --type, --error and so on, or --all.")
    if ids and (all or chosen):
        raise click.UsageError("An ID excludes --all and what chooses otherwise.")
    edits = None if edit is None else msgspec.json.decode(read_object(edit), type=dict[str, object])
    if edits is not None and target.app is None:
        raise click.UsageError("--edit is checked by the app; name it with --app.")
    letters = target.any_app().dead_letters
    named = set(ids)
    if ids:
        which["ids"] = tuple(named)
    number = letters.retry_all(limit=limit, rate=rate, edit=edits, dry_run=dry_run, **which)
    if json:
        put_json({"would_retry" if dry_run else "retried": number})
    elif dry_run:
        say(f"{count(number, 'job')} would be brought back.")
    else:
        say(f"{count(number, 'job')} brought back." if number else "No dead letter matches; nothing was changed.")
    # Jobs that were named and did not come back are trouble; a filter that finds nothing is not.
    if number < len(named) and (limit is None or number < limit):
        if not json and number:
            say(f"{count(len(named) - number, 'named job')} not among the dead letters (see: conveyor show ID).")
        raise click.exceptions.Exit(1)
