"""`conveyor push`: one job from the command line."""

from __future__ import annotations

from typing import Final

import click
import msgspec

from conveyor.cli.arguments import checked, read_object
from conveyor.cli.command import Command
from conveyor.cli.options import DURATION, IDENTITY, app_option, json_option, url_option
from conveyor.cli.output import put, put_json, say
from conveyor.cli.store import Target
from conveyor.ids import new_id
from conveyor.payload import PAYLOAD_LIMIT, Delivery, check_size, check_type_name
from conveyor.priority import Priority
from conveyor.records import JobId, NewJob

_QUEUE: Final = "default"


@click.command(
    cls=Command,
    examples=(
        'conveyor push email.welcome \'{"user_id": 7, "email": "ada@example.org"}\' --priority high',
        "conveyor push report.build --delay 5m",
        'echo \'{"day": "2026-11-24"}\' | conveyor push report.build - --unique daily-report',
    ),
    epilog=(
        "If an active job in the queue has the same --unique key, or if the --id is taken, nothing is pushed "
        "and the id of the job that is there is printed."
    ),
)
@click.argument("type")
@click.argument("arguments", default="{}", metavar="[JSON]")
@click.option("--queue", "-q", metavar="QUEUE", help="Its queue. [default: as the app registers it, else default]")
@click.option(
    "--priority",
    "-p",
    type=click.Choice([level.name.lower() for level in Priority], case_sensitive=False),
    help="How urgent it is. [default: as the app registers it, else normal]",
)
@click.option("--delay", "-d", type=DURATION, metavar="TIME", help="Run it no earlier than this from now: 30s, 5m.")
@click.option("--expires", type=DURATION, metavar="TIME", help="Do not run it if it has not begun by then.")
@click.option("--unique", metavar="KEY", help="Push nothing while a job with this key is active in the queue.")
@click.option("--id", type=IDENTITY, metavar="ID", help="Its id; pushing the same id again changes nothing.")
@json_option
@app_option(help="Check the arguments against this application's job, and take its queue and priority.")
@url_option
@Target.opened
def push(
    target: Target,
    type: str,
    arguments: str,
    queue: str | None,
    priority: str | None,
    delay: float | None,
    expires: float | None,
    unique: str | None,
    id: JobId | None,
    *,
    json: bool,
) -> None:
    """Push a job of TYPE and print its id.

    JSON is an object of its arguments by parameter name, or - to read it from stdin. With --app they are checked
    against the job's signature; without, they are stored as given, and a worker checks them when it runs the job.
    """
    delivery = Delivery(queue=queue, priority=priority, delay=delay, expires=expires, unique=unique, id=id)
    text = read_object(arguments)
    target.prefer_app(create=True)
    if target.app is not None:
        new = checked(target.app, type, text, delivery, in_vain="nothing was pushed")
    else:
        new = _unchecked(type, text, delivery)
        say("Stored as given: without --app, the arguments are checked when a worker runs the job.")
    is_known = id is not None and target.driver.get([id]) != [None]
    hooks = None if target.app is None else target.app.hooks
    if hooks is not None:
        (new,) = hooks.before_push((new,))
    (stored,) = target.driver.push([new])
    if hooks is not None:
        hooks.after_push((new,), (stored,))
    if json:
        put_json({"id": str(stored), "pushed": stored == new.id and not is_known})
        return
    put(str(stored))
    if is_known:
        say("Not pushed: a job with this --id is kept already.")
    elif stored != new.id:
        whose = "this --unique key" if unique is not None else "the same unique key, as its job type asks for"
        say(f"Not pushed: an active job of that queue has {whose}. This is its id.")


def _unchecked(type: str, text: str, delivery: Delivery) -> NewJob:
    """The job with its arguments as they are, for a worker that knows the type."""
    payload = check_size(msgspec.json.format(text, indent=-1), check_type_name(type), PAYLOAD_LIMIT)
    return NewJob(
        id=delivery.id or new_id(),
        queue=delivery.queue or _QUEUE,
        type=type,
        payload=payload,
        priority=delivery.priority or Priority.NORMAL,
        delay=delivery.delay or 0.0,
        expires=delivery.expires if isinstance(delivery.expires, float) else None,
        unique=delivery.unique if isinstance(delivery.unique, str) else None,
    )
