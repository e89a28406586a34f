"""The machine and what runs on it: figures mean little without."""

from __future__ import annotations

import contextlib
import os
import platform
import tempfile
from pathlib import Path
from typing import Final

import psutil

import conveyor

_GUEST: Final = ("guest", "guest_nice")  # counted in `user` and `nice` already
_AT_REST: Final = ("idle", "iowait")


def describe() -> dict[str, str]:
    """What to print above figures."""
    return {
        "machine": f"{_cores()} cores of {_processor()}, {psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}, stores on {_filesystem()}",
        "versions": f"conveyor {conveyor.__version__}, {platform.python_implementation()} {platform.python_version()}",
    }


class OthersLoad:
    """What part of the machine's processor time went to processes that are not ours, since this was made."""

    def __init__(self) -> None:
        self._total, self._busy = _machine_seconds()
        self._own = _own_seconds()

    def share(self) -> float:
        """From 0 to 1. Servers and workers that we have started are no others."""
        total, busy = _machine_seconds()
        others = (busy - self._busy) - (_own_seconds() - self._own)
        return max(0.0, others / (total - self._total)) if total > self._total else 0.0


def _machine_seconds() -> tuple[float, float]:
    times = {name: value for name, value in psutil.cpu_times()._asdict().items() if name not in _GUEST}
    total = sum(times.values())
    return total, total - sum(times.get(name, 0.0) for name in _AT_REST)


def _own_seconds() -> float:
    seconds = 0.0
    ours = psutil.Process()
    for process in (ours, *ours.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            seconds += times.user + times.system + times.children_user + times.children_system
    return seconds


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    described = Path("/proc/cpuinfo")
    if described.exists():
        for line in described.read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _filesystem() -> str:
    directory = Path(tempfile.gettempdir()).resolve()
    holding = [part for part in psutil.disk_partitions(all=True) if directory.is_relative_to(part.mountpoint)]
    return max(holding, key=lambda part: len(part.mountpoint)).fstype if holding else "an unknown file system"
