"""One library on one new store: pushing to it, and a worker that is watched from outside."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.compare.libraries import ROOT, Library

DEADLINE: Final = 30.0
"""Seconds that anything may take."""

_GRACE: Final = 2.0
"""Seconds that a worker has for its end: its store goes anyway."""


class Failed(Exception):
    """A library could not do what it was asked, or not in time; it is printed as that."""


class Meter:
    """The moments at which jobs ran, written by the jobs themselves; see `benchmarks/peers/meter.py`."""

    def __init__(self, path: Path, count: int) -> None:
        self.path = path
        with path.open("wb") as file:
            file.truncate(8 * count)
        with path.open("r+b") as file:
            self._bytes = mmap.mmap(file.fileno(), 0)
            self._moments = memoryview(self._bytes).cast("Q")

    def moments(self) -> list[int]:
        """Nanoseconds since 1970 by number; 0 for jobs that have not run."""
        return self._moments.tolist()

    def forget(self) -> None:
        """Nothing has run."""
        for number, moment in enumerate(self.moments()):
            if moment:
                self._moments[number] = 0

    def ran(self) -> int:
        """How many have run."""
        # Of a moment of our time, the highest byte is not 0; to look at more would cost those that are watched.
        highest = self._bytes[7::8] if sys.byteorder == "little" else self._bytes[::8]
        return len(highest) - highest.count(0)


@dataclass
class Race:
    """A library, a store, and jobs of one kind.

    Attributes:
        url: the store.
        kind: "sync" or "async".
        pause: seconds that a job takes.
        size: bytes of the text that each job carries.
        at_rest: what is asked is what having a worker costs, not how fast it is.
    """

    library: Library
    url: str
    directory: Path
    kind: str = "sync"
    pause: float = 0.0
    size: int = 100
    at_rest: bool = False
    meter: Meter | None = field(default=None, init=False)

    def expect(self, count: int) -> Meter:
        """Let so many jobs be counted from now on."""
        self.meter = Meter(self.directory / f"meter-{count}-{time.monotonic_ns()}", count)
        return self.meter

    def call(self, what: str, *, deadline: float = DEADLINE, **options: object) -> Any:
        """Let the adapter do something; answer what it prints.

        Raises:
            Failed: it could not, or not in time.
        """
        command = [*self.library.adapter_command, what]
        for name, value in {"size": self.size, **options}.items():
            command += [f"--{name}", str(value)]
        try:
            done = subprocess.run(
                command,
                cwd=ROOT / "benchmarks",
                env=self._environment(),
                capture_output=True,
                timeout=deadline,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"{what}: not done after {deadline:g} s") from None
        if done.returncode:
            raise Failed(f"{what}: {_last_line(done.stderr)}")
        return json.loads(done.stdout) if done.stdout.strip() else None

    @contextlib.contextmanager
    def worker(self, processes: int = 1) -> Generator[Worker]:
        """A worker with so many processes that run jobs, until the end of the block."""
        command = [*self.library.adapter_command, "worker", "--processes", str(processes)]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(
                command,
                cwd=ROOT / "benchmarks",
                env=self._environment(),
                start_new_session=True,
                stdout=said,
                stderr=said,
            )
            try:
                yield Worker(process, said)
            finally:
                _end(process)

    def _environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "BENCH_STORE": self.url,
            "BENCH_KIND": self.kind,
            "BENCH_PAUSE": str(self.pause),
            "BENCH_AT_REST": "yes" if self.at_rest else "",
            "BENCH_METER": str(self.meter.path if self.meter is not None else ""),
            "PYTHONPATH": str(ROOT / "benchmarks"),
            "PATH": f"{self.library.programs}:{os.environ['PATH']}",
        }


class Worker:
    """A library's worker that runs."""

    def __init__(self, process: subprocess.Popen[bytes], said: Any) -> None:
        self._process = process
        self._said = said

    def until(self, meter: Meter, count: int, deadline: float = DEADLINE) -> None:
        """Wait until so many jobs have run.

        Raises:
            Failed: they have not, in time, or the worker has ended.
        """
        end = time.monotonic() + deadline
        while (ran := meter.ran()) < count:
            if self._process.poll() is not None:
                self._said.seek(0)
                raise Failed(f"the worker ended: {_last_line(self._said.read())}")
            if time.monotonic() > end:
                raise Failed(f"ran {ran:,} of {count:,} jobs in {deadline:g} s")
            time.sleep(0.05)

    def tree(self) -> list[psutil.Process]:
        """Its processes, without the one that started them for the benchmark."""
        return psutil.Process(self._process.pid).children(recursive=True)

    def cpu_seconds(self) -> float:
        """Processor time of all of them until now."""
        times = [process.cpu_times() for process in self.tree()]
        return sum(each.user + each.system for each in times)

    def memory(self) -> int:
        """Bytes that they take together, what they share counted once (PSS)."""
        return sum(process.memory_full_info().pss for process in self.tree())


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a worker and all that it started."""
    with contextlib.suppress(psutil.NoSuchProcess):
        # Some put themselves into a session of their own; they would go on and take the next library's time.
        tree = psutil.Process(process.pid).children(recursive=True)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        _, left = psutil.wait_procs(tree, _GRACE)
        for each in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
        psutil.wait_procs(left, DEADLINE)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(DEADLINE)


def _last_line(said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines() if line.strip()]
    telling = [line for line in lines if "Error" in line] or lines
    return telling[-1][:200] if telling else "it said nothing"


def rate(moments: Sequence[int]) -> float:
    """Jobs a second between the first and the last of them."""
    first, last = min(moments), max(moments)
    return (len(moments) - 1) / ((last - first) / 1e9)
