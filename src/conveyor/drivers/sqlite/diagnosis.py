"""What a file says of itself: version, settings, room, permissions; see `drivers.base.Driver.diagnose`."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Final

from conveyor.drivers.sqlite.part import Part
from conveyor.drivers.sqlite.statements import MIGRATIONS
from conveyor.findings import Finding

_MIB: Final = 1 << 20
_SCARCE: Final = 512 * _MIB
"""Free bytes below which a disk is nearly full."""
_LONG_WAL: Final = 256 * _MIB
"""A log that checkpoints keep cutting back has some 16 MiB; one this long has a reader in its way."""
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "glusterfs"})
"""File systems on which SQLite's locks and shared memory cannot be trusted."""


class Diagnosis(Part):
    """The operations on the store itself; their promises stand in `drivers/base.py`."""

    def now(self) -> int:
        self._database.check_open()
        return self._clock()

    def diagnose(self) -> list[Finding]:
        path = self._database.path.absolute()
        journal = self._database.read("SELECT journal_mode FROM pragma_journal_mode")
        schema = self._database.read("SELECT version FROM conveyor_schema")
        return [
            Finding(is_ok=True, text=f"SQLite {sqlite3.sqlite_version}, schema {schema} of {len(MIGRATIONS)}"),
            Finding(
                is_ok=journal == "wal",
                text=f"journal mode {journal}",
                remedy="" if journal == "wal" else "close every program that uses the file and open it with conveyor",
            ),
            _writable(path),
            _room(path),
            _log(path),
            _file_system(path),
        ]


def _writable(path: Path) -> Finding:
    if os.access(path, os.R_OK | os.W_OK):
        return Finding(is_ok=True, text=f"this user may write {path}")
    return Finding(
        is_ok=False, text=f"this user may not write {path}", remedy="give the worker's user read and write permission"
    )


def _room(path: Path) -> Finding:
    free = shutil.disk_usage(path.parent).free
    return Finding(
        is_ok=free >= _SCARCE,
        text=f"{free // _MIB:,} MiB free beside the file, which has {path.stat().st_size // _MIB:,} MiB",
        remedy="" if free >= _SCARCE else "make room: a full disk refuses every push",
    )


def _log(path: Path) -> Finding:
    log = path.with_name(path.name + "-wal")
    length = log.stat().st_size if log.exists() else 0
    return Finding(
        is_ok=length < _LONG_WAL,
        text=f"its write-ahead log has {length // _MIB:,} MiB",
        remedy="" if length < _LONG_WAL else "end the program that has kept a transaction open on the file",
    )


def _file_system(path: Path) -> Finding:
    kind = _mounted_as(path)
    return Finding(
        is_ok=kind not in _NETWORK,
        text=f"on a {kind} file system" if kind else "the file system is not known here",
        remedy="" if kind not in _NETWORK else "move the file to a disk of this machine, or use Redis or PostgreSQL",
    )


def _mounted_as(path: Path) -> str:
    """The type of the file system that the path is on; empty where /proc does not tell."""
    mounts = Path("/proc/mounts")
    if not mounts.exists():
        return ""
    here = path.resolve()
    kind, longest = "", -1
    for line in mounts.read_text(encoding="utf-8", errors="replace").splitlines():
        _, place, of_kind, *_ = line.split(" ")
        mounted = Path(place.replace("\\040", " "))
        if here.is_relative_to(mounted) and len(mounted.parts) >= longest:
            kind, longest = of_kind, len(mounted.parts)
    return kind
