"""migrate: the store's tables brought up to date, or printed, on every kind of store."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from conveyor.drivers.open import open_driver
from conveyor.drivers.sqlite.statements import MIGRATIONS
from tests import postgres
from tests.cli.conftest import Cli
from tests.cli.program import PROGRAM, run


@pytest.fixture
def url() -> Iterator[str]:
    """A schema that is not there yet."""
    server = postgres.server()
    server.execute("DROP SCHEMA IF EXISTS migrated CASCADE")
    yield server.url(schema="migrated", migrate="false")
    server.execute("DROP SCHEMA IF EXISTS migrated CASCADE")


def test_a_schema_is_made_once_and_then_there_is_nothing_to_do(cli: Cli, url: str) -> None:
    made = cli("migrate", "--url", url, url=False)
    again = cli("migrate", "--url", url, url=False)

    assert (made.code, again.code) == (0, 0)
    assert "schema migrated of" in made.err
    assert "was made, in version" in made.err
    assert "nothing to do" in again.err
    assert cli("migrate", "--sql", "--url", url, url=False).out == ""
    open_driver(url).close()


def test_sql_is_printed_and_nothing_is_touched(cli: Cli, url: str, tmp_path: Path) -> None:
    server = cli("migrate", "--sql", "--url", url, url=False)
    file = cli("migrate", "--sql", "--url", "sqlite:///conveyor.db", url=False)

    assert server.out.count("CREATE TABLE job (") == 1
    assert 'CREATE SCHEMA "migrated" AUTHORIZATION "postgres";' in server.out
    assert postgres.server().execute("SELECT FROM pg_namespace WHERE nspname = 'migrated'") == []
    assert file.out.endswith("COMMIT;\n")
    assert list(tmp_path.iterdir()) == []
    with closing(sqlite3.connect(tmp_path / "conveyor.db")) as by_hand:
        by_hand.executescript(file.out)
    open_driver("sqlite:///conveyor.db?migrate=false").close()


def test_a_file_is_made_and_an_old_one_brought_up_to_date(cli: Cli, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.db")) as old:
        old.executescript(MIGRATIONS[0])
        old.execute("UPDATE conveyor_schema SET version = 1")
        old.commit()

    made = cli("migrate", "--url", "sqlite:///new.db?migrate=false", url=False)
    brought = cli("migrate", "--url", "sqlite:///old.db?migrate=false", url=False)

    assert made.err == f"new.db was made, in version {len(MIGRATIONS)}.\n"
    assert brought.err == f"old.db was brought from version 1 to version {len(MIGRATIONS)}.\n"
    open_driver("sqlite:///old.db?migrate=false").close()


def test_a_store_without_tables_has_nothing_to_migrate(cli: Cli) -> None:
    answer = cli("migrate")

    assert (answer.code, answer.err) == (0, "This store has no tables to migrate.\n")


def test_many_may_migrate_at_once_and_one_does(url: str) -> None:
    several = [
        subprocess.Popen([*PROGRAM, "migrate", "--url", url], stderr=subprocess.PIPE, text=True) for _ in range(3)
    ]

    said = [process.communicate(timeout=60)[1] for process in several]

    assert [process.returncode for process in several] == [0, 0, 0]
    assert sorted("was made" in each for each in said) == [False, False, True]
    open_driver(url).close()


def test_a_worker_of_an_older_release_says_that_a_newer_one_was_here(url: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("from conveyor import Conveyor\napp = Conveyor()\n")
    assert run("migrate", "--url", url).returncode == 0
    postgres.server().execute("UPDATE migrated.schema_version SET version = 99")

    answer = run("work", "--app", "shop:app", "--url", url)

    assert answer.returncode == 1
    assert "has version 99" in answer.stderr
    assert "upgrade conveyor here as well" in answer.stderr
    assert "Traceback" not in answer.stderr
