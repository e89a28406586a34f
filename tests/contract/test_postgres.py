"""What only PostgreSQL has: its URL, the caller's transaction, its rights, and a server that goes away."""

from __future__ import annotations

import time
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import psycopg
import pytest

from conveyor.drivers.base import STEP
from conveyor.drivers.open import open_driver
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.errors import ConfigError, StoreError, StoreUnavailable
from conveyor.lifecycle import after_success, given_up, handed_back, held
from conveyor.records import Claim, ClaimKey, Filter, Outcome
from conveyor.retention import Retention
from conveyor.unique import OnConflict
from tests import postgres
from tests.contract.stores import FakeClock, a_failure, a_job, is_kept, jobs, take

DAY: Final = 86_400.0


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


def test_a_push_whose_snapshot_is_older_than_the_wish_to_be_told_is_found_within_three_seconds() -> None:
    server = postgres.server()
    driver = open_driver(postgres.clean_url())
    looked = "SELECT max(query_start) FROM pg_stat_activity WHERE query ~ 'probe[(]' AND state = 'idle'"
    with ThreadPoolExecutor(1) as pool, closing(driver), psycopg.connect(server.url()) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute("SELECT 1")
        assert not driver.wait(["a"], 0)
        driver.push([a_job()], connection=connection)
        before = server.execute(looked)
        woken = pool.submit(lambda: (driver.wait(["a"], 10), time.monotonic()))
        deadline = time.monotonic() + 10
        while server.execute(looked) == before:
            assert time.monotonic() < deadline

        connection.commit()
        committed = time.monotonic()

        answer, woken_at = woken.result(10)
        assert answer
        assert woken_at - committed < 3


def test_a_user_without_the_right_to_create_the_schema_is_told_what_to_grant() -> None:
    server = postgres.server()
    server.execute("DROP ROLE IF EXISTS nobody_much")
    server.execute("CREATE ROLE nobody_much LOGIN")

    with pytest.raises(StoreError, match="GRANT CREATE ON DATABASE postgres TO nobody_much"):
        open_driver(server.url(schema="theirs").replace("postgres@", "nobody_much@"))


def test_a_day_of_history_goes_as_a_table() -> None:
    server = postgres.server()
    clock = FakeClock()
    days = "SELECT DISTINCT tableoid::regclass::text FROM tested.history"
    with closing(open_driver(postgres.clean_url(), clock=clock, retention=Retention(finished_age=4 * DAY))) as driver:
        driver.tend()
        driver.push(jobs(STEP + 1))
        for _ in range(2):
            driver.settle([after_success(claim, None) for claim in take(driver, limit=STEP)])
        ((day,),) = server.execute(days)
        assert day.startswith("tested.history_20")

        clock.step(6 * DAY)

        # More than a step may delete: its rows were not looked at one by one.
        assert driver.tend().pruned == STEP + 1
        assert server.execute("SELECT to_regclass(%s)", (day,)) == [(None,)]


def test_sessions_that_the_server_has_ended_are_replaced() -> None:
    driver = open_driver(postgres.clean_url())
    postgres.server().execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE application_name = 'conveyor'"
    )

    job = a_job()
    assert driver.push([job]) == [job.id]
    driver.close()


@pytest.mark.parametrize("binaries", [each for each in (postgres.wheel(), postgres.systems()) if each is not None])
def test_batches_are_quick_when_the_tables_were_empty_as_they_were_last_vacuumed(binaries: Path) -> None:
    url = postgres.clean_url(binaries)
    # What takes 50 ms of this took nine seconds where the planner began its joins with a table that it thought empty.
    with psycopg.connect(postgres.server(binaries).url(), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    driver = open_driver(f"{url}&timeout=2", retention=Retention(finished_count=0, dead_count=0))
    with closing(driver):
        for end in (ended, buried, unknown, handed_back):
            driver.push(jobs(STEP))
            claims = take(driver, limit=STEP)
            assert all(driver.extend([ClaimKey(claim.id, claim.attempt) for claim in claims], 60.0))
            assert all(driver.settle([end(claim) for claim in claims]))
            tended = driver.tend(["t"])
            assert tended.pruned + tended.unheld == (0 if end is handed_back else STEP)
            driver.clear("a")
        driver.push(jobs(STEP, delay=0.001))
        driver.push(jobs(STEP, expires=0.001))
        assert len(take(driver, limit=STEP)) == STEP
        assert driver.forget(Filter()) == STEP


def unknown(claim: Claim) -> Outcome:
    return held(claim, "nobody knows its type")


def ended(claim: Claim) -> Outcome:
    return after_success(claim, "null", started_at=claim.pushed_at, ended_at=claim.pushed_at)


def buried(claim: Claim) -> Outcome:
    return given_up(claim, a_failure(claim))


# ── who is told ──────────────────────────────────────────────────────────────────────────────────────────────────────


class Ear:
    """Hears every notification of the schema `tested`, and asks for none."""

    def __init__(self) -> None:
        self._connection = psycopg.connect(postgres.server().url(), autocommit=True)
        self._connection.execute("LISTEN tested")

    def heard(self) -> list[str]:
        """What has been said since the last time: whatever was committed before this is asked has arrived."""
        self._connection.execute("NOTIFY tested, 'the end'")
        said: list[str] = []
        for notify in self._connection.notifies(timeout=20):
            if notify.payload == "the end":
                return said
            said.append(notify.payload)
        raise AssertionError(said)

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def ear() -> Generator[Ear]:
    made = Ear()
    yield made
    made.close()


def test_nobody_is_notified_while_nobody_waits(ear: Ear) -> None:
    driver = open_driver(postgres.clean_url())
    driver.push([a_job()])
    driver.push(jobs(500))
    # Once somebody has waited, for a while: whoever comes back soon need not ask again.
    assert not driver.wait(["b"], 0.01)
    driver.push(jobs(500))

    assert ear.heard() == []

    postgres.server().execute("UPDATE tested.waiter SET until = clock_timestamp()")
    driver.push(jobs(3, queue="b"))
    assert ear.heard() == []
    driver.close()


def test_a_statement_notifies_once(ear: Ear) -> None:
    driver = open_driver(postgres.clean_url())
    queues = ["a", "b", "c"]
    assert not driver.wait(queues, 0.01)

    driver.push(jobs(500))
    assert ear.heard() == ["a"]
    driver.push([*jobs(50), *jobs(50, queue="b")])
    assert ear.heard() == [""]
    driver.push([a_job(unique="u"), a_job(unique="v"), a_job(queue="b", unique="u")])
    assert ear.heard() == [""]
    replacing = [a_job(queue=queue, unique="u", on_conflict=OnConflict.REPLACE) for queue in ("a", "b")]
    driver.push([*replacing, *jobs(2, queue="c")])
    assert ear.heard() == [""]

    claims = take(driver, *queues, limit=10)
    follow_up = a_job(queue="c")
    driver.settle([
        *(handed_back(claim) for claim in claims[:3]),
        *(after_success(claim, None, follow_ups=(follow_up,)) for claim in claims[3:4]),
        *(after_success(claim, None) for claim in claims[4:]),
    ])  # fmt: skip
    assert ear.heard() == [""]
    driver.close()
