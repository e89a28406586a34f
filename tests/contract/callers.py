"""Transactions that are not ours: of every library that a push can join, with what it writes and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiosqlite
import psycopg
import sqlalchemy
from sqlalchemy.ext.asyncio import AsyncSession, async_scoped_session, async_sessionmaker, create_async_engine
from sqlalchemy.orm import Session, scoped_session, sessionmaker

from tests import postgres

# They have no types.
asyncpg: Final[Any] = importlib.import_module("asyncpg")
django: Final[Any] = importlib.import_module("django")

INSERT: Final = "INSERT INTO orders VALUES (1)"


class Caller(NamedTuple):
    """A connection, or what stands for one, as its library has it."""

    connection: Any
    write: Callable[[], Any]
    """Insert a row of the application's own."""
    end: Callable[[str], Any]
    """Call `commit` or `rollback`, as the library's users do."""


def ending(owner: Any) -> Callable[[str], Any]:
    """What calls its `commit` or its `rollback`."""

    def end(how: str) -> Any:
        return getattr(owner, how)()

    return end


def by_statement(connection: Any) -> Callable[[str], Any]:
    """What executes COMMIT or ROLLBACK."""
    execute: Callable[[str], Any] = connection.execute
    return execute


class Way(NamedTuple):
    """How to come to a Caller: `open` takes the store's file, or the directory of its server's socket."""

    name: str
    store: str
    open: Callable[[Path], Any]
    is_async: bool = False


# ── sync ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def of_psycopg(server: Path) -> Generator[Caller]:
    with psycopg.connect(f"host={server} user=postgres dbname=postgres") as connection:
        yield Caller(connection, lambda: connection.execute(INSERT), ending(connection))


@contextmanager
def of_psycopg_autocommit(server: Path) -> Generator[Caller]:
    with psycopg.connect(f"host={server} user=postgres dbname=postgres", autocommit=True) as connection:
        # As `with connection.transaction()` does, in the two steps that these tests need.
        yield Caller(
            connection,
            lambda: connection.execute(f"BEGIN; {INSERT}"),
            by_statement(connection),
        )


def engine_to(place: Path) -> sqlalchemy.Engine:
    return sqlalchemy.create_engine(
        f"postgresql+psycopg://postgres@/postgres?host={place}" if place.is_dir() else f"sqlite:///{place}"
    )


@contextmanager
def of_connection(place: Path) -> Generator[Caller]:
    engine = engine_to(place)
    with engine.connect() as connection:
        yield Caller(connection, lambda: connection.execute(sqlalchemy.text(INSERT)), ending(connection))
    engine.dispose()


@contextmanager
def of_session(place: Path) -> Generator[Caller]:
    engine = engine_to(place)
    with Session(engine) as session:
        yield Caller(session, lambda: session.execute(sqlalchemy.text(INSERT)), ending(session))
    engine.dispose()


@contextmanager
def of_scoped_session(place: Path) -> Generator[Caller]:
    engine = engine_to(place)
    session = scoped_session(sessionmaker(engine))
    yield Caller(session, lambda: session.execute(sqlalchemy.text(INSERT)), ending(session))
    session.remove()
    engine.dispose()


@contextmanager
def of_django(place: Path) -> Generator[Caller]:
    conf, db = (importlib.import_module(f"django.{name}") for name in ("conf", "db"))
    engine = "postgresql" if place.is_dir() else "sqlite3"
    where = {"NAME": "postgres", "USER": "postgres", "HOST": str(place)} if place.is_dir() else {"NAME": str(place)}
    databases = {"default": {"ENGINE": f"django.db.backends.{engine}", **where}}
    if not conf.settings.configured:
        conf.settings.configure(DATABASES=databases)
        django.setup()
    db.connections.settings = db.connections.configure_settings(databases)
    if hasattr(db.connections._connections, "default"):
        del db.connections["default"]
    transaction: Any = db.transaction
    atomic = transaction.atomic()
    atomic.__enter__()

    def write() -> None:
        with db.connection.cursor() as cursor:
            cursor.execute(INSERT)

    def end(how: str) -> None:
        nonlocal atomic
        transaction.set_rollback(how == "rollback")
        atomic.__exit__(None, None, None)
        atomic = transaction.atomic()
        atomic.__enter__()

    yield Caller(db.connection, write, end)
    transaction.set_rollback(True)
    atomic.__exit__(None, None, None)
    db.connection.close()


@contextmanager
def of_sqlite3(file: Path) -> Generator[Caller]:
    with contextlib.closing(sqlite3.connect(file)) as connection:
        yield Caller(connection, lambda: connection.execute(INSERT), ending(connection))


# ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@asynccontextmanager
async def of_async_psycopg(server: Path) -> AsyncGenerator[Caller]:
    connection = await psycopg.AsyncConnection.connect(f"host={server} user=postgres dbname=postgres")
    async with connection:
        yield Caller(connection, lambda: connection.execute(INSERT), ending(connection))


def _of_asyncpg(connection: Any) -> Caller:
    async def write() -> None:
        if not connection.is_in_transaction():
            await connection.execute("BEGIN")
        await connection.execute(INSERT)

    return Caller(connection, write, connection.execute)


