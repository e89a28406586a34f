"""`conveyor cancel`: jobs that are no longer wanted."""

from __future__ import annotations

from typing import Final

import click

from conveyor.cli.command import Command
from conveyor.cli.options import IDENTITY, json_option, store_options
from conveyor.cli.output import put_json, say
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.records import CancelAnswer, JobId

_MEANING: Final = {
    CancelAnswer.CANCELLED: "it will not run",
    CancelAnswer.REQUESTED: "it is running; its worker was asked to stop it",
    CancelAnswer.TOO_LATE: "it had ended already",
    CancelAnswer.UNKNOWN: "no such job is kept",
}


@click.command(
    cls=Command,
    examples=(
        "conveyor cancel 01890a5d-ac96-774b-bcce-b302099a8057",
        "conveyor jobs --queue emails --status pending --json | jq -r .[].id | xargs conveyor cancel",
    ),
)
@click.argument("ids", nargs=-1, required=True, type=IDENTITY, metavar="ID...")
@json_option
@store_options
@Target.opened
def cancel(target: Target, ids: tuple[JobId, ...], *, json: bool) -> None:
    """Cancel jobs by their ID, and say for each what became of it.

    A waiting job will not run. A running one is stopped by its worker within a second or two; if it fails before, it is
    not retried. Exits with 1 if one of them had ended already, or is not kept.
    """
    answers = target.driver.cancel(ids)
    if json:
        put_json([{"id": str(id), "answer": answer.value} for id, answer in zip(ids, answers, strict=True)])
    else:
        table = Table((Column("id", "id"), Column("answer"), Column("meaning", "words")))
        for id, answer in zip(ids, answers, strict=True):
            table.add(id, answer.value, _MEANING[answer])
        show(table)
    missed = sum(answer in (CancelAnswer.TOO_LATE, CancelAnswer.UNKNOWN) for answer in answers)
    if missed:
        say(f"{missed} of {len(ids)} could not be cancelled.")
        raise click.exceptions.Exit(1)
