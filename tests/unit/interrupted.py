"""A program that is interrupted at random instants while it pushes; prints what is wrong afterwards.

Words: the file, how often, and how it pushes: `plain` or `joined`.
"""

from __future__ import annotations

import random
import signal
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from conveyor import Conveyor
from conveyor.records import NewJob
from tests.contract.recount import check_counters

BATCH = 3


def interrupted(action: Callable[[], object], within: float) -> None:
    """Call it; Ctrl-C comes at some instant within so many seconds, in it or soon after."""
    try:
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, within))
        action()
        _wait(within)
    except KeyboardInterrupt:
        pass


def _wait(within: float) -> None:
    """In a function of its own: Python 3.13 lets what comes between two rounds of a loop out of the `try` around it."""
    # In a callback of the collector's Python prints and forgets it: then it never comes.
    deadline = time.monotonic() + within + 0.1
    while time.monotonic() < deadline:
        time.sleep(0.0001)


def duration(action: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    for _ in range(20):
        action()
    return (time.perf_counter() - began) / 20


class Program:
    def __init__(self, path: str) -> None:
        self.path = path
        self.app = Conveyor(f"sqlite:///{path}?timeout=5&share=true")
        self.job = self.app.job("t")(_work)
        self.app.driver  # noqa: B018 - opens it
        self.joining = sqlite3.connect(path, isolation_level=None, timeout=5)
        self.another_thread = ThreadPoolExecutor(1)
        self.another_process = sqlite3.connect(path, isolation_level=None, timeout=0)
        self.another_thread.submit(int).result()

    def jobs(self) -> list[NewJob]:
        return [self.app.prepare(self.job.call()) for _ in range(BATCH)]

    def plain(self) -> None:
        self.app.driver.push(self.jobs())

    def joined(self) -> None:
        """As somebody who commits whatever happened."""
        self.joining.execute("BEGIN IMMEDIATE")
        try:
            self.app.driver.push(self.jobs(), connection=self.joining)
        finally:
            self.joining.execute("COMMIT")

    def check(self) -> None:
        """Nobody is in anybody's way."""
        if self.joining.in_transaction:
            self.joining.execute("COMMIT")
        self.another_process.execute("BEGIN IMMEDIATE")
        self.another_process.execute("ROLLBACK")
        self.another_thread.submit(self.plain).result(timeout=10)
        self.plain()


def _work() -> None: ...


def main(path: str, times: int, how: str) -> None:
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    program = Program(path)
    push: Callable[[], Any] = getattr(program, how)
    within = 1.5 * duration(push)
    for _ in range(times):
        interrupted(push, within)
        program.check()
    with closing(program.app.driver) as driver:
        check_counters(driver)
        (counts,) = driver.counts()
        numbers = counts.by_priority[500]
        assert numbers.pushed == numbers.ready, numbers
        assert numbers.ready % BATCH == 0, numbers


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
