"""The supervisor's signals, as something a selector can wait for."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Collection
from typing import Any, Final, NamedTuple

_STOPS: Final = (signal.SIGTERM, signal.SIGINT)


class Taken(NamedTuple):
    """What has been said since the last look."""

    stops: list[signal.Signals]
    """Each SIGTERM and SIGINT, in order."""
    restart: str
    """Why the children are to be replaced, in words, such as "SIGHUP"; "" when they are not."""


class Orders:
    """Takes the signals of this process, from the main thread, until `close` gives them back."""

    def __init__(self) -> None:
        self.stopping: Final = threading.Event()
        """Set by the first SIGTERM or SIGINT."""
        self._stops: list[signal.Signals] = []
        self._restart = ""
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        # A handler alone would not end a wait that has just begun; a byte in the pipe does.
        self._wakeup_before = signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        self._before: dict[signal.Signals, Any] = {
            signal.SIGCHLD: signal.signal(signal.SIGCHLD, self._note),
            signal.SIGHUP: signal.signal(signal.SIGHUP, self._note),
            **{number: signal.signal(number, self._note) for number in _STOPS},
        }

    def close(self) -> None:
        """Give the signals back. Safe to call twice."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        if self._write != -1:
            signal.set_wakeup_fd(self._wakeup_before)
            os.close(self._read)
            os.close(self._write)
            self._write = -1

    def fileno(self) -> int:
        """Readable when something was said."""
        return self._read

    def wake(self) -> None:
        """End the wait of a selector. From any thread."""
        with contextlib.suppress(BlockingIOError, OSError):
            os.write(self._write, b"\0")

    def restart(self, why: str) -> None:
        """As a SIGHUP, and end the wait. From any thread."""
        self._restart = why
        self.wake()

    def take(self) -> Taken:
        """What has been said since the last look."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self._read, 4096):
                pass
        stops, self._stops = self._stops, []
        restart, self._restart = self._restart, ""
        return Taken(stops, restart)

    def reap_strangers(self, ours: Collection[int]) -> None:
        """As process 1 of a container: bury what others have left behind, for nobody else will."""
        if os.getpid() != 1 or not hasattr(os, "waitid"):
            return
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if ended.si_pid in ours:
                    # Ours may hide others behind it until its own turn, which is soon.
                    return
                os.waitpid(ended.si_pid, os.WNOHANG)

    def _note(self, number: int, _frame: object) -> None:
        if number == signal.SIGHUP:
            self._restart = "SIGHUP"
        elif number != signal.SIGCHLD:
            self._stops.append(signal.Signals(number))
            self.stopping.set()
