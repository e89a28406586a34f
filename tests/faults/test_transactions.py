"""A job that is killed at any instant of its own transaction has written, ended and pushed all, or nothing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

import pytest

from conveyor import Conveyor
from conveyor.records import JobStatus
from tests.contract.callers import orders, place_of
from tests.contract.stores import a_job


@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_a_kill_at_any_instant_leaves_all_or_nothing(store: str, tmp_path: Path) -> None:
    url, _ = place_of(store, tmp_path)

    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.transacting", url],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    whole, *found = [json.loads(line) for line in ended.stdout.splitlines()]
    assert whole == {"killed": False, "status": "completed", "rows": 1, "pushed": True}
    assert sum(each["killed"] for each in found) > 25
    left = [(each["status"], each["rows"], each["pushed"]) for each in found]
    # Before the commit nothing is there, and after it all: once, and for good.
    assert set(left) == {("processing", 0, False), ("completed", 1, True)}, found
    assert left == sorted(left, reverse=True)


MODULE: Final = """
from conveyor import Conveyor, current_job

app = Conveyor({url!r})


@app.job("pack")
def pack(order: int) -> None:
    with current_job().transaction() as connection:
        connection.execute(f"INSERT INTO orders VALUES ({{order}})")


@app.job("apack")
async def apack(order: int) -> None:
    async with current_job().transaction() as connection:
        await connection.execute(f"INSERT INTO orders VALUES ({{order}})")
"""


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("store", ["postgres", "sqlite"])
def test_workers_that_are_killed_again_and_again_do_each_job_s_work_once(store: str, tmp_path: Path) -> None:
    url, place = place_of(store, tmp_path)
    (tmp_path / "shop.py").write_text(MODULE.format(url=url))
    app = Conveyor(url)
    types = ["pack", "apack"] if store == "postgres" else ["pack"]
    numbers = range(3000)
    ids = app.driver.push(
        [a_job("default", type=types[n % len(types)], payload=f'{{"order":{n}}}', max_crashes=1000) for n in numbers]
    )
    work = [sys.executable, "-m", "conveyor", "work", "--app", "shop:app", "--lease", "2s"]

    for _ in range(20):
        with subprocess.Popen(work, cwd=tmp_path, stderr=subprocess.DEVNULL, start_new_session=True) as worker:
            before, deadline = orders(place), time.monotonic() + 30
            while orders(place) == before < len(numbers) and time.monotonic() < deadline:
                time.sleep(random.uniform(0, 0.05))
            os.killpg(worker.pid, signal.SIGKILL)
    # What the killed ones held lapses first.
    deadline = time.monotonic() + 120
    while orders(place) < len(numbers) and time.monotonic() < deadline:
        assert subprocess.run([*work, "--burst"], cwd=tmp_path, capture_output=True, check=False).returncode == 0

    assert orders(place) == len(numbers)
    assert {job.status for job in app.driver.get(ids) if job} == {JobStatus.COMPLETED}
    app.close()
