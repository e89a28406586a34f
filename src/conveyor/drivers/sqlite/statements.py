"""The SQL of the driver, read from its files once, when the driver is imported."""

from __future__ import annotations

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


def _read(file: Path) -> str:
    """The statement alone: the header comment is for people, and would be hashed at every execution."""
    return "\n".join(line for line in file.read_text("utf-8").splitlines() if not line.startswith("--")).strip()


SQL: Final = {file.stem: _read(file) for file in sorted((_HERE / "sql").glob("*.sql"))}
"""Each statement by the name of its file."""

MIGRATIONS: Final = tuple(file.read_text("utf-8") for file in sorted((_HERE / "migrations").glob("*.sql")))
"""The schema, oldest step first; the n-th step leads to version n."""
