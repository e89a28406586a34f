"""`conveyor doctor`: what about the store could do harm, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click

from conveyor.cli.command import Command
from conveyor.cli.documents import total
from conveyor.cli.options import json_option, store_options
from conveyor.cli.output import on_terminal, one_line, put, put_json, say
from conveyor.cli.store import Target
from conveyor.cli.words import count, span
from conveyor.drivers.base import STEP, Driver
from conveyor.errors import ConveyorError
from conveyor.findings import Finding
from conveyor.health import STALE
from conveyor.times import SECOND, system_clock

SKEW: Final = 1.0
"""Seconds that this machine's clock may differ from the store's."""

_LATE: Final = 10.0
"""Seconds after which some worker should have found a lease that is over."""


@click.command(
    cls=Command,
    examples=("conveyor doctor", "conveyor doctor --json | jq .problems"),
    epilog='Whether jobs are being run now is said by "conveyor health"; whether an app fits its workers, by "check".',
)
@json_option
@store_options
@Target.opened
def doctor(target: Target, *, json: bool) -> None:
    """Examine the store: version, settings, permissions, clock, leases of dead workers. Looks only.

    Exits with 1 if something could do harm, after naming it all with its remedy.
    """
    findings = list(_examine(target))
    problems = [finding for finding in findings if not finding.is_ok]
    if json:
        put_json(
            {
                "ok": not problems,
                "problems": [{"problem": each.text, "remedy": each.remedy} for each in problems],
                "facts": [each.text for each in findings if each.is_ok],
            }
        )
    else:
        for finding in findings:
            mark = "ok" if finding.is_ok else "problem"
            if on_terminal():
                mark = click.style(mark, fg="green" if finding.is_ok else "red")
            remedy = f"; {finding.remedy}" if finding.remedy else ""
            put(f"{mark}: {one_line(finding.text + remedy)}")
        say(f"{count(len(problems), 'problem')} found." if problems else "All is well.")
    if problems:
        raise click.exceptions.Exit(1)


def _examine(target: Target) -> Iterator[Finding]:
    try:
        driver = target.driver
        findings = driver.diagnose()
    except ConveyorError as error:
        yield Finding(is_ok=False, text=str(error), remedy="")
        return
    yield Finding(is_ok=True, text=f"store {driver.url} answers")
    yield from findings
    yield _clock(driver)
    yield _leases(driver)
    yield _workers(driver)
    yield from _held(driver)


def _clock(driver: Driver) -> Finding:
    before = system_clock()
    store = driver.now()
    # Half way through, if the question and the answer took as long.
    skew = (store - (before + system_clock()) // 2) / SECOND
    is_ok = abs(skew) <= SKEW
    return Finding(
        is_ok=is_ok,
        text=f"this machine's clock is {span(abs(skew))} {'behind' if skew > 0 else 'ahead of'} the store's",
        remedy="" if is_ok else "let both keep time by NTP: moments are written by the one and read by the other",
    )


def _leases(driver: Driver) -> Finding:
    now = driver.now()
    claims = driver.lapsed(STEP)
    until = [job.lease_until for job in driver.get([claim.id for claim in claims]) if job and job.lease_until]
    late = [at for at in until if at < now - round(_LATE * SECOND)]
    many = f"{STEP:,} or more" if len(claims) == STEP else f"{len(late):,}"
    return Finding(
        is_ok=not late,
        text=f"{many} dead leases: jobs of workers that are gone" if late else "no dead leases",
        remedy="start a worker on this store, of any queue: it offers them again" if late else "",
    )


def _workers(driver: Driver) -> Finding:
    now = driver.now()
    stale = [worker.name for worker in driver.workers() if worker.beat_at < now - round(STALE * SECOND)]
    return Finding(
        is_ok=not stale,
        text=f"{count(len(stale), 'worker')} gone without leaving: {', '.join(stale)}" if stale else "no stale workers",
        remedy="conveyor workers --cleanup --older-than 30s" if stale else "",
    )


def _held(driver: Driver) -> Iterator[Finding]:
    for queue in driver.counts():
        if held := total(queue).held:
            yield Finding(
                is_ok=False,
                text=f"queue {queue.queue!r} holds {count(held, 'job')} of types that no worker knows",
                remedy="deploy the module that registers them, or cancel them",
            )
