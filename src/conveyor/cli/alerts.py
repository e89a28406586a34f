"""`conveyor alerts`: which rules there are, how they stand, and whether those who are told can be reached."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click
import msgspec

from conveyor.cli.command import Command
from conveyor.cli.options import json_option, store_options
from conveyor.cli.output import put_json, say
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import age, count, when
from conveyor.errors import ConfigError

if TYPE_CHECKING:
    from conveyor.alerts.alerts import Alerts, AlertStatus


@click.command(
    cls=Command,
    examples=(
        "conveyor alerts --app shop.jobs:app",
        "conveyor alerts --test mail-backlog --app shop.jobs:app",
        "conveyor alerts --look --app shop.jobs:app --json",
    ),
    epilog=(
        "Workers look every 30 s, one at a time. No worker can tell that none is left: let a cron job elsewhere "
        'run "conveyor alerts --look", or "conveyor health".'
    ),
)
@click.option("--test", metavar="NAME", help="Send a test to those who are told of this alert.")
@click.option("--look", is_flag=True, help="Look now, and tell what has changed, as a worker does.")
@json_option
@store_options
@Target.opened
def alerts(target: Target, test: str | None, *, look: bool, json: bool) -> None:
    """List alerts: what they are about, whether they fire, and since when.

    Exits with 1 if one fires, or if a test was not taken. Without --app, those are listed that workers have looked at.
    """
    if test is not None and look:
        raise click.UsageError("--test and --look do different things; give one of them.")
    if (test is not None or look) and target.app is None:
        raise ConfigError("the alerts and who is told of them stand in the code; name the application with --app")
    found = target.any_app().alerts
    if target.app_name is None:
        # The application that stands in for one has no say in what is looked at.
        found.clear()
    if test is not None:
        _test(found, test, json=json)
    else:
        _list(found.look() if look else found.list(), target.driver.now(), json=json)


def _test(found: Alerts, name: str, *, json: bool) -> None:
    answers = found.test(name)
    failed = [answer for answer in answers if answer.error]
    if json:
        put_json([{"sink": answer.sink, "error": answer.error or None} for answer in answers])
    else:
        for answer in answers:
            say(f"{answer.sink}: {answer.error or 'taken'}.")
        if not answers:
            say(f"Nobody is told of {name!r}.")
    if failed:
        raise click.exceptions.Exit(1)


def _list(found: Sequence[AlertStatus], now: int, *, json: bool) -> None:
    if json:
        put_json([_document(each) for each in found])
    elif found:
        _show(found, now)
        for each in found:
            _explain(each)
    else:
        say("No worker has looked at any alert here. Those that the code has are shown with --app.")
    if any(each.state == "firing" for each in found):
        raise click.exceptions.Exit(1)


def _show(found: Sequence[AlertStatus], now: int) -> None:
    table = Table(
        (
            Column("alert", "name"),
            Column("severity"),
            Column("state"),
            Column("since"),
            Column("looked", minor=True),
            Column("about", "words"),
            Column("condition", "words"),
        )
    )
    for each in found:
        since = min((subject.fired_at or subject.since for subject in each.subjects), default=None)
        table.add(
            each.name,
            each.severity.value,
            each.state,
            None if since is None else age(since, now),
            None if each.looked_at is None else age(each.looked_at, now),
            ",".join(subject.subject for subject in each.subjects),
            each.condition,
            style="red" if each.state == "firing" else "yellow" if each.state == "pending" else "",
        )
    show(table)


def _explain(each: AlertStatus) -> None:
    if each.problem:
        say(f"Problem: {each.problem}.")
    if each.error:
        say(f"{count(each.untold, 'alert')} of {each.name!r} could not be told yet: {each.error}.")


def _document(each: AlertStatus) -> dict[str, Any]:
    return {
        **msgspec.to_builtins(each),
        "error": each.error or None,
        "problem": each.problem or None,
        "looked_at": None if each.looked_at is None else when(each.looked_at),
        "subjects": [
            {
                "subject": subject.subject,
                "value": subject.value,
                "since": when(subject.since),
                "fired_at": None if subject.fired_at is None else when(subject.fired_at),
            }
            for subject in each.subjects
        ],
    }
