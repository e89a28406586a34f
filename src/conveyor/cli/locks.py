"""`conveyor locks`: who holds what."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.options import json_option, store_options, yes_option
from conveyor.cli.output import confirm, put_json, say
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import span, when
from conveyor.job_lock import check_lock_name
from conveyor.times import SECOND


@click.command(
    cls=Command,
    examples=("conveyor locks", "conveyor locks --release report:7"),
    epilog=(
        "A lock is free by itself when its holder has died and its time is over. A holder whose lock is released here "
        "goes on until it looks, so first make sure that it is gone."
    ),
)
@click.option("--release", metavar="NAME", help="Take this lock from whoever holds it.")
@yes_option
@json_option
@store_options
@Target.opened
def locks(target: Target, release: str | None, *, yes: bool, json: bool) -> None:
    """List the locks that are held, and by whom: by programs with app.lock, and by jobs registered with lock=."""
    if release is not None:
        check_lock_name(release)
    held = target.driver.locks()
    now = target.driver.now()
    if release is not None:
        found = next((lock for lock in held if lock.name == release), None)
        if found is not None:
            confirm(f"Take the lock {release!r} from {found.owner}?", yes=yes)
        released = found is not None and target.driver.release_lock(found.name, found.owner)
        if json:
            put_json({"released": released})
        else:
            say(f"Lock {release!r} is free now." if released else f"Nobody holds the lock {release!r}.")
        if not released:
            raise click.exceptions.Exit(1)
        return
    if json:
        put_json(
            [
                {"name": lock.name, "owner": lock.owner, "fence": lock.fence, "expires_at": when(lock.expires_at)}
                for lock in held
            ]
        )
        return
    if not held:
        say("No lock is held.")
        return
    table = Table((Column("name", "name"), Column("fence", "number"), Column("lapses"), Column("owner", "words")))
    for lock in held:
        table.add(lock.name, lock.fence, span(max(0, lock.expires_at - now) / SECOND), lock.owner)
    show(table)
