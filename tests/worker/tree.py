"""A real worker, with its children, as a user runs it."""

from __future__ import annotations

import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import psutil
import pytest

from conveyor import Conveyor
from conveyor.payload import JobCall, JobPayload
from conveyor.records import Counts, Filter, JobId, StoredJob
from conveyor.worker.settings import QueueShare, WorkerSettings
from tests import postgres, servers, topologies
from tests.worker import jobs

ROOT = Path(__file__).parents[2]

QUEUES = (QueueShare("default"), QueueShare("slow"))

STORES: Final[dict[str, Callable[[Path], str]]] = {
    "sqlite": lambda directory: f"sqlite:///{directory}/jobs.db",
    "valkey": lambda _: servers.valkey().url(),
    "postgres": lambda _: postgres.clean_url(),
    "cluster": lambda _: topologies.cluster().url(partitions=3),
}
"""The stores that workers are tried on: the URL of a new one."""


def wait_until(condition: Callable[[], Any], seconds: float = 20.0) -> Any:
    """What the condition answers as soon as that is true; the test fails when it is not in time."""
    deadline = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(0.005)


def promptly(limit: float, measure: Callable[[], float], rounds: int = 6) -> None:
    """It takes less than `limit` seconds, at least once: a busy machine may spoil some rounds, but hardly all."""
    measured: list[float] = []
    while not measured or min(measured) >= limit:
        assert len(measured) < rounds, f"not within {limit} s, but {measured}"
        measured.append(measure())


class Tree:
    """A worker process and its children."""

    def __init__(self, settings: WorkerSettings, log: Path) -> None:
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.worker.start", msgspec.json.encode(settings).decode()],
                cwd=ROOT,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def children(self) -> list[int]:
        """The process ids of the children that live."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return [child.pid for child in psutil.Process(self.process.pid).children() if _lives(child)]
        return []

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = 20.0) -> int:
        """The exit code, once it has one."""
        return self.process.wait(seconds)

    def stop(self) -> int:
        """Drain it, and answer its exit code."""
        self.signal(signal.SIGTERM)
        return self.wait()

    @property
    def is_ready(self) -> bool:
        """Its children take jobs."""
        return " is ready, with " in self.said

    def kill_all(self) -> None:
        """Kill every process of it at one blow, as a machine that loses its power."""
        pids = [self.process.pid, *self.children]
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        # The supervisor last: the kernel lets stopped processes go on whose parent has ended, and they would hand back
        # their jobs.
        pids.reverse()
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")


class Bench:
    """A store in a directory of its own, the application on it, and the workers that a test starts."""

    def __init__(self, directory: Path, store: str = "sqlite", url: str | None = None) -> None:
        self.directory = directory
        self.store = store
        self.url = url or STORES[store](directory)
        self.path = str(directory / "notes.txt")
        self.cleared = 0
        """How many waiting jobs the test has deleted."""
        self._trees: list[Tree] = []
        self.app: Conveyor = Conveyor(self.url)
        # The registered jobs are the module's; the store is this test's.
        self.app._registry = jobs.app._registry  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]

    @property
    def notes(self) -> list[str]:
        """The lines that jobs have left."""
        path = Path(self.path)
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def push(self, *calls: JobCall[Any] | JobPayload) -> list[JobId]:
        new = [self.app.prepare(call) for call in calls]
        return self.app.driver.push(new)

    def payload(self, call: JobCall[Any], **options: Any) -> JobPayload:
        return JobPayload(call, **options)

    def get(self, id: JobId) -> StoredJob:
        (job,) = self.app.driver.get([id])
        assert job is not None
        return job

    def ended(self, *ids: JobId, seconds: float = 20.0) -> list[StoredJob]:
        """These jobs, once none of them is active."""

        def all_ended() -> list[StoredJob]:
            found = [self.get(id) for id in ids]
            return [] if any(job.status.is_active for job in found) else found

        found: list[StoredJob] = wait_until(all_ended, seconds)
        return found

    def counts(self) -> Counts:
        """All queues and priorities together."""
        total = Counts()
        for queue in self.app.driver.counts():
            for counts in queue.by_priority.values():
                for field in Counts.__struct_fields__:
                    setattr(total, field, getattr(total, field) + getattr(counts, field))
        return total

    def account(self) -> None:
        """Every job that was pushed is kept, once, and is where the counters say."""
        kept = self.app.driver.find(Filter(), limit=100_000).jobs
        where = collections.Counter(
            "dead" if job.status.is_failure else "active" if job.status.is_active else job.status.value for job in kept
        )
        counts = self.counts()
        active = counts.ready + counts.delayed + counts.held + counts.processing
        assert len({job.id for job in kept}) == len(kept) == counts.pushed - self.cleared
        assert where == +collections.Counter(
            active=active, dead=counts.dead, completed=counts.completed, cancelled=counts.cancelled
        )

    def worker(self, **settings: Any) -> Tree:
        """Start a worker. Short times unless told otherwise: tests wait for them."""
        usual = {"app": "tests.worker.jobs:app", "lease": 5.0, "grace": 0.4, "queues": QUEUES}
        chosen: dict[str, Any] = {**usual, **settings}
        made = WorkerSettings(url=self.url, **chosen)
        tree = Tree(made, self.directory / "worker.log")
        self._trees.append(tree)
        return tree

    def burst(self, **settings: Any) -> Tree:
        """Run a worker until nothing is ready and nothing runs."""
        tree = self.worker(burst=True, **settings)
        assert tree.wait(60) == 0, tree.said
        return tree

    def close(self) -> None:
        for tree in self._trees:
            if tree.process.poll() is None:
                tree.kill_all()
        self.app.close()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextlib.contextmanager
def bench(directory: Path, store: str = "sqlite", url: str | None = None) -> Generator[Bench]:
    made = Bench(directory, store, url)
    try:
        yield made
    finally:
        made.close()


def on_every_store(metafunc: pytest.Metafunc, stores: Sequence[object]) -> None:
    """Run a test that takes a bench on each of these stores, or on those that its mark `stores` names."""
    if "bench" in metafunc.fixturenames:
        mark = metafunc.definition.get_closest_marker("stores")
        metafunc.parametrize("bench", mark.args if mark else stores, indirect=True)
