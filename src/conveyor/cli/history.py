"""`conveyor history`: what became of jobs, and queues put back from it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from conveyor.cli.command import Command
from conveyor.cli.documents import parsed
from conveyor.cli.options import DURATION, IDENTITY, json_option, limit_option, queue_option, store_options, type_option
from conveyor.cli.output import clean, put, put_json, say
from conveyor.cli.search import queue_names
from conveyor.cli.store import Target
from conveyor.cli.table import Column, Table, show
from conveyor.cli.words import age, count, short_type, when
from conveyor.errors import ConfigError
from conveyor.records import JobId, JobStatus
from conveyor.times import system_clock

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.history import History, HistoryEntry, HistoryEvent

_ACTIONS: Final = ("list", "show", "statistics", "rebuild", "prune")


@click.command(
    cls=Command,
    examples=(
        "conveyor history --app shop.jobs:app --status failed --since 1d",
        "conveyor history show 01890a5d-ac96-774b-bcce-b302099a8057 --app shop.jobs:app",
        "conveyor history rebuild --app shop.jobs:app --queue billing",
        "conveyor history statistics --history postgresql://db.example/history",
    ),
    epilog=(
        '"rebuild" pushes again what the store has lost, and may be repeated: what the store still has stays as it is. '
        "Jobs that ran when it was lost run again. The history is the app's, unless --history names one."
    ),
)
@click.argument("action", type=click.Choice(_ACTIONS), default="list", metavar="[ACTION]")
@click.argument("ids", nargs=-1, type=IDENTITY, metavar="[ID]...")
@click.option("--history", metavar="URL", help="The history. [default: the app's]")
@queue_option("Only this queue; may be given again.")
@type_option("Only jobs of this type; may be given again.")
@click.option(
    "--status",
    "-s",
    multiple=True,
    type=click.Choice([status.value for status in JobStatus], case_sensitive=False),
    help="Only jobs in this status; may be given again.",
)
@click.option("--since", type=DURATION, metavar="AGE", help="Only those to which something happened within this time.")
@limit_option(50, "How many to list, newest first.")
@json_option
@store_options
@Target.opened
def history(
    target: Target,
    action: str,
    ids: tuple[JobId, ...],
    history: str | None,
    queue: tuple[str, ...],
    type: tuple[str, ...],
    status: tuple[str, ...],
    since: float | None,
    limit: int,
    *,
    json: bool,
) -> None:
    """List the jobs of a history, or do ACTION with it: show, statistics, rebuild or prune.

    "show" tells all that happened to the jobs with these IDs, "rebuild" puts back what the store has lost, "prune"
    deletes what is older than the history keeps.
    """
    if action == "show" and not ids:
        raise click.UsageError("Give the ids of the jobs to show; see them with conveyor history list.")
    if action != "show" and ids:
        raise click.UsageError(f"{action} takes no ids; did you mean: conveyor history show {ids[0]}")
    queues = queue_names(queue)
    with closing(_named(target, history)) as kept:
        if action == "list":
            found = kept.find(queue=queues, type=type, status=status, since=since, limit=limit)
            put_json([_document(entry) for entry in found]) if json else _list(found)
        elif action == "show":
            show_jobs(kept, ids, json=json)
        elif action == "statistics":
            _statistics(kept, queues, json=json)
        elif action == "rebuild":
            _rebuild(target, kept, queues, json=json)
        else:
            pruned = kept.prune()
            put_json({"pruned": pruned}) if json else say(f"{count(pruned, 'job')} deleted from the history.")


def _named(target: Target, url: str | None) -> History:
    """The history of `--history`, else the one that the app has.

    Raises:
        ConfigError: there is none, or more than one.
    """
    from conveyor.history import History

    if url is not None:
        return History(url)
    if target.app is None:
        raise ConfigError("no history is named; give --app with an application that has one, or --history with its URL")
    found = histories(target.app)
    if not found:
        raise ConfigError(
            f"{target.app_name} has no history; make one with PersistentQueue or History.record, or give --history"
        )
    if len(found) > 1:
        raise ConfigError(f"{target.app_name} has {len(found)} histories; name one of them with --history")
    return found[0]


def histories(app: Conveyor) -> list[History]:
    """Where the application records its jobs."""
    if not app.around_store:
        return []
    from conveyor.history.recording import Recording

    return [each.history for each in app.around_store if isinstance(each, Recording)]


def _list(found: Sequence[HistoryEntry]) -> None:
    if not found:
        say("No jobs match.")
        return
    now = system_clock()
    table = Table(
        (
            Column("id", "id"),
            Column("queue"),
            Column("type"),
            Column("status"),
            Column("attempt", "number", minor=True),
            Column("pushed"),
            Column("changed"),
            Column("remark", "words"),
        )
    )
    for entry in found:
        table.add(
            entry.id,
            entry.queue,
            entry.type,
            entry.status.value,
            entry.attempt,
            age(entry.pushed_at, now),
            age(entry.changed_at, now),
            entry.note or (entry.reason.value if entry.reason else ""),
        )
    show(table)


def show_jobs(kept: History, ids: Sequence[JobId], *, json: bool) -> None:
    """All that the history knows of these jobs.

    Raises:
        JobNotFound: it does not know one of them.
    """
    told = [(kept.get(id), kept.timeline(id)) for id in ids]
    if json:
        put_json([{**_document(entry), "timeline": [_event(event) for event in events]} for entry, events in told])
        return
    for entry, events in told:
        put(f"{clean(entry.type)}  {entry.status.value}  in {clean(entry.queue)}\nid:         {entry.id}")
        put(f"arguments:  {clean(entry.payload)}")
        if entry.result is not None:
            put(f"result:     {clean(entry.result)}")
        for event in events:
            put(f"  {when(event.at)}  {_words(event)}")


def _words(event: HistoryEvent) -> str:
    words = event.status.value
    if event.attempt:
        words += f", attempt {event.attempt}"
    if event.worker and event.status is JobStatus.PROCESSING:
        words += f" on {clean(event.worker)}"
    if event.failure is not None:
        error = f"{short_type(event.failure.error_type)}: " if event.failure.error_type else ""
        words += f": {clean(error + event.failure.message)}"
    return f"{words} ({clean(event.note)})" if event.note else words


def _statistics(kept: History, queues: tuple[str, ...], *, json: bool) -> None:
    counts = msgspec.to_builtins(kept.statistics(queues))
    if json:
        put_json(counts)
        return
    table = Table((Column("status"), Column("jobs", "number")))
    for status, number in counts.items():
        table.add(status, number)
    show(table)


def _rebuild(target: Target, kept: History, queues: tuple[str, ...], *, json: bool) -> None:
    if target.app is not None:
        # A file that was lost is made again.
        target.prefer_app(create=True)
    app = target.app or target.any_app()
    done = [kept.rebuild(app.queue(name)) for name in queues] or [kept.rebuild(app)]
    total = {name: sum(getattr(each, name) for each in done) for name in done[0].__struct_fields__}
    if json:
        put_json(total)
        return
    say(f"{count(total['put_back'], 'job')} put back, {total['running']:,} of them had begun.")
    if total["dead_letters"]:
        say(f"{count(total['dead_letters'], 'dead letter')} put back.")
    say(f"{count(total['kept'], 'job')} the store still had.")
    if total["caught_up"]:
        say(f"Of {count(total['caught_up'], 'job')} the store knew more than the history, which knows it now.")
    if total["replaced"]:
        say(f"For {count(total['replaced'], 'job')} another one stands.")


def _document(entry: HistoryEntry) -> dict[str, Any]:
    return {
        "id": str(entry.id),
        "queue": entry.queue,
        "type": entry.type,
        "status": entry.status.value,
        "reason": entry.reason.value if entry.reason else None,
        "note": entry.note,
        "priority": entry.priority,
        "attempt": entry.attempt,
        "failures": entry.failures,
        "crashes": entry.crashes,
        "pushed_at": when(entry.pushed_at),
        "due_at": when(entry.due_at),
        "expires_at": None if entry.expires_at is None else when(entry.expires_at),
        "changed_at": when(entry.changed_at),
        "worker": entry.worker,
        "unique": entry.unique,
        "arguments": parsed(entry.payload),
        "options": parsed(entry.options) if entry.options else {},
        "result": None if entry.result is None else parsed(entry.result),
    }


def _event(event: HistoryEvent) -> dict[str, Any]:
    failure = event.failure
    return {
        "at": when(event.at),
        "status": event.status.value,
        "attempt": event.attempt,
        "worker": event.worker,
        "due_at": None if event.due_at is None else when(event.due_at),
        "note": event.note,
        "error": None
        if failure is None
        else {
            "reason": failure.reason.value,
            "error_type": failure.error_type,
            "message": failure.message,
            "traceback": failure.traceback,
        },
    }
