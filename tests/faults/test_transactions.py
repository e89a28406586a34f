"""A job that is killed at any instant of its own transaction has written, ended and pushed all, or nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import postgres
from tests.contract.callers import place_of


@pytest.mark.parametrize(("store", "step"), [("postgres", 12), ("sqlite", 5)])
def test_a_kill_at_any_instant_leaves_all_or_nothing(store: str, step: int, tmp_path: Path) -> None:
    url, _ = place_of(store, tmp_path)
    if store == "postgres":
        url = postgres.server().url(application_name="killed", schema="tested")

    ended = subprocess.run(
        [sys.executable, "-m", "tests.faults.transacting", url, str(step)],
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    found = [json.loads(line) for line in ended.stdout.splitlines()]
    left = [(each["status"], each["rows"], each["pushed"]) for each in found]
    assert set(left) == {("processing", 0, False), ("completed", 1, True)}, found
    # Before the commit nothing is there, and after it all: once, and for good.
    assert left == sorted(left, reverse=True)
    assert len(found) > 20
    assert [each["killed"] for each in found] == [True] * (len(found) - 1) + [False]
