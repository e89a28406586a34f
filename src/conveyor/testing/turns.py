"""Drives the runs of a test, one at a time, and lets what jobs raise come up where the test is."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from conveyor.testing.bench import KitBench
from conveyor.testing.rounds import Steps
from conveyor.testing.run import Run

MOST_RUNS: Final = 10_000
"""Runs at a stretch, above which a test is taken to have no end."""

Begin = Callable[[list[Run]], Steps]
"""Begins steps that add their runs to a list."""


class Turns:
    """Whose turn it is to run jobs: one caller's at a time, and nobody's from inside a job."""

    def __init__(self, bench: KitBench) -> None:
        self._bench: Final = bench
        self._mutex: Final = threading.Lock()
        self._is_taken = False
        self._was_asked = False

    def take(self) -> bool:
        """Whether it is the caller's now; else whoever has it looks again for what is due."""
        with self._mutex:
            self._was_asked = True
            if self._is_taken:
                return False
            self._is_taken = True
            return True

    def run(self, begin: Begin) -> list[Run]:
        """Run these steps, again if somebody asked meanwhile, and give the turn back."""
        runs: list[Run] = []
        steps = self._steps(begin, runs)
        try:
            with suppress(StopIteration):
                claim = next(steps)
                while True:
                    claim = steps.send(self._bench.run(claim))
        finally:
            self._is_taken = False
        return runs

    async def arun(self, begin: Begin) -> list[Run]:
        """As `run`, on the event loop of the test."""
        runs: list[Run] = []
        steps = self._steps(begin, runs)
        try:
            with suppress(StopIteration):
                claim = next(steps)
                while True:
                    claim = steps.send(await self._bench.arun(claim))
        finally:
            self._is_taken = False
        return runs

    def _steps(self, begin: Begin, runs: list[Run]) -> Steps:
        while self._goes_on():
            steps = begin(runs)
            with suppress(StopIteration):
                claim = next(steps)
                while True:
                    _check(runs)
                    claim = steps.send((yield claim))

    def _goes_on(self) -> bool:
        with self._mutex:
            self._is_taken, self._was_asked = self._was_asked, False
            return self._is_taken


def _check(runs: list[Run]) -> None:
    if len(runs) >= MOST_RUNS:
        last = ", ".join(sorted({run.type for run in runs[-100:]}))
        raise AssertionError(
            f"{MOST_RUNS:,} jobs have run, and there are more; the last were of type {last}. Does a job push itself, "
            "or a schedule come round too often?"
        )
