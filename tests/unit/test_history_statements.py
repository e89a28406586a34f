"""The SQL files of a history: each is used, and each can be prepared on its database."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import psycopg
import pytest

from conveyor import history as package
from conveyor.history.postgres import PostgresTables
from conveyor.history.sqlite import SQL, SqliteTables
from tests import postgres

HERE = Path(package.__file__).parent
FILES = sorted(HERE.glob("*/sql/*.sql"))
CALLERS = "\n".join(file.read_text() for file in HERE.rglob("*.py"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parts[-3]}-{file.stem}")
def test_every_statement_has_a_header_and_a_caller_and_both_databases_have_it(file: Path) -> None:
    header = [line for line in file.read_text().splitlines() if line.startswith("--")]

    assert header[0].startswith(f"-- {file.name}: ")
    assert [line[:8] for line in header if line.startswith(("-- in:", "-- out:"))] == ["-- in:  ", "-- out: "]
    assert f'"{file.stem}"' in CALLERS, f"nothing calls {file.name}"
    assert {each.parts[-3] for each in FILES if each.stem == file.stem} == {"sqlite", "postgres"}


def test_sqlite_prepares_every_statement_and_finds_open_jobs_by_their_index(tmp_path: Path) -> None:
    SqliteTables(f"sqlite:///{tmp_path}/history.db").close()
    connection = sqlite3.connect(tmp_path / "history.db")

    plans: dict[str, str] = {}
    for name, statement in SQL.items():
        named = dict.fromkeys(re.findall(r":(\w+)", statement))
        numbered = [None] * max((int(number) for number in re.findall(r"\?(\d+)", statement)), default=0)
        plans[name] = str(connection.execute(f"EXPLAIN QUERY PLAN {statement}", named or numbered).fetchall())

    assert "conveyor_history_open" in plans["open"]
    assert "conveyor_history_open" in plans["last_open"]
    assert "conveyor_history_expiring" in plans["overdue"]
    assert "conveyor_history_ended" in plans["past_age"]
    connection.close()


def test_postgresql_prepares_every_statement() -> None:
    url = postgres.server().url(schema="prepared")
    tables = PostgresTables(url)
    with psycopg.connect(postgres.server().url(), autocommit=True) as connection:
        for name, statement in tables._sql.items():
            text = statement.decode()
            for place, each in enumerate(dict.fromkeys(re.findall(r"%\((\w+)\)s", text)), 1):
                text = text.replace(f"%({each})s", f"${place}")
            prepared = connection.pgconn.prepare(b"", text.encode())
            assert not prepared.error_message, (name, prepared.error_message.decode())
        connection.execute("DROP SCHEMA prepared CASCADE")
    tables.close()
