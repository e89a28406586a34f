"""A child process, as its supervisor sees it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec

from conveyor.records import ClaimKey
from conveyor.worker.aftermath import Aftermath, Fate, Verdict, death
from conveyor.worker.messages import Begin, Channel, FromChild, Thaw
from conveyor.worker.slots import SlotTable
from conveyor.worker.watch import after_death

_ENDED: Final = "its process was killed while it ran"


class State(Enum):
    """Where a child is in its life."""

    STARTING = "starting"
    STANDBY = "standby"
    """Ready, and waiting for the one it replaces to end."""
    WORKING = "working"
    DRAINING = "draining"


class Offspring:
    """One child process: started here, spoken to, watched, killed, and reaped.

    Args:
        begin: what it is told first.
        slots: how many jobs it may run at a time.
        threads: how many of the slots belong to threads.
    """

    def __init__(self, begin: Begin, slots: int, threads: int) -> None:
        self.name: Final = begin.name
        self.is_standby = begin.standby
        self.state = State.STARTING
        self.was_ready = False
        self.types: tuple[str, ...] = ()
        """See `Ready`."""
        self.is_idle = False
        self.is_quiet: bool | None = None
        """What it last answered to Freeze; `None` while it owes an answer."""
        self.is_recycled = False
        """It has grown too big or too old, and is in line to be replaced."""
        self.successor: Offspring | None = None
        self.started: Final = time.monotonic()
        self.slots: Final = SlotTable.create(slots)
        self.unfit: str | None = None
        self._threads = threads
        self._verdicts: Mapping[ClaimKey, Verdict] | None = None
        ours, theirs = socket.socketpair()
        with theirs:
            ours.setblocking(False)  # noqa: FBT003 - the socket's own signature
            # -P: nothing in the current directory may stand in for the standard library before the path is set.
            command = [sys.executable, "-P", "-m", "conveyor.worker.child"]
            self._process = subprocess.Popen(
                [*command, str(theirs.fileno()), str(self.slots.fd), str(slots)],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), self.slots.fd),
                # A group of its own: Ctrl-C is for the supervisor, and what jobs start can be killed with it.
                process_group=0,
            )
        self.slots.hand_over()
        self.channel: Final = Channel(ours, FromChild)
        self.channel.send(begin)

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, message: msgspec.Struct) -> None:
        """Say something; to a child that has died it is said in vain."""
        self.channel.send(message)

    def thaw(self) -> None:
        """Let it work."""
        self.is_standby = False
        self.is_idle = False
        self.is_quiet = None
        if self.state is State.STANDBY:
            self.state = State.WORKING
        self.send(Thaw())

    def kill(self, verdicts: Mapping[ClaimKey, Verdict]) -> None:
        """End it now, whatever it does, and what its jobs have started.

        What it runs then and is not among `verdicts` is cut off.
        """
        if self._verdicts is None:
            self._verdicts = verdicts
            self._kill_group()

    @property
    def is_killed(self) -> bool:
        return self._verdicts is not None

    def end(self) -> Aftermath | None:
        """What is left to be settled if it has ended, once; `None` while it lives."""
        if hasattr(os, "waitid"):
            flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
            if os.waitid(os.P_PID, self.pid, flags) is None:
                return None
            # While it is a zombie its process group cannot be anybody else's. What a clean end leaves behind may stay.
            if os.waitid(os.P_PID, self.pid, flags).si_status != 0:  # type: ignore[union-attr] # pyright: ignore[reportOptionalMemberAccess] - it has ended
                self._kill_group()
        code = self._process.poll()
        if code is None:
            return None
        ended = time.monotonic_ns()
        ended_at = time.time_ns() // 1000
        running = self.slots.running()
        if self._verdicts is not None:
            cut = Verdict(Fate.CUT_OFF, _ENDED)
            verdicts = {job.key: self._verdicts.get(job.key, cut) for job in running}
        else:
            from_outside = code in {-signal.SIGKILL, -signal.SIGTERM}
            verdicts = after_death(
                running, self.slots.header(), death(code), threads=self._threads, from_outside=from_outside
            )
        started_at = {job.key: ended_at - (ended - job.since) // 1000 for job in running}
        return Aftermath(self.name, verdicts, started_at, ended_at)

    @property
    def exit_code(self) -> int | None:
        """Minus its signal for one that was killed; `None` while it lives."""
        return self._process.returncode

    def _kill_group(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
