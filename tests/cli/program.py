"""The real program: started as a user starts it, in a pipe or on a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from codecs import getincrementaldecoder
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

PROGRAM = (sys.executable, "-m", "conveyor")


def run(*arguments: object, env: dict[str, str] | None = None, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with pipes."""
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
        stdin=subprocess.DEVNULL,
    )


def eventually(condition: Callable[[], bool], what: str, timeout: float = 30) -> None:
    """Wait until `condition` holds, at most `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about in {timeout} s"
        time.sleep(0.02)


@dataclass
class Terminal:
    """A command on a terminal of its own; `shown` is all that it has written there, escape sequences included."""

    arguments: tuple[object, ...]
    shown: str = ""
    columns: int = 120
    env: dict[str, str] = field(default_factory=dict[str, str])

    def __enter__(self) -> Self:
        self._mine, theirs = pty.openpty()
        self._decoder = getincrementaldecoder("utf-8")()
        self.process = subprocess.Popen(
            [*PROGRAM, *map(str, self.arguments)],
            env=os.environ | {"TERM": "xterm-256color", "COLUMNS": str(self.columns), "LINES": "40"} | self.env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=Path.cwd(),
            start_new_session=True,
        )
        os.close(theirs)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._mine)

    def type(self, text: str) -> None:
        """Type this."""
        os.write(self._mine, text.encode())

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self.process.send_signal(signal.SIGINT)

    def read_until(self, text: str, times: int = 1, timeout: float = 30) -> None:
        """Read until `text` has been shown so many times."""
        deadline = time.monotonic() + timeout
        while self.shown.count(text) < times:
            assert time.monotonic() < deadline, f"{text!r} was not shown {times} times in {timeout} s:\n{self.shown}"
            if not self._read():
                break
        assert self.shown.count(text) >= times, f"{text!r} was not shown {times} times:\n{self.shown}"

    def finish(self, timeout: float = 30) -> int:
        """Read to the end and answer the exit code."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and self._read():
            pass
        return self.process.wait(timeout)

    def _read(self) -> bool:
        """Read what comes within a moment; False at the end."""
        ready, _, _ = select.select([self._mine], [], [], 0.1)
        if not ready:
            return True
        try:
            new = os.read(self._mine, 65536)
        except OSError:
            # Linux's word for: nobody has the other side open any more.
            return False
        self.shown += self._decoder.decode(new)
        return bool(new)
