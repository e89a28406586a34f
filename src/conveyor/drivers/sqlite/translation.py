"""SQLite's errors as ours, each with what to do about it. Codes: https://www.sqlite.org/rescode.html."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Final

from conveyor.errors import SchemaMismatch, StoreError, StoreFull, StoreUnavailable

_BUSY, _LOCKED, _READONLY, _IOERR, _CORRUPT, _FULL, _CANTOPEN, _NOTADB = 5, 6, 8, 10, 11, 13, 14, 26

_BUSY_WORDS: Final = (
    "another process kept {path} locked for {timeout:g} s; try again, look for a stopped process that has the file "
    "open, or raise ?timeout= in the store URL"
)
_WORDS: Final[dict[int, tuple[type[StoreError], str]]] = {
    _BUSY: (StoreUnavailable, _BUSY_WORDS),
    _LOCKED: (StoreUnavailable, _BUSY_WORDS),
    _FULL: (StoreFull, "no room left on the disk of {path}; nothing was written. Make room and try again"),
    _NOTADB: (SchemaMismatch, "{path} is not a SQLite database; name another file in the store URL"),
    _READONLY: (
        StoreUnavailable,
        "{path} cannot be written; give this user the right to write the file and its directory",
    ),
    _CANTOPEN: (StoreUnavailable, "{path} cannot be opened; check that it is a file this user may read and write"),
    _CORRUPT: (StoreError, "{path} is damaged ({error}); restore a copy, or recover it with sqlite3's .recover"),
}


def is_busy(error: sqlite3.Error) -> bool:
    """Whether another connection is in the way, and trying again may help."""
    return _code(error) in (_BUSY, _LOCKED)


def translate(error: sqlite3.Error, path: Path, timeout: float) -> StoreError:
    """The ConveyorError for what SQLite raised on the file at `path`, where writers wait `timeout` seconds."""
    code = _code(error)
    if code == _IOERR and _is_full(path):
        code = _FULL
    kind, words = _WORDS.get(code, (StoreError, "{path}: {error}"))
    return kind(words.format(path=path, timeout=timeout, error=error))


def _code(error: sqlite3.Error) -> int:
    code: int = getattr(error, "sqlite_errorcode", 0) or 0
    return code & 0xFF  # the low byte of an extended code is the primary one


def _is_full(path: Path) -> bool:
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False
