"""A job in its own transaction, in a process that is killed at the N-th line of Python that it executes there.

Words: the store's URL, and by how much N grows. For each N a process is forked; what it has left behind is said in one
line of JSON: the job's status, how many rows of its own there are, and whether its follow-up is there.
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
from conveyor.records import JobId, NewJob
from tests.contract.stores import a_job, one


def main(url: str, step: int) -> None:
    place = url.partition("&schema")[0].partition("?share")[0]
    after = 1
    while True:
        app = Conveyor(url)
        app.job("t")(print)
        (job_id,) = app.driver.push([a_job(type="t")])
        follow_up = a_job(type="t", queue="next")
        app.close()
        child = os.fork()
        if not child:
            run(url, follow_up, after)
        _, status = os.waitpid(child, 0)
        found = what_is_left(url, place, job_id, follow_up)
        sys.stdout.write(json.dumps({"after": after, "killed": os.WIFSIGNALED(status), **found}) + "\n")
        sys.stdout.flush()
        if not os.WIFSIGNALED(status):
            return
        after += step


def run(url: str, follow_up: NewJob, after: int) -> None:
    """Take the job and do it, up to the line."""
    app = Conveyor(url)
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
    os._exit(0)


def what_is_left(url: str, place: str, job_id: JobId, follow_up: NewJob) -> dict[str, Any]:
    """What there is when the store has noticed, and make place for the next."""
    app = Conveyor(url)
    if url.startswith("postgresql"):
        with psycopg.connect(place, autocommit=True) as connection:
            gone = "SELECT pid FROM pg_stat_activity WHERE application_name = 'killed' AND pid <> pg_backend_pid()"
            deadline = time.monotonic() + 20
            while connection.execute(gone).fetchall():
                assert time.monotonic() < deadline
            rows = len(connection.execute("SELECT number FROM orders").fetchall())
            connection.execute("TRUNCATE orders")
    else:
        file = sqlite3.connect(place.removeprefix("sqlite:///"), isolation_level=None)
        rows = len(file.execute("SELECT * FROM orders").fetchall())
        file.execute("DELETE FROM orders")
        file.close()
    status = one(app.driver, job_id).status.value
    pushed = app.driver.get([follow_up.id]) != [None]
    # One that was not begun, or not finished, is not to be in the way of the next.
    app.driver.clear("a")
    app.driver.clear("next")
    app.close()
    return {"status": status, "rows": rows, "pushed": pushed}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
