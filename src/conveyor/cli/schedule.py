"""`conveyor schedule`: what is pushed by the clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import click

from conveyor.cli.command import Command
from conveyor.cli.options import NUMBER, json_option, store_options
from conveyor.cli.output import put, put_json, say
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import relative, when
from conveyor.times import micros

if TYPE_CHECKING:
    from conveyor.schedules import Schedule, Schedules

_ON_ALL: Final = ("list", "next")
_ON_NAMED: Final = ("run", "pause", "resume", "remove")


@click.command(
    cls=Command,
    examples=(
        "conveyor schedule list --app shop.jobs:app",
        "conveyor schedule next nightly --count 5 --app shop.jobs:app",
        "conveyor schedule run nightly --app shop.jobs:app",
        "conveyor schedule pause nightly --app shop.jobs:app",
    ),
    epilog=(
        "Schedules that the code declares need --app; those that are kept in the store do not, and they alone can be "
        "removed. What would have come round during a pause is not made up for when it ends."
    ),
)
@click.argument("action", type=click.Choice([*_ON_ALL, *_ON_NAMED]), default="list", metavar="[ACTION]")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--count", "-n", type=NUMBER, default=1, metavar="N", show_default=True, help="How many moments next shows of each."
)
@json_option
@store_options
@Target.opened
def schedule(target: Target, action: str, names: tuple[str, ...], *, count: int, json: bool) -> None:
    """List schedules, or do ACTION with those of NAME: next, run, pause, resume or remove.

    "next" shows when they come round, "run" pushes their job once and prints its id.
    """
    if action in _ON_NAMED and not names:
        raise click.UsageError(f"Name the schedules to {action}; see them with conveyor schedule list.")
    app = target.any_app()
    schedules = app.schedules
    shown = [schedules.get(name) for name in names] if names else schedules.list()
    now = app.driver.schedules().now
    if action == "list":
        _list(shown, now, json=json)
    elif action == "next":
        _next(schedules, [each.name for each in shown], count, now, json=json)
    elif action == "run":
        ids = [str(schedules.run_now(name).id) for name in names]
        put_json(ids) if json else put("\n".join(ids))
    else:
        for name in names:
            getattr(schedules, action)(name)
            if not json:
                say(f"Schedule {name!r} is {_DONE[action]}.")
        if json:
            put_json([_document(each) for each in schedules.list() if each.name in names])


_DONE: Final = {"pause": "paused", "resume": "open", "remove": "removed"}


def _list(shown: Sequence[Schedule], now: int, *, json: bool) -> None:
    if json:
        put_json([_document(each) for each in shown])
        return
    if not shown:
        say("No schedule is stored here. Those that the code declares are shown with --app.")
        return
    table = Table(
        (
            Column("schedule", "name"),
            Column("type"),
            Column("queue", minor=True),
            Column("state"),
            Column("next", "words"),
            Column("zone", minor=True),
            Column("timing", "words"),
        )
    )
    for each in shown:
        coming = None if each.next_at is None else relative(micros(each.next_at, "next_at"), now)
        state = "paused" if each.is_paused else "open"
        table.add(each.name, each.job_type, each.queue, state, coming, each.timezone, each.timing)
    show(table)


def _next(schedules: Schedules, names: Sequence[str], count: int, now: int, *, json: bool) -> None:
    coming = {name: schedules.next(name, count) for name in names}
    if json:
        put_json({name: [_moment(at) for at in moments] for name, moments in coming.items()})
        return
    table = Table((Column("schedule", "name"), Column("at"), Column("in", "words")))
    for name, moments in coming.items():
        for at in moments:
            table.add(name, _moment(at), relative(micros(at, "next"), now).removeprefix("in "))
    show(table)


def _moment(at: datetime) -> str:
    return when(micros(at, "moment"))


def _document(each: Schedule) -> dict[str, Any]:
    return {
        "name": each.name,
        "timing": each.timing,
        "timezone": each.timezone,
        "type": each.job_type,
        "queue": each.queue,
        "jitter": each.jitter,
        "missed": each.missed.value,
        "overlap": each.overlap.value,
        "declared": each.is_declared,
        "paused": each.is_paused,
        "next_at": None if each.next_at is None else _moment(each.next_at),
        "handled_at": None if each.handled_at is None else _moment(each.handled_at),
    }
