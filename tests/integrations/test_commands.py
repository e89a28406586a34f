from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from conveyor import (
    Conveyor,
    DuplicateHandler,
    DuplicateJob,
    HandlerNotFound,
    InvalidValue,
    Job,
    JobMetadata,
    Middleware,
    NewJob,
    StoreUnavailable,
    Unique,
)
from conveyor.integrations.commands import CommandBus
from conveyor.testing import Kit
from tests import postgres


@dataclass(frozen=True)
class CreateUser:
    name: str


@dataclass(frozen=True)
class Invite:
    name: str


Greet = Job[[str], None]


def declared(app: Conveyor) -> Greet:
    @app.job("greet")
    def greet(name: str) -> None: ...

    return greet


@pytest.fixture
def greet(app: Conveyor) -> Greet:
    return declared(app)


@pytest.fixture
def bus(app: Conveyor) -> CommandBus:
    return CommandBus(app)


def blocking(bus: CommandBus, command: object, **options: Any) -> Any:
    return bus.handle(command, **options)


def awaited(bus: CommandBus, command: object, **options: Any) -> Any:
    return asyncio.run(bus.ahandle(command, **options))


Handle = Callable[..., Any]


@pytest.fixture(params=[blocking, awaited], ids=["handle", "ahandle"])
def handle(request: pytest.FixtureRequest) -> Any:
    """Both ways to hand a command over to a sync handler."""
    return request.param


# ── without a transaction ────────────────────────────────────────────────────────────────────────────────────────────


def test_what_a_handler_pushes_is_sent_when_it_has_returned(
    kit: Kit, bus: CommandBus, greet: Greet, handle: Handle
) -> None:
    @bus.handler(CreateUser)
    def create(command: CreateUser) -> int:
        greet.push(command.name)
        greet.push_many([("b",), ("c",)])
        kit.assert_nothing_pushed()
        return 7

    assert handle(bus, CreateUser("a")) == 7

    assert [pushed.arguments["name"] for pushed in kit.pushed(greet)] == ["a", "b", "c"]


def test_when_a_handler_raises_nothing_is_sent(kit: Kit, bus: CommandBus, greet: Greet, handle: Handle) -> None:
    @bus.handler(CreateUser)
    def create(command: CreateUser) -> None:
        greet.push(command.name)
        raise LookupError("no room")

    with pytest.raises(LookupError, match=r"no room"):
        handle(bus, CreateUser("a"))

    kit.assert_nothing_pushed()
    greet.push("later")
    kit.assert_pushed(greet, times=1)


def test_async_handlers_and_pushes_of_either_kind(kit: Kit, bus: CommandBus, greet: Greet) -> None:
    @bus.handler(CreateUser)
    async def create(command: CreateUser) -> str:
        await asyncio.gather(greet.apush(command.name), greet.apush("b"))
        greet.push("c")
        kit.assert_nothing_pushed()
        return command.name

    assert asyncio.run(bus.ahandle(CreateUser("a"))) == "a"

    assert {pushed.arguments["name"] for pushed in kit.pushed(greet)} == {"a", "b", "c"}


def test_the_handles_of_held_pushes_find_their_jobs_afterwards(kit: Kit, bus: CommandBus, greet: Greet) -> None:
    @bus.handler(CreateUser)
    def create(command: CreateUser) -> Any:
        return greet.push(command.name)

    pushed = bus.handle(CreateUser("a"))

    assert pushed.info.type == "greet"


def test_events_that_a_handler_tells_of_push_with_it(app: Conveyor, kit: Kit, bus: CommandBus) -> None:
    @app.job("count", on=CreateUser)
    def count(event: CreateUser) -> None: ...

    @bus.handler(CreateUser)
    def create(command: CreateUser) -> None:
        app.emit(command)
        kit.assert_nothing_pushed()

    bus.handle(CreateUser("a"))

    kit.assert_pushed(count, times=1)


def test_commands_inside_of_commands_are_one(kit: Kit, bus: CommandBus, greet: Greet) -> None:
    @bus.handler(Invite)
    def invite(command: Invite) -> None:
        greet.push(command.name)
        if command.name == "nobody":
            raise LookupError

    @bus.handler(CreateUser)
    def create(command: CreateUser) -> None:
        bus.handle(Invite("b"))
        with pytest.raises(LookupError):
            bus.handle(Invite("nobody"))
        greet.push(command.name)
        kit.assert_not_pushed(greet, where={"name": command.name})
        if command.name == "bad":
            raise ValueError(command.name)

    bus.handle(CreateUser("a"))
    with pytest.raises(ValueError, match=r"bad"):
        bus.handle(CreateUser("bad"))

    assert [pushed.arguments["name"] for pushed in kit.pushed()] == ["b", "a"]


