"""`conveyor progress`: how far jobs are, until they end."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import progress_document
from conveyor.cli.options import IDENTITY, json_option, store_options
from conveyor.cli.output import on_terminal, put, put_json
from conveyor.cli.progress_figures import progress_figures
from conveyor.cli.store import Target
from conveyor.drivers.base import Driver
from conveyor.errors import JobNotFound
from conveyor.records import JobId, JobStatus, Progress, StoredJob

_PAUSE: Final = 0.25


class _Look(NamedTuple):
    """A job at one moment."""

    job: StoredJob
    progress: Progress | None

    @property
    def figures(self) -> str:
        """How far it is, in one line; empty when it never said."""
        if self.progress is None:
            return ""
        return progress_figures(self.progress, is_running=self.job.status is JobStatus.PROCESSING)


@click.command(
    cls=Command,
    examples=(
        "conveyor progress 01890a5d-ac96-774b-bcce-b302099a8057",
        "conveyor jobs --status processing --json | jq -r .[].id | xargs conveyor progress",
    ),
    epilog="What is shown is what jobs say with current_job().progress() or track().",
)
@click.argument("ids", nargs=-1, required=True, type=IDENTITY, metavar="ID...")
@json_option
@store_options
@Target.opened
def progress(target: Target, ids: tuple[JobId, ...], *, json: bool) -> None:
    """Show how far jobs are, by their ID, until all of them have ended.

    In a pipe each change is a line; with --json it looks once. Exits with 1 if one of the jobs has failed, expired or
    been cancelled.
    """
    ids = tuple(dict.fromkeys(ids))
    if json:
        looks = _look(target.driver, ids)
        put_json([progress_document(look.job, look.progress) for look in looks])
    elif on_terminal():
        looks = _draw(target.driver, ids)
    else:
        looks = _list(target.driver, ids)
    if any(look.job.status.is_failure or look.job.status is JobStatus.CANCELLED for look in looks):
        raise click.exceptions.Exit(1)


def _look(driver: Driver, ids: Sequence[JobId]) -> list[_Look]:
    looks: list[_Look] = []
    for id, job, said in zip(ids, driver.get(ids), driver.read_progress(ids), strict=True):
        if job is None:
            raise JobNotFound(id)
        looks.append(_Look(job, said))
    return looks


def _looks(driver: Driver, ids: Sequence[JobId]) -> Iterator[list[_Look]]:
    """Look again and again, and once more when all have ended."""
    while True:
        looks = _look(driver, ids)
        yield looks
        if not any(look.job.status.is_active for look in looks):
            return
        time.sleep(_PAUSE)


def _list(driver: Driver, ids: Sequence[JobId]) -> list[_Look]:
    shown: dict[JobId, str] = {}
    looks: list[_Look] = []
    for looks in _looks(driver, ids):
        for look in looks:
            line = f"{look.job.id}  {look.job.status.value:<10}  {look.figures}".rstrip()
            if shown.get(look.job.id) != line:
                shown[look.job.id] = line
                put(line)
    return looks


def _draw(driver: Driver, ids: Sequence[JobId]) -> list[_Look]:
    from rich import progress as rich

    columns = (
        rich.TextColumn("{task.fields[type]}"),
        rich.BarColumn(),
        rich.TextColumn("{task.fields[status]}  {task.fields[figures]}", markup=False),
    )
    looks: list[_Look] = []
    with rich.Progress(*columns) as bars:
        tasks = {
            look.job.id: bars.add_task("", total=None, type=look.job.type, status="", figures="")
            for look in _look(driver, ids)
        }
        for looks in _looks(driver, ids):
            for look in looks:
                done, total = (look.progress.current, look.progress.total) if look.progress else (0.0, None)
                if look.job.status is JobStatus.COMPLETED:
                    total = done = total or 1.0
                elif not look.job.status.is_active and total is None:
                    total = 1.0
                bars.update(
                    tasks[look.job.id],
                    completed=done,
                    total=total,
                    status=look.job.status.value,
                    figures=look.figures,
                )
    return looks
