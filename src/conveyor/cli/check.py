"""`conveyor check`: what is wrong with the set-up."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import total
from conveyor.cli.options import json_option, store_options
from conveyor.cli.output import on_terminal, one_line, put, put_json, say
from conveyor.cli.search import COUNTED, found
from conveyor.cli.status import Look
from conveyor.cli.store import Target
from conveyor.cli.words import age, count
from conveyor.config import FILE, here
from conveyor.drivers.base import Driver
from conveyor.errors import ConveyorError
from conveyor.records import Filter, JobStatus

if TYPE_CHECKING:
    from conveyor.app import Conveyor

_WAITING = (JobStatus.PENDING, JobStatus.RETRYING)


@click.command(
    cls=Command,
    examples=("conveyor check --app shop.jobs:app",),
    epilog="Jobs of unknown types are looked for among the newest 10,000 that wait, if an app is named.",
)
@json_option
@store_options
@Target.opened
def check(target: Target, *, json: bool) -> None:
    """Check that the app can be imported, its schedules work, the store can be used, and somebody serves what waits.

    Looks only. Exits with 1 if there is a problem, after naming them all.
    """
    findings = Findings()
    file = here() / FILE
    findings.fact(f"settings from {file}" if file.exists() else f"no {FILE} in {file.parent}")
    app = _check_app(target, findings)
    driver = _check_store(target, findings)
    if driver is not None:
        _check_service(driver, findings)
        if app is not None:
            _check_types(app, driver, findings)
            _check_schedules(app, driver, findings)
    findings.put(json=json)
    if findings.problems:
        raise click.exceptions.Exit(1)


@dataclass(slots=True)
class Findings:
    """What was found, in order: facts, and problems."""

    lines: list[tuple[bool, str]] = field(default_factory=list[tuple[bool, str]])

    @property
    def problems(self) -> list[str]:
        """The problems alone."""
        return [text for is_problem, text in self.lines if is_problem]

    def fact(self, text: str) -> None:
        """Something that is as it should be."""
        self.lines.append((False, one_line(text)))

    def problem(self, text: str) -> None:
        """Something that keeps jobs from being run."""
        self.lines.append((True, one_line(text)))

    def put(self, *, json: bool) -> None:
        """Put them out."""
        if json:
            put_json(
                {
                    "ok": not self.problems,
                    "problems": self.problems,
                    "facts": [text for bad, text in self.lines if not bad],
                }
            )
            return
        for is_problem, text in self.lines:
            mark = "problem" if is_problem else "ok"
            if on_terminal():
                mark = click.style(mark, fg="red" if is_problem else "green")
            put(f"{mark}: {text}")
        say(f"{count(len(self.problems), 'problem')} found." if self.problems else "All is well.")


def _check_app(target: Target, findings: Findings) -> Conveyor | None:
    try:
        app = target.app
    except ConveyorError as error:
        findings.problem(str(error))
        # What can be seen without it is worth seeing all the more.
        target.leave_app()
        return None
    if app is None:
        findings.fact("no app named, so job types are not checked (--app, CONVEYOR_APP, or app in conveyor.toml)")
        return None
    queues: defaultdict[str, list[str]] = defaultdict(list)
    for name, job_type in app.job_types.items():
        queues[job_type.queue].append(name)
    if not queues:
        findings.problem(f"app {target.app_name} has no jobs; import the modules that define them where it is made")
    for queue, names in sorted(queues.items()):
        findings.fact(f"queue {queue!r} of app {target.app_name}: {', '.join(sorted(names))}")
    return app


def _check_store(target: Target, findings: Findings) -> Driver | None:
    try:
        driver = target.driver
        driver.counts()
    except ConveyorError as error:
        findings.problem(str(error))
        return None
    findings.fact(f"store {driver.url} answers, and is conveyor's")
    return driver


def _check_service(driver: Driver, findings: Findings) -> None:
    look = Look.at(driver, ())
    alive = [worker for worker in look.workers if not look.stale(worker)]
    served = {queue for worker in alive for queue in worker.queues}
    for worker in look.workers:
        if look.stale(worker):
            findings.problem(
                f"worker {worker.name} last beat {age(worker.beat_at, look.now)} ago; it was killed, or is cut off"
            )
        elif worker.trouble and worker.state == "running":
            findings.problem(f"worker {worker.name} is not ready: {worker.trouble}")
        else:
            findings.fact(f"worker {worker.name} is {worker.state}, serving {', '.join(worker.queues)}")
    for queue in look.queues:
        counts = total(queue)
        waiting = counts.ready + counts.delayed + counts.held
        if not waiting:
            continue
        if queue.paused:
            findings.problem(
                f"queue {queue.queue!r} is paused with {count(waiting, 'job')} waiting; conveyor resume {queue.queue}"
            )
        elif queue.queue not in served:
            findings.problem(
                f"no worker serves queue {queue.queue!r}, which has {count(waiting, 'job')} waiting; "
                f"start one with --queue {queue.queue}"
            )
        else:
            findings.fact(f"queue {queue.queue!r} is served, {count(waiting, 'job')} waiting")
        if counts.held:
            findings.problem(f"queue {queue.queue!r} holds {count(counts.held, 'job')} of types that no worker knows")


def _check_types(app: Conveyor, driver: Driver, findings: Findings) -> None:
    unknown = Counter(
        job.type for job in found(driver, Filter(statuses=_WAITING), COUNTED) if job.type not in app.job_types
    )
    for name, number in unknown.most_common():
        findings.problem(
            f"{count(number, 'waiting job')} of type {name!r}, which the app does not register; "
            "deploy the module that does, or cancel them"
        )


def _check_schedules(app: Conveyor, driver: Driver, findings: Findings) -> None:
    problems = list(app.schedules.problems(driver))
    for problem in problems:
        findings.problem(problem)
    if app.schedules.declared and not problems:
        findings.fact(f"schedules of the app: {', '.join(each.name for each in app.schedules.declared)}")
