"""The SQL of the driver, read from its files once, when the driver is imported."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
_SCHEMA: Final = re.compile(r"\bconveyor\.")


def _read(file: Path) -> str:
    """The statement alone: the header comment is for people, and would be sent with every execution."""
    return "\n".join(line for line in file.read_text("utf-8").splitlines() if not line.startswith("--")).strip()


SQL: Final = {file.stem: _read(file) for file in sorted((_HERE / "sql").glob("*.sql"))}
"""Each statement by the name of its file, for the schema `conveyor`."""

MIGRATIONS: Final = tuple(file.read_text("utf-8") for file in sorted((_HERE / "migrations").glob("*.sql")))
"""The schema, oldest step first; the n-th step leads to version n. They run with the search path set to the schema."""


def statements_in(schema: str) -> dict[str, bytes]:
    """The statements for a schema of this name, as psycopg wants them."""
    # A schema's name is letters, digits and underscores: see settings.py.
    return {name: _SCHEMA.sub(f'"{schema}".', statement).encode() for name, statement in SQL.items()}
