"""`conveyor forget`: dead letters deleted."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.options import (
    IDENTITY,
    json_option,
    letters_options,
    limit_option,
    store_options,
    yes_option,
)
from conveyor.cli.output import confirm, put_json, say
from conveyor.cli.store import Target
from conveyor.cli.words import count
from conveyor.records import JobId
from conveyor.selection import Which


@click.command(
    cls=Command,
    examples=(
        "conveyor forget 01890a5d-ac96-774b-bcce-b302099a8057 --yes",
        "conveyor forget --queue emails --error 'no such user'",
    ),
    epilog='To delete all dead letters of a queue, use "conveyor clear QUEUE --failed"; old ones, "conveyor cleanup".',
)
@click.argument("ids", nargs=-1, type=IDENTITY, metavar="[ID]...")
@letters_options
@limit_option(None, "At most so many, oldest first.")
@yes_option
@json_option
@store_options
@Target.opened
def forget(
    target: Target,
    ids: tuple[JobId, ...],
    limit: int | None,
    *,
    which: Which,
    yes: bool,
    json: bool,
) -> None:
    """Delete dead letters, with their errors. There is no way back.

    Name jobs by their ID, or choose them by queue, type, error and so on (all must hold).
    """
    chosen = bool(which)
    if bool(ids) == chosen:
        raise click.UsageError("Say which: either an ID, or --queue, --type, --error and so on.")
    if ids:
        which["ids"] = tuple(set(ids))
    letters = target.any_app().dead_letters
    if not yes:
        number = letters.statistics(**which).count
        number = number if limit is None else min(number, limit)
        if number:
            confirm(f"Delete {count(number, 'dead letter')}?", yes=False)
    deleted = letters.forget_all(limit=limit, **which)
    if json:
        put_json({"forgotten": deleted})
    else:
        say(
            f"{count(deleted, 'dead letter')} forgotten." if deleted else "No dead letter matches; nothing was changed."
        )
    if deleted < len(set(ids)) and (limit is None or deleted < limit):
        raise click.exceptions.Exit(1)
