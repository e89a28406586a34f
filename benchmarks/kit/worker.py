"""Real workers: `conveyor work` as a process of its own, with its children."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

from benchmarks.kit.jobs import app, noop
from benchmarks.kit.store import Store, completed

_ROOT: Final = Path(__file__).parents[2]
_DEADLINE: Final = 120.0


class Worker:
    """A worker that is running."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    @property
    def tree(self) -> list[psutil.Process]:
        """The supervisor first, then all that it started."""
        supervisor = psutil.Process(self._process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def cpu_seconds(self, *, supervisor: bool = True) -> float:
        """Processor time of all its processes until now, in user and kernel mode; or of its children alone."""
        spent = [process.cpu_times() for process in self.tree[0 if supervisor else 1 :]]
        return sum(times.user + times.system for times in spent)

    def until(self, condition: Callable[[], bool], what: str, *, every: float = 0.05) -> None:
        """Wait for it. Looks rarely: looking costs processor time that the worker could use.

        Raises:
            RuntimeError: the worker ended, or it took two minutes.
        """
        deadline = time.monotonic() + _DEADLINE
        while not condition():
            if self._process.poll() is not None:
                raise RuntimeError(f"the worker ended with {self._process.returncode} before {what}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"not {what} after {_DEADLINE:g} s")
            time.sleep(every)


@contextmanager
def worker(url: str, *options: str, application: str = "app", settled_for: float = 1.0) -> Generator[Worker]:
    """A worker on this store, by default of one child. It is up, and had `settled_for` seconds to come to rest.

    Args:
        url: of the store that the applications use.
        options: of `conveyor work`.
        application: its name in `kit/jobs.py`.
        settled_for: seconds.

    Raises:
        RuntimeError: it did not start, or did not end well.
    """
    command = [sys.executable, "-m", "conveyor", "work", "--app", f"benchmarks.kit.jobs:{application}"]
    command += ["--url", url, "--log-level", "warning", *options]
    process = subprocess.Popen(command, cwd=_ROOT)
    try:
        running = Worker(process)
        running.until(lambda: any(record.state == "running" for record in app.driver.workers()), "it was running")
        time.sleep(settled_for)
        yield running
        process.terminate()
        if code := process.wait(_DEADLINE):
            raise RuntimeError(f"the worker ended with {code}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class Drain:
    """How a backlog of no-op jobs went."""

    per_second: float
    """From the first job's start to the last one's end, by the store's records: without the worker's start-up."""
    child_us: float
    """Processor time of all children, for each job."""


def drain(store: Store, url: str, count: int, *, children: int = 1, application: str = "app") -> Drain:
    """Let a worker run `count` of the jobs that wait in the open store; the worker is up and idle before they begin."""
    before = completed()
    # Not their number: old history may be pruned meanwhile.
    newest = store.last_ended(url)
    queue = noop.job_type.queue
    app.driver.pause(queue)
    with worker(url, "--processes", str(children), application=application) as running:
        spent = running.cpu_seconds(supervisor=False)
        app.driver.resume(queue)
        running.until(lambda: completed() - before >= count, f"{count} jobs were done")
        ran = completed() - before
        spent = running.cpu_seconds(supervisor=False) - spent
    found, first, last = store.ran(url, newest, count)
    if found != count:
        raise RuntimeError(f"{count} jobs were done, the history has {found} of them")
    return Drain(per_second=count / ((last - first) / 1e6), child_us=spent / ran * 1e6)
