"""Whether a file is ours, and of which version; creates and migrates it."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from conveyor.drivers.sqlite.statements import MIGRATIONS
from conveyor.errors import SchemaMismatch

LATEST: Final = len(MIGRATIONS)
"""The version that this conveyor needs."""


def prepare(connection: sqlite3.Connection, path: Path, *, share: bool, migrate: bool = True) -> int:
    """Bring the file to the present schema; several processes may do it at once. May raise SQLITE_BUSY: try again.

    Args:
        connection: with no transaction open.
        path: for the errors.
        share: whether the file may hold tables that are not ours.
        migrate: whether the schema may be changed.

    Returns:
        the version it had.

    Raises:
        SchemaMismatch: the file belongs to something else, or to a newer conveyor, or is old and may not be changed.
    """
    version = version_of(connection, path, share=share)
    if version < LATEST and not migrate:
        raise not_migrated(path, version)
    # Kept in the file; asked for each time, because a tool may have changed it.
    if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        connection.execute("PRAGMA journal_mode = WAL")
    if version == LATEST:
        return version
    # Commits or rolls back, written in C and therefore not interrupted half-way.
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        # Again under the lock: another process may have been faster.
        version = version_of(connection, path, share=share)
        for step in MIGRATIONS[version:]:
            for statement in _statements(step):
                connection.execute(statement)
        connection.execute("UPDATE conveyor_schema SET version = ?", (LATEST,))
    return version


def version_of(connection: sqlite3.Connection, path: Path, *, share: bool) -> int:
    """Which version the file has; 0 when there is nothing of ours.

    Raises:
        SchemaMismatch: the file belongs to something else, or to a newer conveyor.
    """
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "conveyor_schema" not in tables:
        if tables and not share:
            raise SchemaMismatch(
                f"{path} is a database of another application (it has a table {min(tables)!r}); "
                "name another file in the store URL, or add ?share=true to keep conveyor's tables in this one"
            )
        return 0
    version: int = connection.execute("SELECT version FROM conveyor_schema").fetchone()[0]
    if version > LATEST:
        raise SchemaMismatch(
            f"{path} has schema version {version}, this conveyor knows versions up to {LATEST}: a newer release has "
            "been here; upgrade conveyor here as well, or name another file"
        )
    return version


def not_migrated(path: Path, version: int) -> SchemaMismatch:
    """The error for a file that has to be migrated first."""
    has = (
        f"has schema version {version}, this conveyor needs {LATEST}" if version else "has no tables of conveyor's yet"
    )
    return SchemaMismatch(f"{path} {has}, and the store URL says migrate=false; run `conveyor migrate` first")


def script(path: Path, version: int) -> str:
    """The statements that lead from a version to the present one, as a transaction to be run by hand."""
    if version == LATEST:
        return ""
    return "\n".join(
        [
            f"-- Brings {path.name!r} from version {version} to version {LATEST}. Run it whole, for instance with",
            "-- sqlite3 -bail.",
            "PRAGMA journal_mode = WAL;",
            "BEGIN IMMEDIATE;",
            *MIGRATIONS[version:],
            f"UPDATE conveyor_schema SET version = {LATEST};",  # noqa: S608 - a number
            "COMMIT;",
        ]
    )


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
