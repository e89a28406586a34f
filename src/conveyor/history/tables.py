"""Where a history keeps what it knows: the tables of a database, and the SQL beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from conveyor.errors import ConfigError, SchemaMismatch
from conveyor.text import readable

Rows = list[tuple[Any, ...]]
Step = tuple[str, Mapping[str, Any]]
"""A statement by the name of its file, and its parameters; lists go as JSON, or row by row."""


class Tables(Protocol):
    """The tables, open. Safe to use from any thread; not across a fork."""

    @property
    def url(self) -> str:
        """The URL, secrets left out."""
        ...

    def run(self, *steps: Step) -> Rows:
        """Do these in one transaction; answer the rows of the last one.

        Raises:
            StoreUnavailable: the database does not answer in time.
            StoreError: it refuses.
        """
        ...

    def close(self) -> None:
        """Let go of connections. Safe to call twice."""
        ...


def open_tables(url: str) -> Tables:
    """Open what the URL names; its tables are made, or brought up to date.

    Raises:
        ConfigError: the URL cannot work.
        SchemaMismatch: the tables are those of a newer release.
        StoreUnavailable: the database cannot be reached.
    """
    if _scheme(url) == "sqlite":
        from conveyor.history.sqlite import SqliteTables

        return SqliteTables(url)
    from conveyor.history.postgres import PostgresTables

    return PostgresTables(url)


def check_url(url: object) -> str:
    """The URL, if a history can be there.

    Raises:
        ConfigError: it cannot.
    """
    if not isinstance(url, str):
        raise ConfigError(f"the URL of a history is {url!r}; give one such as sqlite:///history.db")
    _scheme(url)
    return url


def _scheme(url: str) -> str:
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise ConfigError(f"the URL of a history {readable(url)!r} is no URL ({error}); correct it") from None
    if scheme not in {"sqlite", "postgresql", "postgres"}:
        raise ConfigError(
            f"the URL of a history is {readable(url)!r}; a history lives in SQL: give sqlite:///history.db or "
            "postgresql://user@host/database"
        )
    return scheme


def read_sql(directory: Path) -> tuple[dict[str, str], Sequence[str]]:
    """The statements of a directory, each by the name of its file and without its header; and the migrations."""
    statements = {
        file.stem: "\n".join(line for line in file.read_text("utf-8").splitlines() if not line.startswith("--")).strip()
        for file in sorted((directory / "sql").glob("*.sql"))
    }
    return statements, [file.read_text("utf-8") for file in sorted((directory / "migrations").glob("*.sql"))]


def check_version(version: int, latest: int, place: str) -> None:
    """Make sure that we know a schema of this version.

    Raises:
        SchemaMismatch: we do not.
    """
    if version > latest:
        raise SchemaMismatch(
            f"the history in {place} has schema version {version}, this conveyor knows versions up to {latest}: a "
            "newer release has been here; upgrade conveyor here as well, or name another database"
        )


def not_migrated(version: int, latest: int, place: str) -> SchemaMismatch:
    """The error for tables that may not be changed and have to be."""
    has = f"has schema version {version}, this conveyor needs {latest}" if version else "has no tables yet"
    return SchemaMismatch(
        f"the history in {place} {has}, and its URL says migrate=false; open it once without that, as a user who may "
        "change the tables"
    )


STEP: Final = 1000
"""How many jobs one step touches at most."""
