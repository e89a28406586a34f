"""A job in its own transaction, in a process that is killed at the N-th line of Python that it executes there.

For each N a process is forked; what it has left behind is said in one line of JSON: the job's status, how many rows of
its own there are, and whether its follow-up is there. The first is not killed, and tells how many lines there are. The
word is the store's URL.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import time
from types import FrameType
from typing import Any

import psycopg

from conveyor import Conveyor
from conveyor.context import running
from conveyor.records import NewJob
from tests.contract.stores import a_job, one


def main(url: str) -> None:
    app = Conveyor(url)
    app.job("t")(print)
    left = Left(url)

    def kill(after: int) -> int:
        (job_id,) = app.driver.push([a_job(type="t")])
        follow_up = a_job(type="t", queue="next")
        ours, theirs = os.pipe()
        child = os.fork()
        if not child:
            run(url, follow_up, after, theirs)
        os.close(theirs)
        _, status = os.waitpid(child, 0)
        rows = left.rows()
        found = {
            "killed": os.WIFSIGNALED(status),
            "status": one(app.driver, job_id).status.value,
            "rows": rows,
            "pushed": app.driver.get([follow_up.id]) != [None],
        }
        sys.stdout.write(json.dumps(found) + "\n")
        # One that was not begun is not to be in the way of the next.
        app.driver.clear("a")
        with os.fdopen(ours) as told:
            return int(told.read() or after)

    lines = kill(sys.maxsize)
    # The commit is among the last.
    for after in sorted({*range(1, lines, lines // 16), *range(lines - 60, lines + 1, 4)}):
        kill(after)
    app.close()


def run(url: str, follow_up: NewJob, after: int, told: int) -> None:
    """Take the job and do it, up to the line."""
    app = Conveyor(f"{url}&application_name=killed" if url.startswith("postgresql") else url)
    app.job("t")(print)
    (claim,) = app.driver.claim(["a"], limit=1, lease=600, worker="w")
    lines = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        if lines >= after:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    with running(claim, app) as job:
        sys.settrace(trace)
        with job.transaction() as connection:
            connection.execute("INSERT INTO orders VALUES (1)")
            job._follow_ups.append(follow_up)
        sys.settrace(None)
    os.write(told, str(lines).encode())
    os._exit(0)


class Left:
    """What the application has, once the store has noticed."""

    def __init__(self, url: str) -> None:
        self._server: psycopg.Connection[Any] | None = None
        self._file: sqlite3.Connection | None = None
        if url.startswith("postgresql"):
            self._server = psycopg.connect(url.partition("&schema")[0], autocommit=True)
        else:
            self._file = sqlite3.connect(url.removeprefix("sqlite:///").partition("?")[0], isolation_level=None)

    def rows(self) -> int:
        """How many rows there are; none from then on."""
        if self._file is not None:
            return self._file.execute("DELETE FROM orders").rowcount
        assert self._server is not None
        deadline = time.monotonic() + 20
        while self._server.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'killed'").fetchall():
            assert time.monotonic() < deadline
        return self._server.execute("DELETE FROM orders").rowcount


if __name__ == "__main__":
    main(sys.argv[1])