def test_a_task_that_goes_on_after_its_handler_pushes_as_ever(kit: Kit, bus: CommandBus, greet: Greet) -> None:
    async def test() -> None:
        go_on = asyncio.Event()

        async def later() -> None:
            await go_on.wait()
            await greet.apush("late")

        @bus.handler(CreateUser)
        async def create(_: CreateUser) -> asyncio.Task[None]:
            return asyncio.create_task(later())

        task = await bus.ahandle(CreateUser("a"))
        go_on.set()
        await task

    asyncio.run(test())

    kit.assert_pushed(greet, times=1, where={"name": "late"})


def test_another_application_is_not_held_back(kit: Kit, bus: CommandBus) -> None:
    other = Conveyor("memory://")
    greet = declared(other)

    @bus.handler(CreateUser)
    def create(command: CreateUser) -> None:
        greet.push(command.name)
        assert other.queue("default").size() == 1

    bus.handle(CreateUser("a"))


def test_middleware_sees_a_push_where_it_is_made_and_when_it_is_sent(app: Conveyor) -> None:
    class Numbered(Middleware):
        def before_push(self, job: NewJob) -> NewJob:
            return JobMetadata(correlation_id="r-1").put_on(job)

    app.use(Numbered())
    greet, bus = declared(app), CommandBus(app)

    @bus.handler(CreateUser)
    def create(command: CreateUser) -> None:
        greet.push(command.name)

    with Kit(app) as kit:
        bus.handle(CreateUser("a"))

        assert kit.pushed()[0].metadata.correlation_id == "r-1"


def test_a_unique_job_that_is_in_the_way_is_told_when_it_is_sent(kit: Kit, bus: CommandBus, greet: Greet) -> None:
    greet.options(unique="one").push("a")

    @bus.handler(CreateUser)
    def create(command: CreateUser) -> None:
        greet.options(unique=Unique("one", on_conflict="raise")).push(command.name)

    with pytest.raises(DuplicateJob):
        bus.handle(CreateUser("b"))


# ── in a transaction ─────────────────────────────────────────────────────────────────────────────────────────────────


class Shop:
    """A bus whose handlers write users into the database that the jobs are in."""

    def __init__(self, url: str, connect: Callable[[], Any]) -> None:
        self.app = Conveyor(url)
        self.greet = declared(self.app)
        self.connect = connect
        self.bus = CommandBus(self.app, transaction=self.transaction)
        self.app.open()
        with self.transaction() as connection:
            connection.execute("CREATE TABLE users (name text)")

        @self.bus.handler(CreateUser)
        def create(command: CreateUser, connection: Any) -> str:
            connection.execute(f"INSERT INTO users VALUES ('{command.name}')")
            self.greet.push(command.name)
            if command.name == "family":
                self.bus.handle(CreateUser("child"))
            if command.name == "bad":
                raise LookupError("no room")
            return command.name

    @contextmanager
    def transaction(self) -> Generator[Any]:
        with closing(self.connect()) as connection, connection:
            yield connection

    @property
    def users(self) -> int:
        with self.transaction() as connection:
            return int(connection.execute("SELECT count(*) FROM users").fetchone()[0])

    @property
    def jobs(self) -> int:
        return self.app.queue("default").size()


def sqlite_shop(directory: Path) -> Shop:
    path = directory / "shop.db"
    return Shop(f"sqlite:///{path}?share=true", lambda: sqlite3.connect(path))


def postgres_shop(_: Path) -> Shop:
    url = postgres.clean_url()
    return Shop(url, lambda: psycopg.connect(postgres.server().url()))