@asynccontextmanager
async def of_asyncpg(server: Path) -> AsyncGenerator[Caller]:
    connection = await asyncpg.connect(host=str(server), user="postgres", database="postgres")
    # As applications do that keep JSON and read ids as text.
    await connection.set_type_codec("json", encoder=repr, decoder=str, schema="pg_catalog")
    await connection.set_type_codec("uuid", encoder=str, decoder=str, schema="pg_catalog")
    yield _of_asyncpg(connection)
    await connection.close()


@asynccontextmanager
async def of_asyncpg_pool(server: Path) -> AsyncGenerator[Caller]:
    pool = asyncpg.create_pool(host=str(server), user="postgres", database="postgres", min_size=1, max_size=1)
    async with pool, pool.acquire() as connection:
        yield _of_asyncpg(connection)


def _async_engine(place: Path, client: str) -> Any:
    if place.is_dir():
        return create_async_engine(f"postgresql+{client}://postgres@/postgres?host={place}")
    return create_async_engine(f"sqlite+aiosqlite:///{place}")


def of_async_connection(client: str) -> Callable[[Path], Any]:
    @asynccontextmanager
    async def opened(place: Path) -> AsyncGenerator[Caller]:
        engine = _async_engine(place, client)
        async with engine.connect() as connection:
            yield Caller(connection, lambda: connection.execute(sqlalchemy.text(INSERT)), ending(connection))
        await engine.dispose()

    return opened


def of_async_session(client: str) -> Callable[[Path], Any]:
    @asynccontextmanager
    async def opened(place: Path) -> AsyncGenerator[Caller]:
        engine = _async_engine(place, client)
        async with AsyncSession(engine) as session:
            yield Caller(session, lambda: session.execute(sqlalchemy.text(INSERT)), ending(session))
        await engine.dispose()

    return opened


@asynccontextmanager
async def of_async_scoped_session(place: Path) -> AsyncGenerator[Caller]:
    engine = _async_engine(place, "asyncpg")
    session = async_scoped_session(async_sessionmaker(engine), asyncio.current_task)
    yield Caller(session, lambda: session.execute(sqlalchemy.text(INSERT)), ending(session))
    await session.remove()
    await engine.dispose()


@asynccontextmanager
async def of_aiosqlite(file: Path) -> AsyncGenerator[Caller]:
    async with aiosqlite.connect(file) as connection:
        yield Caller(connection, lambda: connection.execute(INSERT), ending(connection))


WAYS: Final = (
    Way("psycopg", "postgres", of_psycopg),
    Way("psycopg autocommit", "postgres", of_psycopg_autocommit),
    Way("SQLAlchemy Connection", "postgres", of_connection),
    Way("SQLAlchemy Session", "postgres", of_session),
    Way("SQLAlchemy scoped_session", "postgres", of_scoped_session),
    Way("Django", "postgres", of_django),
    Way("sqlite3", "sqlite", of_sqlite3),
    Way("SQLAlchemy Connection", "sqlite", of_connection),
    Way("SQLAlchemy Session", "sqlite", of_session),
    Way("Django", "sqlite", of_django),
    Way("psycopg", "postgres", of_async_psycopg, is_async=True),
    Way("asyncpg", "postgres", of_asyncpg, is_async=True),
    Way("asyncpg pool", "postgres", of_asyncpg_pool, is_async=True),
    Way("SQLAlchemy AsyncConnection psycopg", "postgres", of_async_connection("psycopg"), is_async=True),
    Way("SQLAlchemy AsyncConnection asyncpg", "postgres", of_async_connection("asyncpg"), is_async=True),
    Way("SQLAlchemy AsyncSession psycopg", "postgres", of_async_session("psycopg"), is_async=True),
    Way("SQLAlchemy AsyncSession asyncpg", "postgres", of_async_session("asyncpg"), is_async=True),
    Way("SQLAlchemy async_scoped_session", "postgres", of_async_scoped_session, is_async=True),
    Way("aiosqlite", "sqlite", of_aiosqlite, is_async=True),
    Way("SQLAlchemy AsyncConnection", "sqlite", of_async_connection("aiosqlite"), is_async=True),
    Way("SQLAlchemy AsyncSession", "sqlite", of_async_session("aiosqlite"), is_async=True),
)


def place_of(store: str, directory: Path) -> tuple[str, Path]:
    """The URL of a new store with an application's table beside it; and what a Way opens to come there."""
    if store == "postgres":
        url = postgres.clean_url()
        postgres.server().execute("CREATE TABLE IF NOT EXISTS public.orders (number integer)")
        postgres.server().execute("TRUNCATE public.orders")
        return url, postgres.server().directory
    file = directory / "shop.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE orders (number integer)")
    return f"sqlite:///{file}?share=true", file


def orders(place: Path) -> int:
    """How many rows the application has."""
    if place.is_dir():
        return len(postgres.server().execute("SELECT number FROM public.orders"))
    with contextlib.closing(sqlite3.connect(place)) as connection:
        return len(connection.execute("SELECT * FROM orders").fetchall())
