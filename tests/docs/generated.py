"""What is drawn from the code in the documentation, between `<!-- begin: NAME -->` and `<!-- end -->`.

`python -m tests.docs.generated` draws it anew; a test fails while a page has something else.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Final

from benchmarks.compare.goals import as_markdown
from benchmarks.compare.kept import Kept
from conveyor import errors
from conveyor.cli import defaults
from conveyor.drivers.open import open_driver
from conveyor.lifecycle import MOVES
from conveyor.priority import Aging, Priority
from conveyor.records import JobStatus
from conveyor.retention import Retention
from conveyor.times import SECOND
from tests import postgres
from tests.docs import api
from tests.docs.blocks import ROOT, pages
from tests.docs.pictures import GROUPS, pictures

_REGION: Final = re.compile(r"(<!-- begin: (?P<name>[^>]+) -->\n).*?(\n<!-- end -->)", re.DOTALL)


def moves() -> str:
    """The state machine: each status, and what may follow it."""
    width = max(map(len, MOVES))
    lines = [f"{'from':<{width}}     to", "─" * 72]
    for status in JobStatus:
        after = ", ".join(each.value for each in JobStatus if each in MOVES[status])
        lines.append(f"{status.value:<{width}}{f' ──► {after}' if after else '     (the end)'}")
    return _text(lines)


def statuses() -> str:
    """Which status is what."""
    lines = ["| status | `is_active` | `is_failure` | `is_final` |", "|---|---|---|---|"]
    for status in JobStatus:
        marks = ("yes" if answer else "" for answer in (status.is_active, status.is_failure, status.is_final))
        lines.append(f"| `{status.value}` | {' | '.join(marks)} |")
    return "\n".join(lines)


def error_tree() -> str:
    """The tree in the docstring of `errors.py`."""
    doc = errors.__doc__ or ""
    return _text([line[4:] for line in doc.splitlines() if line.startswith("    ")])


def scores() -> str:
    """What each priority adds to the moment of becoming ready."""
    offsets = Aging().offsets
    lines = ["| priority | number | seconds added |", "|---|---|---|"]
    lines += [
        f"| `{level.name.lower()}` | {level.value} | {offsets[level.value] // SECOND} |"
        for level in sorted(Priority, reverse=True)
    ]
    return "\n".join(lines)


def schema() -> str:
    """The tables that the migrations make, with their columns, and the view."""
    connection = sqlite3.connect(":memory:")
    for step in _migrations("sqlite"):
        connection.executescript(step)
    parts: list[str] = []
    made = "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY rowid"
    for table, kind in connection.execute(made).fetchall():
        about = _about("sqlite", table)
        lines = [f"### `{table}`{' (view)' if kind == 'view' else ''}", "", *([about, ""] if about else [])]
        lines += ["| column | type | |", "|---|---|---|"]
        for _, name, type, required, _, key in connection.execute(f"PRAGMA table_info({table})"):
            rule = "primary key" if key else "" if required or kind == "view" else "may be NULL"
            note = _note("sqlite", table, name)
            lines.append(f"| `{name}` | {type} | {'; '.join(filter(None, (rule, note)))} |")
        parts.append("\n".join(lines))
    connection.close()
    return "\n\n".join(parts)


def postgres_schema() -> str:
    """The same of PostgreSQL, as a server tells it."""
    open_driver(postgres.clean_url()).close()
    parts: dict[str, list[str]] = {}
    for table, kind, column, type, required, is_key in postgres.server().execute(_COLUMNS):
        if table not in parts:
            about = _about("postgres", table)
            heading = f"### `{table}`{' (view)' if kind == 'v' else ''}"
            parts[table] = [heading, "", *([about, ""] if about else []), "| column | type | |", "|---|---|---|"]
        rule = "primary key" if is_key else "" if required or kind == "v" else "may be NULL"
        note = _note("postgres", table, column)
        parts[table].append(f"| `{column}` | {type} | {'; '.join(filter(None, (rule, note)))} |")
    return "\n\n".join("\n".join(lines) for lines in parts.values())


_COLUMNS: Final = """
SELECT c.relname, c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
       EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary AND a.attnum = ANY (i.indkey))
  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
 WHERE c.relnamespace = 'tested'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition
   AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY c.oid, a.attnum
