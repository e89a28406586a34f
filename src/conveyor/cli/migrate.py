"""`conveyor migrate`: bring the store's tables up to date, or say how."""

from __future__ import annotations

from contextlib import closing

import click

from conveyor.cli.command import Command
from conveyor.cli.options import store_options
from conveyor.cli.output import put, say
from conveyor.cli.store import Target
from conveyor.drivers.open import open_schema


@click.command(
    cls=Command,
    examples=("conveyor migrate", "conveyor migrate --sql > conveyor.sql"),
    epilog=(
        "Programs and workers migrate by themselves when they open a store, unless its URL says ?migrate=false. It is "
        "done in one transaction: all of it or nothing, however many do it at once."
    ),
)
@click.option("--sql", is_flag=True, help="Print the statements, to be run by hand, and change nothing.")
@store_options
@Target.opened
def migrate(target: Target, *, sql: bool) -> None:
    """Bring the store's tables to the version of this conveyor; make them, if there are none.

    Only SQLite files and PostgreSQL schemas have versions. Upgrade programs and workers afterwards: older ones go on
    with the new tables, but do not open them again.
    """
    schema = open_schema(target.url)
    if schema is None:
        say("This store has no tables to migrate.")
        return
    with closing(schema):
        if sql and schema.version < schema.latest:
            put(schema.script())
            return
        before = schema.version if sql else schema.migrate()
        if before == schema.latest:
            say(f"{schema.place} has version {before}, the latest: nothing to do.")
        elif before:
            say(f"{schema.place} was brought from version {before} to version {schema.latest}.")
        else:
            say(f"{schema.place} was made, in version {schema.latest}.")
