"""Bringing dead letters back is killed midway: none is lost, none comes back twice, and asking again does the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from conveyor import Conveyor
from conveyor.drivers.base import STEP
from conveyor.lifecycle import after_failure
from conveyor.records import Claim, Failure, JobId, JobStatus, Reason
from conveyor.retry import NoRetry
from tests.contract.stores import a_job
from tests.worker.tree import STORES, wait_until

LETTERS: Final = 6 * STEP

MODULE: Final = """
from conveyor import Conveyor

app = Conveyor({url!r})


@app.job("greet", queue="a")
def greet(word: str) -> None: ...
"""


def claimed(app: Conveyor) -> list[Claim]:
    """All that wait, claimed."""
    found: list[Claim] = []
    while some := app.driver.claim(["a"], limit=STEP, lease=600.0, worker="w"):
        found += some
    return found


def dead(app: Conveyor) -> int:
    """How many dead letters there are."""
    (counts,) = app.driver.counts(["a"])
    return sum(level.dead for level in counts.by_priority.values())


def buried(app: Conveyor) -> list[JobId]:
    """So many jobs, each failed for good."""
    ids = app.driver.push([a_job("a", type="greet", payload='{"word":"old"}') for _ in range(LETTERS)])
    for _ in range(LETTERS // STEP):
        claims = app.driver.claim(["a"], limit=STEP, lease=600.0, worker="w")
        failure = Failure(attempt=1, reason=Reason.FAILED, error_type="ValueError", message="it broke")
        app.driver.settle([after_failure(claim, failure, NoRetry()) for claim in claims])
    return ids


def is_killed_midway(app: Conveyor, command: list[str], directory: Path) -> bool:
    """Run it and kill it as soon as some have come back; False when it was quicker than that."""
    with subprocess.Popen(command, cwd=directory, stderr=subprocess.DEVNULL) as retry:
        wait_until(lambda: dead(app) < LETTERS)
        os.kill(retry.pid, signal.SIGKILL)
    return dead(app) > 0


@pytest.mark.parametrize("edit", [(), ("--edit", '{"word":"new"}')], ids=["as they are", "edited"])
@pytest.mark.parametrize("store", STORES)
def test_a_retry_of_all_that_is_killed_midway_has_brought_back_some_and_doing_it_again_the_rest(
    store: str, edit: tuple[str, ...], tmp_path: Path
) -> None:
    url = STORES[store](tmp_path)
    (tmp_path / "greeting.py").write_text(MODULE.format(url=url), "utf-8")
    command = [sys.executable, "-m", "conveyor", "retry", "--all", "--app", "greeting:app", *edit]
    with closing(Conveyor(url)) as app:
        ids = buried(app)
        while not is_killed_midway(app, command, tmp_path):
            claimed(app)
            ids = buried(app)
        left = [job.status for job in app.driver.get(ids) if job is not None]
        # A server may still be at the last step that it was asked for.
        first = claimed(app)
        subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
        second = claimed(app)

    assert len(left) == LETTERS
    assert set(left) == {JobStatus.PENDING, JobStatus.FAILED}
    assert 0 < len(first) < LETTERS
    assert len(first) % STEP == 0
    assert sorted(claim.id for claim in first + second) == ids
    assert {claim.payload for claim in first + second} == {'{"word":"new"}' if edit else '{"word":"old"}'}
