"""The SQL files: each is used, each can be prepared, and the hot ones use the indexes made for them."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from conveyor.drivers import sqlite as package
from conveyor.drivers.open import open_driver
from conveyor.drivers.sqlite.statements import MIGRATIONS, SQL

HERE = Path(package.__file__).parent
FILES = sorted((HERE / "sql").glob("*.sql"))
CALLERS = "\n".join(file.read_text() for file in HERE.glob("*.py"))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    path = tmp_path / "conveyor.db"
    open_driver(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path)
    yield connection
    connection.close()


def explain(connection: sqlite3.Connection, name: str) -> list[str]:
    statement = SQL[name]
    named = dict.fromkeys(re.findall(r":(\w+)", statement))
    numbered = [None] * max((int(number) for number in re.findall(r"\?(\d+)", statement)), default=0)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}", named or numbered)
    return [detail for *_, detail in rows]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_statement_has_a_header_a_caller_and_can_be_prepared(file: Path, connection: sqlite3.Connection) -> None:
    header = [line for line in file.read_text().splitlines() if line.startswith("--")]

    assert header[0].startswith(f"-- {file.name}: ")
    assert [line[:8] for line in header if line.startswith(("-- in:", "-- out:"))] == ["-- in:  ", "-- out: "]
    assert is_called(file.stem), f"nothing calls {file.name}"
    explain(connection, file.stem)


def is_called(name: str) -> bool:
    if f'"{name}"' in CALLERS:
        return True
    # Families that share a caller: SQL[f"delete_{kind}"], SQL[f"prune_{what}s"].
    families = re.findall(r'SQL\[f"(\w*)\{\w+\}(\w*)"\]', CALLERS)
    return any(name.startswith(before) and name.endswith(after) for before, after in families)


@pytest.mark.parametrize(
    ("name", "indexes"),
    [
        ("probe", {"conveyor_job_ready", "conveyor_job_delayed", "conveyor_job_expiring"}),
        ("next", {"conveyor_job_ready"}),
        ("due", {"conveyor_job_delayed"}),
        ("overdue", {"conveyor_job_expiring"}),
        ("lapsed", {"conveyor_job_processing"}),
        ("held_of_types", {"conveyor_job_held"}),
        ("rival", {"conveyor_job_unique"}),
        ("dead_rival", {"conveyor_dead_unique"}),
        ("counters", {"conveyor_job_ready"}),
        ("untended", {"conveyor_job_delayed", "conveyor_job_expiring", "conveyor_job_held"}),
    ],
)
def test_what_runs_often_searches_by_index_and_scans_no_table_of_jobs(
    name: str, indexes: set[str], connection: sqlite3.Connection
) -> None:
    plan = explain(connection, name)

    assert indexes <= {word for line in plan for word in line.split()}
    scanned = [line for line in plan if re.match(r"SCAN conveyor_(job|finished|dead)\b(?! USING)", line)]
    # Reading a table by rowid with a LIMIT is how the oldest row is found.
    assert [line for line in scanned if name != "untended"] == []


def test_a_peek_finds_by_index_and_fetches_by_id(connection: sqlite3.Connection) -> None:
    plan = explain(connection, "peek")

    assert sum("SEARCH conveyor_job USING INDEX conveyor_job_ready (" in line for line in plan) == 4, plan
    assert sum("SEARCH conveyor_" in line and "(id=?)" in line for line in plan) == 3, plan
    assert not any(re.match(r"SCAN conveyor_", line) for line in plan), plan


@pytest.mark.parametrize("name", ["find", "match"])
def test_a_search_walks_the_ids_in_order_and_sorts_nothing(name: str, connection: sqlite3.Connection) -> None:
    plan = explain(connection, name)

    assert (
        sum(bool(re.match(r"SEARCH conveyor_\w+ USING INDEX \w+ \(id>\? AND id<\?\)", line)) for line in plan) == 3
    ), plan
    assert not any("TEMP B-TREE" in line for line in plan), plan


@pytest.mark.parametrize("name", ["holding", "complete", "finish", "bury", "again", "leave", "get", "whereabouts"])
def test_what_takes_ids_searches_by_them(name: str, connection: sqlite3.Connection) -> None:
    plan = explain(connection, name)

    assert any("SEARCH" in line and "(id=?)" in line for line in plan), plan
    assert not any(re.match(r"SCAN conveyor_", line) for line in plan), plan


def test_the_migrations_are_numbered_without_a_gap() -> None:
    names = sorted(file.stem for file in (HERE / "migrations").glob("*.sql"))

    assert names == [f"{number:04}" for number in range(1, len(MIGRATIONS) + 1)]
