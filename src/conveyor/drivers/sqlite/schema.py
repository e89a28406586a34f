"""Whether a file is ours, and of which version; creates and migrates it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from conveyor.drivers.sqlite.statements import MIGRATIONS
from conveyor.errors import SchemaMismatch


def prepare(connection: sqlite3.Connection, path: Path, *, share: bool) -> None:
    """Bring the file to the present schema; several processes may do it at once. May raise SQLITE_BUSY: try again.

    Args:
        connection: with no transaction open.
        path: for the errors.
        share: whether the file may hold tables that are not ours.

    Raises:
        SchemaMismatch: the file belongs to something else, or to a newer conveyor.
    """
    version = _version(connection, path, share=share)
    # Kept in the file; asked for each time, because a tool may have changed it.
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    if version == len(MIGRATIONS):
        return
    # Commits or rolls back, written in C and therefore not interrupted half-way.
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Again under the lock: another process may have been faster.
        for step in MIGRATIONS[_version(connection, path, share=share) :]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute("UPDATE conveyor_schema SET version = ?", (len(MIGRATIONS),))


def _version(connection: sqlite3.Connection, path: Path, *, share: bool) -> int:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "conveyor_schema" not in tables:
        if tables and not share:
            raise SchemaMismatch(
                f"{path} is a database of another application (it has a table {min(tables)!r}); "
                "name another file in the store URL, or add ?share=true to keep conveyor's tables in this one"
            )
        return 0
    version: int = connection.execute("SELECT version FROM conveyor_schema").fetchone()[0]
    if version > len(MIGRATIONS):
        raise SchemaMismatch(
            f"{path} has schema version {version}, this conveyor knows versions up to {len(MIGRATIONS)}; "
            "upgrade conveyor, or name another file"
        )
    return version


def _statements(script: str) -> list[str]:
    """The statements of a script. `executescript` would commit the transaction they belong in."""
    found: list[str] = []
    rest = ""
    for line in script.splitlines(keepends=True):
        rest += line
        if sqlite3.complete_statement(rest):
            found.append(rest)
            rest = ""
    return found
