"""What only PostgreSQL has: its URL, the caller's transaction, its rights, and a server that goes away."""

from __future__ import annotations

import psycopg
import pytest

from conveyor.drivers.open import open_driver
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.errors import ConfigError, StoreError, StoreUnavailable
from tests import postgres
from tests.contract.stores import a_job, is_kept


def test_a_url_is_shown_without_its_password_and_an_unreachable_server_named_without_it() -> None:
    url = "postgresql://ada:s3cret@127.0.0.1:1/shop?timeout=2"

    assert PostgresSettings.from_url(url).url == "postgresql://ada@127.0.0.1:1/shop?timeout=2"
    with pytest.raises(StoreUnavailable, match="127") as refused:
        open_driver(url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("option", ["schema=1x", "timeout=0", "connections=x", "migrate=maybe", "no_such_option=1"])
def test_an_option_that_does_not_fit_is_refused_by_name(option: str) -> None:
    with pytest.raises(ConfigError, match=option.partition("=")[0]):
        open_driver(f"postgresql://ada@127.0.0.1/shop?{option}")


def test_a_push_joins_the_callers_transaction() -> None:
    driver = open_driver(postgres.clean_url())
    committed, lost = a_job(), a_job(unique="u")
    with psycopg.connect(postgres.server().url()) as connection:
        driver.push([lost], connection=connection)
        connection.rollback()
        driver.push([committed], connection=connection)
        assert not is_kept(driver, committed.id)

    assert is_kept(driver, committed.id)
    assert not is_kept(driver, lost.id)
    driver.close()


def test_a_user_without_the_right_to_create_the_schema_is_told_what_to_grant() -> None:
    server = postgres.server()
    server.execute("DROP ROLE IF EXISTS nobody_much")
    server.execute("CREATE ROLE nobody_much LOGIN")

    with pytest.raises(StoreError, match="GRANT CREATE ON DATABASE postgres TO nobody_much"):
        open_driver(server.url(schema="theirs").replace("postgres@", "nobody_much@"))


def test_sessions_that_the_server_has_ended_are_replaced() -> None:
    driver = open_driver(postgres.clean_url())
    postgres.server().execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'conveyor'"
    )

    job = a_job()
    assert driver.push([job]) == [job.id]
    driver.close()
