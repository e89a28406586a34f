"""How much memory processes have resident."""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path
from typing import Final

from conveyor.measures import Memory

PAUSE: Final = 50_000_000
"""Nanoseconds between two runs that are measured; a run that takes longer is measured each time."""

NEVER: Final = 1 << 63

_SET_BACK: Final = b"5"
"""What clear_refs takes for setting back the high-water mark; see proc_pid_clear_refs(5)."""

_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


def resident_bytes(pid: int) -> int:
    """The resident set of a process; 0 for one that is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except ProcessLookupError:
        # It ended between the opening and the reading.
        return 0
    except FileNotFoundError:
        return 0 if Path("/proc/self/statm").exists() else _asked(pid)


def _asked(pid: int) -> int:
    """Where there is no /proc. psutil takes a while to load."""
    import psutil

    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


class Gauge:
    """Measures what single runs take, one in PAUSE at most, so that short jobs do not pay for it.

    Works where there is /proc, in a process that runs one sync job at a time. The peak is the run's own: the system's
    high-water mark is set back before it. Async jobs beside it are measured with it.
    """

    __slots__ = ("_mark", "_resident", "due")

    def __init__(self, *, runs_alone: bool) -> None:
        self._resident = self._mark = -1
        self.due = NEVER
        """When to measure next (monotonic nanoseconds)."""
        if runs_alone:
            with contextlib.suppress(OSError):
                self._resident = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
                self._mark = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
                os.pwrite(self._mark, _SET_BACK, 0)
                self.due = 0

    def begin(self, now: int) -> int:
        """A run begins, at this moment (monotonic nanoseconds); answer the bytes before it."""
        self.due = now + PAUSE
        os.pwrite(self._mark, _SET_BACK, 0)
        return self._now()

    def end(self, before: int) -> Memory:
        """It has ended."""
        after = self._now()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        return Memory(before, after, max(before, after, peak))

    def _now(self) -> int:
        return int(os.pread(self._resident, 128, 0).split()[1]) * _PAGE
