"""Migrations: every old version becomes what a fresh install is, whoever runs them, and nobody uses a wrong version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
import pytest

from conveyor.drivers.open import open_driver, open_schema
from conveyor.drivers.postgres import statements as postgres_statements
from conveyor.drivers.sqlite import statements as sqlite_statements
from conveyor.errors import SchemaMismatch, StoreError
from tests import postgres
from tests.contract.stores import a_job, is_kept

POSTGRES: Final = len(postgres_statements.MIGRATIONS)
SQLITE: Final = len(sqlite_statements.MIGRATIONS)

CATALOG: Final = """
    SELECT 'relation', c.relname::text, c.relkind::text, c.reloptions::text, c.relpersistence::text,
           pg_get_expr(c.relpartbound, c.oid), pg_get_partkeydef(c.oid),
           CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) WHEN 'i' THEN pg_get_indexdef(c.oid)
                          WHEN 'I' THEN pg_get_indexdef(c.oid) END
      FROM pg_class AS c WHERE c.relnamespace = 'migrated'::regnamespace
    UNION ALL
    SELECT 'column', c.relname::text, a.attnum::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
           concat_ws(' ', a.attnotnull, a.attidentity, a.attgenerated, a.attstorage, a.attcollation::regcollation,
                     a.attoptions),
           pg_get_expr(d.adbin, d.adrelid), NULL
      FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
      LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
     WHERE c.relnamespace = 'migrated'::regnamespace AND a.attnum > 0 AND c.relkind IN ('r', 'p', 'v')
    UNION ALL
    SELECT 'constraint', conrelid::regclass::text, conname::text, pg_get_constraintdef(oid), NULL, NULL, NULL, NULL
      FROM pg_constraint WHERE connamespace = 'migrated'::regnamespace
    UNION ALL
    SELECT 'function', proname::text, pg_get_functiondef(oid), NULL, NULL, NULL, NULL, NULL
      FROM pg_proc WHERE pronamespace = 'migrated'::regnamespace
    UNION ALL
    SELECT 'sequence', s.seqrelid::regclass::text, s.seqstart::text, s.seqincrement::text, s.seqmax::text,
           s.seqcycle::text, d.refobjid::regclass::text, d.refobjsubid::text
      FROM pg_sequence AS s JOIN pg_class AS c ON c.oid = s.seqrelid AND c.relnamespace = 'migrated'::regnamespace
      LEFT JOIN pg_depend AS d ON d.objid = s.seqrelid AND d.deptype = 'a'
    UNION ALL
    SELECT 'trigger', tgrelid::regclass::text, pg_get_triggerdef(oid), NULL, NULL, NULL, NULL, NULL
      FROM pg_trigger WHERE tgrelid::regclass::text LIKE 'migrated.%'
    UNION ALL
    SELECT 'version', version::text, NULL, NULL, NULL, NULL, NULL, NULL FROM migrated.schema_version
