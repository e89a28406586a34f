"""`conveyor show`: one job, all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import click
import msgspec

from conveyor.cli.command import Command
from conveyor.cli.documents import job_document, parsed
from conveyor.cli.jobs import STYLES, priority_name
from conveyor.cli.options import IDENTITY, json_option, store_options
from conveyor.cli.output import clean, on_terminal, put_json, say
from conveyor.cli.progress_figures import progress_figures
from conveyor.cli.store import Target
from conveyor.cli.timeline import timeline
from conveyor.cli.words import age, relative, short_type, size, span, when
from conveyor.errors import JobNotFound
from conveyor.metrics import job_figures
from conveyor.records import Failure, JobId, JobStatus, Progress, StoredJob
from conveyor.times import system_clock


@click.command(
    cls=Command,
    examples=("conveyor show 01890a5d-ac96-774b-bcce-b302099a8057 --traceback",),
)
@click.argument("id", type=IDENTITY)
@click.option("--traceback", is_flag=True, help="Show the traceback of every attempt.")
@json_option
@store_options
@Target.opened
def show(target: Target, id: JobId, *, traceback: bool, json: bool) -> None:
    """Show everything about the job with this ID: times, arguments, result, and each attempt's error.

    Arguments that a codec has signed, encrypted or compressed are shown as they are stored.
    """
    (job,) = target.driver.get([id])
    if job is None:
        _show_kept(target, id, json=json)
        return
    (progress,) = target.driver.read_progress([id])
    if json:
        put_json(job_document(job, progress))
        return
    _head(job)
    for label, text in _lines(job, progress, system_clock()):
        click.echo(f"{label + ':':<11} {text}")
    _block("arguments", job.payload)
    if job.result is not None:
        _block("result", job.result)
    if job.options:
        _block("options", job.options)
    _timeline(job)
    for failure in job.errors:
        _failure(failure, traceback=traceback)
    if any(failure.traceback for failure in job.errors) and not traceback:
        say("\nSee the tracebacks with --traceback.")
    if job.status.is_failure:
        say(f"Run it again with: conveyor retry {job.id}")


def _show_kept(target: Target, id: JobId, *, json: bool) -> None:
    """A job that the store does not keep any more, and the app's history may."""
    from conveyor.cli.history import histories, show_jobs

    for kept in histories(target.app) if target.app is not None else ():
        with suppress(JobNotFound):
            show_jobs(kept, [id], json=json)
            return
    raise JobNotFound(id)


def _head(job: StoredJob) -> None:
    status = job.status.value
    if on_terminal():
        status = click.style(status, fg=_click_colour(job.status), bold=True)
    click.echo(
        f"{clean(job.type)}  {status}{f' ({job.reason})' if job.reason and job.reason != job.status.value else ''}"
    )


def _click_colour(status: JobStatus) -> str | None:
    colour = STYLES.get(status)
    return None if colour in (None, "dim") else colour


def _lines(job: StoredJob, progress: Progress | None, now: int) -> Iterator[tuple[str, str]]:
    yield "id", str(job.id)
    yield "queue", clean(job.queue)
    yield "priority", priority_name(job.priority)
    yield "attempts", f"{job.attempt} ({job.failures} failed, {job.crashes} of at most {job.max_crashes} crashed)"
    for label, at in (
        ("pushed", job.pushed_at),
        ("due", job.due_at if job.status.is_active else None),
        ("expires", job.expires_at if job.status.is_active else None),
        ("started", job.started_at),
        ("ended", job.finished_at),
        ("leased", job.lease_until),
    ):
        if at is not None:
            yield label, f"{when(at)} ({relative(at, now)})"
    yield from _effort(job)
    if job.worker:
        yield "worker", clean(job.worker)
    if job.unique:
        yield "unique", clean(job.unique)
    if job.cancel_requested:
        yield "cancel", "asked for; its worker has yet to stop it"
    if job.held:
        yield "held", "until a worker knows its type"
    if job.note:
        yield "note", clean(job.note)
    if progress is not None:
        figures = progress_figures(progress, is_running=job.status is JobStatus.PROCESSING)
        yield "progress", f"{figures}  ({relative(progress.updated_at, now)})"


def _effort(job: StoredJob) -> Iterator[tuple[str, str]]:
    figures = job_figures(job)
    if figures.wait_time is not None:
        yield "waited", span(figures.wait_time)
    if figures.execution_time is not None:
        yield "took", span(figures.execution_time)
    if job.memory is not None:
        before, after, peak = size(job.memory.before), size(job.memory.after), size(job.memory.peak)
        yield "memory", f"{before} before, {after} after, {peak} at its peak"


def _block(label: str, text: str) -> None:
    is_json = not isinstance(parsed(text), str)
    brief = clean(msgspec.json.format(text, indent=0) if is_json else text)
    if len(brief) <= 100 and "\n" not in brief:  # noqa: PLR2004 - what fits beside the label
        click.echo(f"{label + ':':<11} {brief}")
        return
    click.echo(f"{label}: ({size(len(text.encode()))})")
    for line in clean(msgspec.json.format(text, indent=2) if is_json else text).splitlines():
        click.echo(f"  {line}")


def _timeline(job: StoredJob) -> None:
    events = timeline(job)
    # Of a job that only waits, the lines above say all.
    if len(events) == 1:
        return
    click.echo("timeline:")
    for at, event in events:
        click.echo(f"  {when(at)}  {clean(event)}")


def _failure(failure: Failure, *, traceback: bool) -> None:
    took = ""
    if failure.started_at and failure.ended_at:
        took = f" after {age(failure.started_at, failure.ended_at)}"
    at = f" at {when(failure.ended_at)}" if failure.ended_at else ""
    worker = f" on {clean(failure.worker)}" if failure.worker else ""
    click.echo(f"\nattempt {failure.attempt} {failure.reason.value.replace('_', ' ')}{at}{took}{worker}")
    error = f"{short_type(failure.error_type)}: {failure.message}" if failure.error_type else failure.message
    for line in clean(error).splitlines():
        click.echo(f"  {line}")
    if traceback and failure.traceback:
        for line in clean(failure.traceback).splitlines():
            click.echo(f"  | {line}")
