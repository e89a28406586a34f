"""The SQL files: each is used, each can be prepared, and the functions they call use the indexes made for them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conveyor.drivers import postgres as package
from conveyor.drivers.open import open_driver
from conveyor.drivers.postgres.statements import MIGRATIONS, SQL, statements_in
from tests import postgres
from tests.contract.stores import jobs

HERE = Path(package.__file__).parent
FILES = sorted((HERE / "sql").glob("*.sql"))
CALLERS = "\n".join(file.read_text() for file in HERE.glob("*.py"))


@pytest.fixture
def connection() -> Iterator[psycopg.Connection[Any]]:
    url = postgres.clean_url()
    open_driver(url).close()
    with psycopg.connect(postgres.server().url(), autocommit=True) as connection:
        yield connection


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_statement_has_a_header_a_caller_and_can_be_prepared(
    file: Path, connection: psycopg.Connection[Any]
) -> None:
    header = [line for line in file.read_text().splitlines() if line.startswith("--")]

    assert header[0].startswith(f"-- {file.name}: ")
    assert [line[:8] for line in header if line.startswith(("-- in:", "-- out:"))] == ["-- in:  ", "-- out: "]
    assert re.search(rf'["\[(]"?{file.stem}"', CALLERS), f"nothing calls {file.name}"
    numbers = {
        name: f"${place}" for place, name in enumerate(dict.fromkeys(re.findall(r"%\((\w+)\)s", SQL[file.stem])), 1)
    }
    text = re.sub(r"%\((\w+)\)s", lambda match: numbers[match[1]], statements_in("tested")[file.stem].decode())
    prepared = connection.pgconn.prepare(b"", text.replace("%%", "%").encode())
    assert not prepared.error_message, prepared.error_message.decode()


def test_every_function_has_a_caller() -> None:
    functions = re.findall(r"^CREATE FUNCTION (\w+)", "\n".join(MIGRATIONS), re.MULTILINE)
    text = "\n".join([*SQL.values(), *MIGRATIONS])

    assert len(functions) == len(set(functions))
    for function in functions:
        assert len(re.findall(rf"\b{function}\(", text)) > 1, f"nothing calls {function}"


def test_a_claim_reads_as_many_jobs_as_it_takes_however_many_wait(connection: psycopg.Connection[Any]) -> None:
    driver = open_driver(postgres.server().url(schema="tested"))
    for priority in (250, 500, 750, 1000):
        driver.push(jobs(2000, priority=priority))
    connection.execute("SELECT pg_stat_reset()")

    driver.claim(["a"], limit=10, lease=30, worker="w")
    driver.close()

    connection.execute("SELECT pg_stat_force_next_flush()")
    row = connection.execute(
        "SELECT seq_tup_read, idx_tup_fetch FROM pg_stat_user_tables WHERE schemaname = 'tested' AND relname = 'job'"
    ).fetchone()
    assert row is not None
    assert row[0] == 0
    assert row[1] < 100
