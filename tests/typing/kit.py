"""What a user's type checker sees of events, commands and the test kit. Checked by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, assert_type

from conveyor import Conveyor, JobHandle
from conveyor.integrations.commands import CommandBus
from conveyor.testing import Kit, PushedJob, Run

app = Conveyor()
bus = CommandBus(app)


@dataclass(frozen=True)
class Registered:
    user: int


@dataclass(frozen=True)
class Register:
    name: str


@app.on(Registered, priority=100)
def remember(event: Registered) -> int:
    return event.user


@app.job("welcome", on=Registered)
def welcome(event: Registered) -> str:
    return str(event.user)


@app.on(Registered)
@app.job("count")
def count(event: Registered) -> int:
    return event.user


@app.job("audit", on=(Registered, Register))
async def audit(event: Registered) -> None: ...


@bus.handler(Register)
def register(command: Register) -> int:
    return len(command.name)


assert_type(remember, Callable[[Registered], int])
assert_type(count.push(Registered(7)), JobHandle[int])
assert_type(welcome(Registered(7)), str)
assert_type(welcome.push(event=Registered(7)), JobHandle[str])
assert_type(app.emit(Registered(7)), list[JobHandle[Any]])
assert_type(register(Register("a")), int)


def wrong(event: Register) -> None: ...


app.on(Registered)(wrong)  # type: ignore[arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]


async def tests(kit: Kit) -> None:
    assert_type(kit.drain("emails", until=60), list[Run])
    assert_type(await kit.adrain(), list[Run])
    assert_type(kit.assert_pushed(welcome, where={"event": Registered(7)}), list[PushedJob])
    assert_type(kit.pushed(where=lambda job: job.queue == "emails"), list[PushedJob])
    with kit.inline():
        assert_type(await audit.apush(Registered(7)), JobHandle[None])