"""


def retention() -> str:
    """How long ended jobs are kept by default."""
    kept = Retention()
    day = 86_400
    dead, finished, measured = kept.dead_age, kept.finished_age, kept.metrics_age
    assert dead is not None
    assert finished is not None
    return "\n".join(
        [
            "| what | for | at most |",
            "|---|---|---|",
            f"| completed and cancelled jobs | {finished / day:g} days | {kept.finished_count:,} |",
            f"| dead letters | {dead / day:g} days | {kept.dead_count:,} |",
            f"| metrics | {measured / day:g} days | |",
        ]
    )


def goals() -> str:
    """What the kept answers of the comparison say of what is wanted."""
    return as_markdown(Kept(ROOT / "benchmarks" / "comparison.json").tables())


def work_keys() -> str:
    """The keys of [work] in conveyor.toml."""
    return ", ".join(f"`{key}`" for key in defaults.WORK) + "."


def _text(lines: list[str]) -> str:
    return "\n".join(["```text", *lines, "```"])


def _migrations(store: str) -> Iterator[str]:
    folder = resources.files(f"conveyor.drivers.{store}") / "migrations"
    for file in sorted(folder.iterdir(), key=lambda each: each.name):
        yield file.read_text(encoding="utf-8")


_CREATE: Final = re.compile(
    r"(?P<about>(?:^--[^\n]*\n)*)^CREATE (?:UNLOGGED )?(?:TABLE|VIEW) (?P<name>\w+)(?P<body>.*?;)$",
    re.DOTALL | re.MULTILINE,
)


def _about(store: str, table: str) -> str:
    """The comment above a table."""
    for step in _migrations(store):
        for match in _CREATE.finditer(step):
            if match["name"] == table:
                return " ".join(line.removeprefix("--").strip() for line in match["about"].splitlines())
    return ""


def _note(store: str, table: str, column: str) -> str:
    """The comment beside a column."""
    for step in _migrations(store):
        for match in _CREATE.finditer(step):
            found = re.search(rf"^ +{column} [^\n]*?-- (?P<note>[^\n]*)$", match["body"], re.MULTILINE)
            if match["name"] == table and found is not None:
                return found["note"]
    return ""


DRAWN: Final[dict[str, Callable[[], str]]] = {
    "moves": moves,
    "statuses": statuses,
    "errors": error_tree,
    "scores": scores,
    "schema": schema,
    "postgres schema": postgres_schema,
    "retention": retention,
    "goals": goals,
    "work keys": work_keys,
    **{f"{group} pictures": partial(pictures, group) for group in GROUPS},
}


def drawn(name: str) -> str:
    """The content of a region: one of DRAWN, or `api` and the public names it tells of."""
    if name in DRAWN:
        return DRAWN[name]()
    kind, *names = name.split()
    assert kind == "api", f"there is nothing to draw called {name!r}"
    return "\n\n".join(api.reference(each) for each in names)


def regions(page: Path) -> Iterator[str]:
    """The names of the regions of a page."""
    yield from (match["name"] for match in _REGION.finditer(page.read_text(encoding="utf-8")))


def without_regions(page: Path) -> str:
    """What people have written of the page."""
    return _REGION.sub("", page.read_text(encoding="utf-8"))


def redrawn(page: Path) -> str:
    """The page as it should be."""
    return _REGION.sub(
        lambda match: f"{match[1]}\n{drawn(match['name'])}\n{match[3]}", page.read_text(encoding="utf-8")
    )


if __name__ == "__main__":
    for each in pages():
        each.write_text(redrawn(each), encoding="utf-8")
