"""`conveyor cleanup`: old records deleted."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.options import DURATION, json_option, limit_option, queue_option, store_options, yes_option
from conveyor.cli.output import confirm, put_json, say
from conveyor.cli.search import DEAD, number_found, queue_names
from conveyor.cli.store import Target
from conveyor.cli.words import count, span
from conveyor.records import Filter, JobStatus
from conveyor.times import SECOND, system_clock

_HISTORY = (JobStatus.COMPLETED, JobStatus.CANCELLED)


@click.command(
    cls=Command,
    examples=(
        "conveyor cleanup --older-than 7d --dry-run",
        "conveyor cleanup --older-than 30d --failed --yes",
    ),
    epilog=(
        "Workers delete history after 7 days and dead letters after 90 by themselves, unless the app says otherwise; "
        "this is for cleaning up sooner."
    ),
)
@click.option(
    "--older-than",
    type=DURATION,
    required=True,
    metavar="AGE",
    help="Those that ended longer ago than this: 12h, 7d, 2w.",
)
@click.option("--failed", is_flag=True, help="Delete dead letters too.")
@queue_option("Only of this queue; may be given again.")
@limit_option(None, "At most so many, oldest first.")
@click.option("--dry-run", is_flag=True, help="Say how many there are, and delete none.")
@yes_option
@json_option
@store_options
@Target.opened
def cleanup(
    target: Target,
    older_than: float,
    queue: tuple[str, ...],
    limit: int | None,
    *,
    failed: bool,
    dry_run: bool,
    yes: bool,
    json: bool,
) -> None:
    """Delete the records of jobs that ended long ago: completed and cancelled ones.

    Dead letters are kept unless --failed is given. Jobs still to be done are never touched.
    """
    where = Filter(
        queues=queue_names(queue),
        statuses=_HISTORY + (DEAD if failed else ()),
        before=system_clock() - round(older_than * SECOND),
    )
    if yes and not dry_run:
        _delete(target, where, limit, json=json)
        return
    noun = "record" if failed else "record of completed and cancelled jobs"
    plural = "records, dead letters among them," if failed else "records of completed and cancelled jobs"
    number, told = number_found(target.driver, where)
    if limit is not None and number > limit:
        number, told = limit, f"{limit:,}"
    phrase = f"{told} {noun if number == 1 else plural} older than {span(older_than)}"
    if not dry_run:
        if number:
            confirm(f"Delete {phrase}?", yes=yes)
        _delete(target, where, limit, json=json)
    elif json:
        put_json({"would_delete": number})
    else:
        say(f"Would delete {phrase}.")


def _delete(target: Target, where: Filter, limit: int | None, *, json: bool) -> None:
    deleted = target.driver.forget(where, limit=limit)
    if json:
        put_json({"deleted": deleted})
    else:
        say(f"{count(deleted, 'record')} deleted.")
