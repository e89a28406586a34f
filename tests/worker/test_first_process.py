"""A worker as process 1 of a container: nobody reaps for it, and the kernel keeps from it what it does not handle."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator

import msgspec
import psutil
import pytest

from conveyor import JobStatus
from conveyor.worker.settings import WorkerSettings
from tests.worker import jobs
from tests.worker.tree import QUEUES, ROOT, Bench, wait_until

UNSHARE = [
    "unshare",
    *([] if os.geteuid() == 0 else ["--user", "--map-root-user"]),
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
]


def can_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not can_unshare(), reason="no process may have a pid namespace of its own here")


class Container:
    """A worker that is process 1 of its own namespace."""

    def __init__(self, bench: Bench) -> None:
        settings = WorkerSettings(app="tests.worker.jobs:app", url=bench.url, queues=QUEUES, lease=5.0, grace=0.4)
        with (bench.directory / "worker.log").open("ab") as out:
            self.process = subprocess.Popen(
                [*UNSHARE, sys.executable, "-m", "tests.worker.start", msgspec.json.encode(settings).decode()],
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )

    @property
    def first(self) -> psutil.Process:
        """Its process 1, as it is seen from outside."""
        found: list[psutil.Process] = wait_until(lambda: psutil.Process(self.process.pid).children())
        return found[0]


@pytest.fixture
def container(bench: Bench) -> Generator[Container]:
    made = Container(bench)
    yield made
    if made.process.poll() is None:
        made.process.kill()
        made.process.wait(10)


def test_as_process_1_a_worker_drains_on_sigterm(bench: Bench, container: Container) -> None:
    (running,) = bench.push(jobs.note_the_parent.call(bench.path, 1.0))
    wait_until(lambda: bench.notes)
    (waiting,) = bench.push(jobs.add.call(1, 1))

    container.first.send_signal(signal.SIGTERM)

    assert container.process.wait(20) == 0
    # The job's parent is the supervisor, which is process 1 where it lives.
    assert bench.notes == ["1", "end"]
    assert bench.get(running).status is JobStatus.COMPLETED
    assert (bench.get(waiting).status, bench.get(waiting).crashes) == (JobStatus.PENDING, 0)
    assert bench.app.driver.workers() == []


def test_as_process_1_a_worker_ends_at_the_second_signal(bench: Bench, container: Container) -> None:
    (id,) = bench.push(jobs.wait.call(bench.path, 3600))
    wait_until(lambda: bench.notes)

    container.first.send_signal(signal.SIGTERM)
    wait_until(lambda: "draining" in {worker.state for worker in bench.app.driver.workers()})
    container.first.send_signal(signal.SIGTERM)

    assert container.process.wait(20) == 128 + signal.SIGTERM
    assert (bench.get(id).status, bench.get(id).crashes) == (JobStatus.PENDING, 0)


def test_as_process_1_a_worker_buries_what_jobs_have_left_behind(bench: Bench, container: Container) -> None:
    first = container.first
    ids = bench.push(*(jobs.leave_an_orphan.call(bench.path, 1.0) for _ in range(3)))
    bench.ended(*ids)
    (child,) = [each.pid for each in first.children() if "conveyor.worker.child" in each.cmdline()]

    # They live, and are its own now.
    wait_until(lambda: len(first.children()) == 4)

    # Unburied ones would stay, as zombies.
    wait_until(lambda: [each.pid for each in first.children()] == [child])
    bench.ended(*bench.push(jobs.add.call(1, 1)))
    first.send_signal(signal.SIGTERM)
    assert container.process.wait(20) == 0
