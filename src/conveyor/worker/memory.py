"""How much memory processes have resident."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

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
