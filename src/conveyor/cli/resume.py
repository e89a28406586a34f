"""`conveyor resume`: the end of a pause."""

from __future__ import annotations

import click

from conveyor.cli.command import Command
from conveyor.cli.options import json_option, split, store_options
from conveyor.cli.pause import report_pause
from conveyor.cli.store import Target
from conveyor.payload import check_queue_name


@click.command(
    cls=Command,
    examples=("conveyor resume emails",),
)
@click.argument("queues", nargs=-1, required=True, metavar="QUEUE...", callback=split)
@json_option
@store_options
@Target.opened
def resume(target: Target, queues: tuple[str, ...], *, json: bool) -> None:
    """End the pause of QUEUE, and wake the workers that wait for it.

    Resuming an open queue changes nothing.
    """
    names = tuple(check_queue_name(name) for name in queues)
    for name in names:
        target.driver.resume(name)
    report_pause(target, names, json=json)