"""


@pytest.fixture
def url() -> Iterator[str]:
    """A schema that is not there yet."""
    server = postgres.server()
    server.execute("DROP SCHEMA IF EXISTS migrated CASCADE")
    yield server.url(schema="migrated")
    server.execute("DROP SCHEMA IF EXISTS migrated CASCADE")


def install(version: int) -> None:
    """The schema as a release with so many migrations left it."""
    with psycopg.connect(postgres.server().url()) as connection:
        connection.execute("CREATE SCHEMA migrated")
        connection.execute("SET LOCAL search_path = migrated, pg_temp")
        connection.execute("\n".join(postgres_statements.MIGRATIONS[:version]).encode())
        connection.execute("UPDATE schema_version SET version = %s", (version,))


def catalog() -> list[tuple[str, ...]]:
    with psycopg.connect(postgres.server().url()) as connection:
        return sorted(tuple(map(str, row)) for row in connection.execute(CATALOG.encode()))


def test_every_old_schema_migrated_is_what_a_fresh_one_is(url: str) -> None:
    open_driver(url).close()
    fresh = catalog()
    assert len(fresh) > 200

    for version in range(1, POSTGRES):
        postgres.server().execute("DROP SCHEMA migrated CASCADE")
        install(version)
        assert catalog() != fresh
        open_driver(url).close()
        assert catalog() == fresh, f"migrated from version {version}"


def test_every_old_file_migrated_is_what_a_fresh_one_is(tmp_path: Path) -> None:
    made = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
    fresh: list[tuple[str, ...]] = []
    for version in range(SQLITE):
        path = tmp_path / f"{version}.db"
        with closing(sqlite3.connect(path)) as old:
            for step in sqlite_statements.MIGRATIONS[:version]:
                old.executescript(step)
            if version:
                old.execute("UPDATE conveyor_schema SET version = ?", (version,))
            old.commit()

        open_driver(f"sqlite:///{path}").close()

        with closing(sqlite3.connect(path)) as new:
            found = [*new.execute(made), *new.execute("SELECT version FROM conveyor_schema")]
        fresh = fresh or found
        assert found == fresh, f"migrated from version {version}"


def test_what_the_script_makes_belongs_to_the_store_s_user_who_could_not_make_it(url: str) -> None:
    server = postgres.server()
    server.execute("DROP ROLE IF EXISTS shop_keeper")
    server.execute("CREATE ROLE shop_keeper LOGIN")
    theirs = url.replace("postgres@", "shop_keeper@")
    with pytest.raises(StoreError, match="GRANT CREATE ON DATABASE postgres TO shop_keeper"):
        open_driver(theirs)
    schema = open_schema(theirs)
    assert schema is not None
    script = schema.script().encode()
    schema.close()

    with psycopg.connect(server.url(), autocommit=True) as owner:
        owner.execute(script)
        with pytest.raises(psycopg.errors.DuplicateSchema):
            owner.execute(script)

    made = catalog()
    driver = open_driver(f"{theirs}&migrate=false")
    job = a_job()
    driver.push([job])
    driver.tend()
    assert is_kept(driver, job.id)
    driver.close()
    server.execute("DROP SCHEMA migrated CASCADE")
    open_driver(url).close()
    assert made == catalog()
    server.execute("DROP ROLE shop_keeper")


def test_a_script_for_a_version_that_is_no_longer_there_changes_nothing(url: str) -> None:
    install(POSTGRES - 1)
    schema = open_schema(url)
    assert schema is not None
    script = schema.script().encode()
    assert schema.migrate() == POSTGRES - 1
    schema.close()
    before = catalog()

    with psycopg.connect(url.partition("&schema")[0], autocommit=True) as owner:
        with pytest.raises(psycopg.errors.AssertFailure, match="does not have version"):
            owner.execute(script)
        owner.rollback()

    assert catalog() == before


def test_a_schema_that_is_another_user_s_says_who_has_to_migrate_it(url: str) -> None:
    server = postgres.server()
    server.execute("DROP ROLE IF EXISTS shop_keeper")
    server.execute("CREATE ROLE shop_keeper LOGIN")
    theirs = url.replace("postgres@", "shop_keeper@")
    server.execute("CREATE SCHEMA migrated")
    server.execute("GRANT USAGE ON SCHEMA migrated TO shop_keeper")
    with pytest.raises(StoreError, match=r"GRANT USAGE, CREATE ON SCHEMA migrated TO shop_keeper"):
        open_driver(theirs)
    server.execute("DROP SCHEMA migrated CASCADE")

    install(POSTGRES - 1)
    server.execute("GRANT USAGE ON SCHEMA migrated TO shop_keeper")
    server.execute("GRANT ALL ON ALL TABLES IN SCHEMA migrated TO shop_keeper")
    with pytest.raises(StoreError, match="let its owner run `conveyor migrate`"):
        open_driver(theirs)

    server.execute("DROP SCHEMA migrated CASCADE")
    server.execute("DROP ROLE shop_keeper")


def test_an_application_that_may_not_migrate_says_what_to_do(url: str, tmp_path: Path) -> None:
    with pytest.raises(SchemaMismatch, match=r"no tables of conveyor's yet.*run `conveyor migrate` first"):
        open_driver(f"{url}&migrate=false")
    install(POSTGRES - 1)
    with pytest.raises(SchemaMismatch, match=f"has version {POSTGRES - 1}, this conveyor needs {POSTGRES}"):
        open_driver(f"{url}&migrate=false")

    file = f"sqlite:///{tmp_path}/conveyor.db"
    with pytest.raises(SchemaMismatch, match=r"no tables of conveyor's yet.*run `conveyor migrate` first"):
        open_driver(f"{file}?migrate=false")
    assert list(tmp_path.iterdir()) == []
    open_driver(file).close()
    with closing(sqlite3.connect(tmp_path / "conveyor.db")) as old:
        old.execute("UPDATE conveyor_schema SET version = version - 1")
        old.commit()
    with pytest.raises(SchemaMismatch, match=f"has schema version {SQLITE - 1}, this conveyor needs {SQLITE}"):
        open_driver(f"{file}?migrate=false")
