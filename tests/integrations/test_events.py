from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import blinker
import msgspec
import pydantic
import pytest

from conveyor import Conveyor, InvalidValue, PayloadError, StoreUnavailable
from conveyor.integrations.blinker import aconnect, connect
from conveyor.testing import Kit


class Event:
    """What all events are."""


@dataclass(frozen=True)
class UserRegistered(Event):
    user_id: int


@dataclass(frozen=True)
class UserLeft(Event):
    user_id: int


class Opened(msgspec.Struct, frozen=True, tag=True):
    user_id: int


class Closed(msgspec.Struct, frozen=True, tag=True):
    user_id: int


class Record(msgspec.Struct, frozen=True):
    user_id: int


@attrs.frozen
class Attributes:
    user_id: int


class Model(pydantic.BaseModel):
    user_id: int


Emit = Callable[..., Any]


@pytest.fixture(params=["emit", "aemit"])
def emit(request: pytest.FixtureRequest, app: Conveyor) -> Emit:
    """Both ways to emit."""
    if request.param == "emit":
        return app.emit

    def awaited(event: object) -> Any:
        return asyncio.run(app.aemit(event))

    return awaited


@pytest.fixture
def called() -> list[str]:
    return []


# ── handlers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_handlers_are_called_by_priority_then_in_order(app: Conveyor, kit: Kit, emit: Emit, called: list[str]) -> None:
    def note(name: str, _: UserRegistered) -> None:
        called.append(name)

    for name, priority in (("first of two", 0), ("last", -1), ("second of two", 0), ("first", 100)):
        app.on(UserRegistered, priority=priority)(partial(note, name))

    emit(UserRegistered(7))

    assert called == ["first", "first of two", "second of two", "last"]


def test_a_handler_gets_the_events_of_its_class_and_of_those_derived_from_it(
    app: Conveyor, kit: Kit, emit: Emit, called: list[str]
) -> None:
    @app.on(UserRegistered)
    def registered(event: UserRegistered) -> None:
        called.append(f"registered {event.user_id}")

    @app.on(Event, priority=1)
    def any_event(event: Event) -> None:
        called.append(f"any {event}")

    emit(UserRegistered(7))
    emit(UserLeft(8))
    emit("what nobody listens to")

    assert called == ["any UserRegistered(user_id=7)", "registered 7", "any UserLeft(user_id=8)"]


def test_a_handler_stays_the_function_that_it_is(app: Conveyor) -> None:
    @app.on(UserRegistered)
    def registered(event: UserRegistered) -> int:
        return event.user_id

    assert registered(UserRegistered(7)) == 7


def test_async_handlers_are_awaited_in_their_turn(app: Conveyor, kit: Kit, called: list[str]) -> None:
    @app.on(UserRegistered)
    def after(_: UserRegistered) -> None:
        called.append("sync")

    @app.on(UserRegistered, priority=1)
    async def before(_: UserRegistered) -> None:
        await asyncio.sleep(0)
        called.append("async")

    asyncio.run(app.aemit(UserRegistered(7)))

    assert called == ["async", "sync"]


def test_an_async_handler_is_not_forgotten_by_emit(app: Conveyor, kit: Kit, called: list[str]) -> None:
    @app.job("welcome", on=UserRegistered)
    def welcome(event: UserRegistered) -> None: ...

    @app.on(UserRegistered)
    async def audit(_: UserRegistered) -> None: ...

    with pytest.raises(InvalidValue, match=r"audit listens to UserRegistered and is async; use await app.aemit"):
        app.emit(UserRegistered(7))

    kit.assert_nothing_pushed()


def test_a_job_can_be_a_handler_and_is_called_here_and_now(app: Conveyor, kit: Kit, called: list[str]) -> None:
    @app.on(UserRegistered)
    @app.job("welcome")
    async def welcome(event: UserRegistered) -> None:
        called.append("here")

    asyncio.run(app.aemit(UserRegistered(7)))

    assert called == ["here"]
    kit.assert_nothing_pushed()


# ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", [UserRegistered, Record, Attributes, Model])
def test_a_job_is_pushed_with_the_event_whatever_kind_of_class_it_is(
    app: Conveyor, kit: Kit, emit: Emit, kind: type[Any]
) -> None:
    def welcome(event: Any) -> int:
        return 2 * int(event.user_id)

    welcome.__annotations__["event"] = kind
    job = app.job("welcome", queue="emails", on=kind)(welcome)
    event = kind(user_id=7)

    (handle,) = emit(event)
    kit.drain()

    assert handle.result() == 14
    kit.assert_pushed(job, times=1, where={"event": event})


def test_a_class_job_has_the_event_in_its_field(app: Conveyor, kit: Kit) -> None:
    @app.job("welcome", on=UserRegistered)
    @dataclass(frozen=True)
    class Welcome:
        event: UserRegistered

        def handle(self) -> int:
            return self.event.user_id

    (handle,) = app.emit(UserRegistered(7))
    kit.drain()

    assert handle.result() == 7


def test_one_job_may_be_about_several_events_and_one_event_about_several_jobs(app: Conveyor, kit: Kit) -> None:
    @app.job("count", on=(Opened, Closed))
    def count(event: Opened | Closed) -> str:
        return type(event).__name__

    @app.job("welcome", on=Opened)
    def welcome(event: Opened) -> None: ...

    assert len(app.emit(Opened(7))) == 2
    assert len(app.emit(Closed(7))) == 1

    kit.assert_pushed(welcome, times=1)
    assert [run.handle.result() for run in kit.drain() if run.type == "count"] == ["Opened", "Closed"]


def test_jobs_join_the_transaction_of_whoever_emits(tmp_path: Path) -> None:
    app = Conveyor(f"sqlite:///{tmp_path}/shop.db?share=true")

    @app.job("welcome", on=UserRegistered)
    def welcome(event: UserRegistered) -> None: ...

    app.open()
    with closing(sqlite3.connect(tmp_path / "shop.db")) as connection:
        app.emit(UserRegistered(7), connection=connection)
        connection.rollback()
        assert app.queue("default").size() == 0
        app.emit(UserRegistered(8), connection=connection)
        connection.commit()

    assert app.queue("default").size() == 1
    app.close()


# ── what goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_handler_that_raises_keeps_no_other_from_being_called_and_no_job_from_being_pushed(
    app: Conveyor, kit: Kit, emit: Emit, called: list[str]
) -> None:
    @app.job("welcome", on=UserRegistered)
    def welcome(event: UserRegistered) -> None: ...

    @app.on(UserRegistered, priority=1)
    def broken(_: UserRegistered) -> None:
        raise LookupError("no such user")

    app.on(UserRegistered)(lambda _: called.append("other"))

    with pytest.raises(LookupError, match=r"no such user") as raised:
        emit(UserRegistered(7))

    assert called == ["other"]
    assert "broken, which listens to UserRegistered" in raised.value.__notes__[0]
    kit.assert_pushed(welcome, times=1)


def test_what_several_handlers_raise_comes_as_a_group(app: Conveyor, kit: Kit, emit: Emit) -> None:
    def fails(error: Exception) -> Callable[[UserRegistered], None]:
        def handler(_: UserRegistered) -> None:
            raise error

        return handler

    app.on(UserRegistered)(fails(LookupError("one")))
    app.on(UserRegistered)(fails(ValueError("two")))

    with pytest.raises(ExceptionGroup, match=r"2 handlers of UserRegistered raised; its jobs are pushed") as raised:
        emit(UserRegistered(7))

    assert [type(each) for each in raised.value.exceptions] == [LookupError, ValueError]


