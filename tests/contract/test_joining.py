"""Pushes in the caller's own transaction, of every library: a job exists exactly when the caller's data does."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
import sqlalchemy
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session

from conveyor import Conveyor, Unique
from conveyor.errors import InvalidValue, SchemaMismatch
from conveyor.payload import JobCall
from conveyor.records import Filter
from tests import postgres, servers
from tests.contract.callers import WAYS, Way, asyncpg, of_django, orders, place_of

SYNC: Final = [way for way in WAYS if not way.is_async]
ASYNC: Final = [way for way in WAYS if way.is_async]


CALL: Final[JobCall[None]] = JobCall("order.pack", (1,), {})


def pack(order: int) -> None: ...


def named(way: Way) -> str:
    return f"{way.store} {way.name}"


def kept(app: Conveyor) -> int:
    return len(app.driver.find(Filter()).jobs)


@pytest.mark.parametrize("way", SYNC, ids=named)
def test_a_push_is_gone_with_a_rollback_and_there_with_a_commit(way: Way, tmp_path: Path) -> None:
    url, place = place_of(way.store, tmp_path)
    app = Conveyor(url)
    job = app.job("order.pack")(pack)
    app.open()

    with way.open(place) as caller:
        joined = job.options(connection=caller.connection)
        for number, ending in enumerate(("rollback", "commit", "rollback")):
            caller.write()
            joined.push(number)
            app.push(job.call(number), connection=caller.connection)
            joined.push_many([(10 + number,), (20 + number,)])
            handle = job.options(connection=caller.connection, unique=Unique("one")).push(number)
            assert kept(app) == (0, 0, 5)[number]
            caller.end(ending)

            assert (orders(place), kept(app)) == ((0, 0), (1, 5), (1, 5))[number]
            assert (app.driver.get([handle.id]) != [None]) is (number > 0)

    assert kept(app) == 5
    app.close()


@pytest.mark.parametrize("way", ASYNC, ids=named)
def test_an_async_push_is_gone_with_a_rollback_and_there_with_a_commit(way: Way, tmp_path: Path) -> None:
    url, place = place_of(way.store, tmp_path)
    app = Conveyor(url)
    job = app.job("order.pack")(pack)
    app.open()

    async def push() -> None:
        async with way.open(place) as caller:
            joined = job.options(connection=caller.connection)
            for number, ending in enumerate(("rollback", "commit", "rollback")):
                await caller.write()
                await joined.apush(number)
                await app.apush(job.call(number), connection=caller.connection)
                await joined.apush_many([(10 + number,), (20 + number,)])
                handle = await job.options(connection=caller.connection, unique=Unique("one")).apush(number)
                assert kept(app) == (0, 0, 5)[number]
                await caller.end(ending)

                assert (orders(place), kept(app)) == ((0, 0), (1, 5), (1, 5))[number]
                assert (app.driver.get([handle.id]) != [None]) is (number > 0)
            with pytest.raises(InvalidValue, match=r"async.*apush"):
                joined.push(1)

    asyncio.run(push())
    assert kept(app) == 5
    app.close()


def test_a_push_as_the_first_thing_of_a_session_joins_what_it_commits() -> None:
    url, place = place_of("postgres", Path())
    app = Conveyor(url)
    job = app.job("order.pack")(pack)
    app.open()

    async def push() -> None:
        for client in ("psycopg", "asyncpg"):
            engine = create_async_engine(f"postgresql+{client}://postgres@/postgres?host={place}")
            async with engine.connect() as connection:
                await job.options(connection=connection).apush(1)
                await connection.rollback()
                await job.options(connection=connection).apush(2)
                await connection.commit()
            async with engine.begin() as connection, connection.begin_nested() as savepoint:
                await job.options(connection=connection).apush(3)
                await savepoint.rollback()
            await engine.dispose()

    asyncio.run(push())

    engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@/postgres?host={place}")
    with engine.connect() as connection:
        job.options(connection=connection).push(1)
        connection.rollback()
        job.options(connection=connection).push(2)
        connection.commit()
    with Session(engine) as session, session.begin():
        job.options(connection=session).push(2)
    engine.dispose()
    assert [job.payload for job in app.driver.find(Filter()).jobs] == ['{"order":2}'] * 4
    app.close()


def test_an_async_push_may_join_a_sync_connection() -> None:
    url, place = place_of("postgres", Path())
    app = Conveyor(url)
    job = app.job("order.pack")(pack)
    app.open()
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@/postgres?host={place}")

    async def push() -> None:
        with psycopg.connect(postgres.server().url()) as connection:
            await job.options(connection=connection).apush(1)
        with Session(engine) as session, session.begin():
            await job.options(connection=session).apush(2)

    asyncio.run(push())
    engine.dispose()
    assert kept(app) == 2
    app.close()


def test_those_who_wait_are_told_when_the_caller_commits() -> None:
    app = Conveyor(place_of("postgres", Path())[0])
    job = app.job("order.pack")(pack)
    driver = app.open()
    waiting = threading.Thread(target=driver.wait, args=(["lost", "kept"], 20))

    with (
        psycopg.connect(postgres.server().url(), autocommit=True) as ear,
        psycopg.connect(postgres.server().url()) as caller,
    ):
        ear.execute("LISTEN tested")
        waiting.start()
        while not ear.execute("SELECT FROM tested.waiter WHERE 'kept' = ANY (queues)").fetchall():
            assert waiting.is_alive()
        app.queue("lost").push(job.call(1), connection=caller)
        caller.rollback()
        app.queue("kept").push(job.call(1), connection=caller)
        caller.commit()

        heard = [notify.payload for notify in ear.notifies(timeout=10, stop_after=1)]

    waiting.join()
    assert heard == ["kept"]
    app.close()


# ── refused ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Conveyor]:
    url, _ = place_of("postgres", tmp_path)
    app = Conveyor(url)
    app.job("order.pack")(pack)
    app.open()
    yield app
    assert kept(app) == 0
    app.close()


def test_a_connection_without_a_transaction_is_refused(app: Conveyor) -> None:
    place = postgres.server().directory
    with (
        psycopg.connect(postgres.server().url(), autocommit=True) as connection,
        pytest.raises(InvalidValue, match=r"no transaction open; .*connection\.transaction\(\)"),
    ):
        app.push(CALL, connection=connection)
    engine = sqlalchemy.create_engine(
        f"postgresql+psycopg://postgres@/postgres?host={place}", isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as over, pytest.raises(InvalidValue, match="no transaction open"):
        app.push(CALL, connection=over)
    engine.dispose()
    with of_django(place) as caller:
        joined = caller.connection
    with pytest.raises(InvalidValue, match=r"no transaction open; .*transaction\.atomic\(\)"):
        app.push(CALL, connection=joined)
    joined.close()

    async def autocommits() -> None:
        connection = await asyncpg.connect(host=str(place), user="postgres", database="postgres")
        with pytest.raises(InvalidValue, match=r"no transaction open; .*async with connection\.transaction\(\)"):
            await app.apush(CALL, connection=connection)
        await connection.close()
        with pytest.raises(InvalidValue, match="which is closed"):
            await app.apush(CALL, connection=connection)

    asyncio.run(autocommits())


def test_a_closed_or_failed_connection_is_refused(app: Conveyor) -> None:
    engine = sqlalchemy.create_engine(f"postgresql+psycopg://postgres@/postgres?host={postgres.server().directory}")
    with engine.connect() as over:
        pass
    engine.dispose()
    with psycopg.connect(postgres.server().url()) as connection:
        with pytest.raises(psycopg.errors.UndefinedTable):
            connection.execute("SELECT FROM no_such_table")
        with pytest.raises(InvalidValue, match="transaction has failed; roll it back"):
            app.push(CALL, connection=connection)
        connection.rollback()

    for closed in (connection, over):
        with pytest.raises(InvalidValue, match="which is closed"):
            app.push(CALL, connection=closed)


def test_a_connection_to_another_store_is_refused_and_named(app: Conveyor, tmp_path: Path) -> None:
    shared = postgres.server()
    shared.execute("DROP DATABASE IF EXISTS other_shop")
    shared.execute("CREATE DATABASE other_shop")
    elsewhere = shared.url().replace("/postgres?", "/other_shop?")
    Conveyor(f"{elsewhere}&schema=tested").open().close()
    with (
        psycopg.connect(elsewhere) as connection,
        pytest.raises(InvalidValue, match="to the database 'other_shop'; the store is"),
    ):
        app.push(CALL, connection=connection)
    shared.execute("DROP DATABASE other_shop WITH (FORCE)")

    with sqlite3.connect(":memory:") as file, pytest.raises(InvalidValue, match=r"sqlite3\.Connection.*; the store is"):
        app.push(CALL, connection=file)
    file.close()
    engine = sqlalchemy.create_engine(f"sqlite:///{tmp_path}/other.db")
    with engine.connect() as over, pytest.raises(InvalidValue, match=r"sqlalchemy.*, over sqlite3\.Connection; the"):
        app.push(CALL, connection=over)
    with pytest.raises(InvalidValue, match="give a Connection or Session of SQLAlchemy"):
        app.push(CALL, connection=engine)
    engine.dispose()
    with pytest.raises(InvalidValue, match="connection is 'postgres'; the store is"):
        app.push(CALL, connection="postgres")

    other = Conveyor(f"sqlite:///{tmp_path}/shop.db")
    other.job("order.pack")(pack)
    with (
        psycopg.connect(shared.url()) as connection,
        pytest.raises(InvalidValue, match=r"psycopg.*; the store is .*shop"),
    ):
        other.push(CALL, connection=connection)
    other.close()


@pytest.mark.parametrize("url", ["memory://", "redis"])
def test_a_store_without_transactions_says_so_to_async_pushes_too(url: str) -> None:
    app = Conveyor(servers.valkey().url() if url == "redis" else url)
    app.job("order.pack")(pack)

    async def push() -> None:
        with pytest.raises(InvalidValue, match="connection is"):
            await app.apush(CALL, connection=object())

    asyncio.run(push())
    app.close()


def test_what_the_server_refuses_is_told_as_by_the_store_itself(app: Conveyor) -> None:
    place = postgres.server().directory

    async def fail() -> None:
        connection = await asyncpg.connect(host=str(place), user="postgres", database="postgres")
        await connection.execute("BEGIN; DROP SCHEMA tested CASCADE")
        with pytest.raises(SchemaMismatch, match="schema tested of"):
            await app.apush(CALL, connection=connection)
        await connection.close()

    asyncio.run(fail())
    with psycopg.connect(postgres.server().url()) as connection:
        connection.execute("DROP SCHEMA tested CASCADE")
        with pytest.raises(SchemaMismatch, match="schema tested of"):
            app.push(CALL, connection=connection)
        connection.rollback()