@pytest.fixture(params=[sqlite_shop, postgres_shop], ids=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Generator[Shop]:
    made: Shop = request.param(tmp_path)
    yield made
    with made.transaction() as connection:
        connection.execute("DROP TABLE users")
    made.app.close()


def test_the_data_of_a_handler_and_its_jobs_are_committed_together(shop: Shop) -> None:
    assert shop.bus.handle(CreateUser("a")) == "a"
    assert (shop.users, shop.jobs) == (1, 1)

    with pytest.raises(LookupError):
        shop.bus.handle(CreateUser("bad"))
    assert (shop.users, shop.jobs) == (1, 1)

    shop.bus.handle(CreateUser("family"))
    assert (shop.users, shop.jobs) == (3, 3)


def test_a_connection_that_is_handed_over_is_committed_by_who_did(shop: Shop) -> None:
    with closing(shop.connect()) as connection:
        shop.bus.handle(CreateUser("a"), connection=connection)
        connection.rollback()
        assert (shop.users, shop.jobs) == (0, 0)
        shop.bus.handle(CreateUser("a"), connection=connection)
        connection.commit()

    assert (shop.users, shop.jobs) == (1, 1)


def test_an_async_handler_has_an_async_transaction() -> None:
    url = postgres.clean_url()
    app = Conveyor(url)
    greet = declared(app)
    app.open()

    @asynccontextmanager
    async def transaction() -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
        async with await psycopg.AsyncConnection.connect(postgres.server().url()) as connection:
            yield connection

    bus = CommandBus(app, atransaction=transaction)

    @bus.handler(CreateUser)
    async def create(command: CreateUser, connection: psycopg.AsyncConnection[Any]) -> None:
        await greet.apush(command.name)
        await connection.execute("SELECT 1" if command.name == "a" else "no SQL")

    asyncio.run(bus.ahandle(CreateUser("a")))
    with pytest.raises(psycopg.errors.SyntaxError):
        asyncio.run(bus.ahandle(CreateUser("b")))

    assert app.queue("default").size() == 1
    app.close()


def test_a_store_elsewhere_is_told_after_the_commit(app: Conveyor, kit: Kit, greet: Greet) -> None:
    told: list[str] = []

    @contextmanager
    def transaction() -> Generator[str]:
        yield "connection"
        kit.assert_nothing_pushed()
        if told == ["b"]:
            raise ConnectionError("not committed")

    bus = CommandBus(app, transaction=transaction, joins=False)

    @bus.handler(CreateUser)
    def create(command: CreateUser, connection: str) -> None:
        greet.push(command.name)
        told[:] = [command.name]

    with pytest.raises(ConnectionError):
        bus.handle(CreateUser("b"))
    kit.assert_nothing_pushed()

    bus.handle(CreateUser("a"))
    kit.assert_pushed(greet, times=1, where={"name": "a"})


def test_when_the_store_is_away_the_transaction_is_rolled_back(tmp_path: Path) -> None:
    app = Conveyor("sqlite:////nowhere/at/all.db")
    greet = declared(app)
    ended: list[str] = []

    @contextmanager
    def transaction() -> Generator[None]:
        try:
            yield None
        except BaseException:
            ended.append("rolled back")
            raise

    bus = CommandBus(app, transaction=transaction)

    @bus.handler(CreateUser)
    def create(command: CreateUser, _: object) -> None:
        greet.push(command.name)

    with pytest.raises(StoreUnavailable):
        bus.handle(CreateUser("a"))

    assert ended == ["rolled back"]


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_command_has_one_handler(bus: CommandBus) -> None:
    @bus.handler(CreateUser)
    def first(_: CreateUser) -> None: ...

    with pytest.raises(DuplicateHandler, match=r"CreateUser is handled by .*first already, so .*second cannot") as told:

        @bus.handler(CreateUser)
        def second(_: CreateUser) -> None: ...

    assert told.value.command is CreateUser


def test_slips_are_told(bus: CommandBus) -> None:
    @bus.handler(CreateUser)
    async def create(_: CreateUser) -> None: ...

    @bus.handler(int)
    def with_connection(number: int, connection: object) -> None: ...

    def none_at_all() -> None: ...

    def three(a: object, b: object, c: object) -> None: ...

    register: Any = bus.handler
    with pytest.raises(HandlerNotFound, match=r"no handler takes Invite; those that are handled are CreateUser, int"):
        bus.handle(Invite("a"))
    with pytest.raises(InvalidValue, match=r"command is the class CreateUser; give one of it"):
        bus.handle(CreateUser)
    with pytest.raises(InvalidValue, match=r"create is async; use await bus.ahandle"):
        bus.handle(CreateUser("a"))
    with pytest.raises(InvalidValue, match=r"with_connection takes a connection, and there is none; .*transaction=…"):
        bus.handle(7)
    for function in (none_at_all, three):
        with pytest.raises(InvalidValue, match=r"handles no command; let it take the command"):
            register(Invite)(function)
    with pytest.raises(InvalidValue, match=r"'Invite' is no class"):
        register("Invite")
    with pytest.raises(InvalidValue, match=r"transaction is 7; give a function"):
        CommandBus(Conveyor("memory://"), transaction=7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - the slip