def test_when_the_store_is_away_no_handler_is_told_of_what_could_not_be_pushed(called: list[str]) -> None:
    app = Conveyor("sqlite:////nowhere/at/all.db")

    @app.job("welcome", on=UserRegistered)
    def welcome(event: UserRegistered) -> None: ...

    app.on(UserRegistered)(lambda _: called.append("handler"))

    with pytest.raises(StoreUnavailable):
        app.emit(UserRegistered(7))

    assert called == []


def test_an_event_that_a_job_cannot_take_is_refused_before_anything_happens(
    app: Conveyor, kit: Kit, emit: Emit, called: list[str]
) -> None:
    @app.job("welcome", on=Event)
    def welcome(event: UserLeft) -> None: ...

    app.on(Event)(lambda _: called.append("handler"))

    with pytest.raises(PayloadError, match=r"welcome"):
        emit(UserRegistered(7))

    assert called == []
    kit.assert_nothing_pushed()


def test_slips_are_told_where_they_are_made(app: Conveyor) -> None:
    def no_argument() -> None: ...

    def two(event: UserRegistered, more: int) -> None: ...

    listen: Any = app.on
    job: Any = app.job
    with pytest.raises(InvalidValue, match=r"no_argument\(\) -> .* cannot be called with an event alone"):
        listen(UserRegistered)(no_argument)
    with pytest.raises(InvalidValue, match=r"two\(event.*cannot be called with an event alone"):
        job("two", on=UserRegistered)(two)
    with pytest.raises(InvalidValue, match=r"'event' without annotation.*write `event: UserRegistered`"):
        job("bare", on=UserRegistered)(eval("lambda event: None"))
    with pytest.raises(InvalidValue, match=r"'registered' is no class"):
        listen("registered")(print)
    with pytest.raises(InvalidValue, match=r"priority is 'high'; give a whole number"):
        listen(UserRegistered, priority="high")(print)
    with pytest.raises(InvalidValue, match=r"on is \(\)"):
        job("none", on=())(two)
    with pytest.raises(InvalidValue, match=r"event is the class UserRegistered; emit one of it"):
        app.emit(UserRegistered)

    assert list(app.job_types) == []


def test_a_handler_listens_once(app: Conveyor) -> None:
    def handler(event: Event) -> None: ...

    app.on(UserRegistered)(handler)
    app.on(UserLeft)(handler)

    with pytest.raises(InvalidValue, match=r"handler listens to UserRegistered already"):
        app.on(UserRegistered)(handler)


# ── blinker ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_sent_with_a_signal_is_an_event(app: Conveyor, kit: Kit) -> None:
    @app.job("welcome", on=UserRegistered)
    def welcome(event: UserRegistered) -> None: ...

    signal = blinker.Signal()
    receiver = connect(app, signal, UserRegistered)

    signal.send("shop", user_id=7)
    signal.disconnect(receiver)
    signal.send("shop", user_id=8)

    kit.assert_pushed(welcome, times=1, where={"event": UserRegistered(7)})


def test_the_sender_may_be_in_the_event(app: Conveyor, kit: Kit, called: list[str]) -> None:
    app.on(str)(called.append)
    signal = blinker.Signal()

    def make(sender: object, number: int) -> str:
        return f"{number} from {sender}"

    connect(app, signal, make, takes_sender=True)

    signal.send("shop", number=7)

    assert called == ["7 from shop"]


def test_signals_that_are_sent_async_are_awaited(app: Conveyor, kit: Kit, called: list[str]) -> None:
    @app.on(UserRegistered)
    async def handler(event: UserRegistered) -> None:
        called.append(str(event.user_id))

    signal = blinker.Signal()
    aconnect(app, signal, UserRegistered)

    asyncio.run(signal.send_async("shop", user_id=7))

    assert called == ["7"]


def test_what_makes_no_event_is_refused(app: Conveyor) -> None:
    make: Any = UserRegistered(7)

    with pytest.raises(InvalidValue, match=r"make is UserRegistered\(user_id=7\); give the class of the event"):
        connect(app, blinker.Signal(), make)
