"""Sign people up: a user and the jobs that follow from it, in one SQLite file.

    python sign_up.py Ada                                   signs Ada up
    conveyor work --app sign_up:app --burst                 does what follows

Signing up is a command: the user and the jobs are committed together, so that there is never one without the others,
and a name that is taken leaves nothing behind. That somebody has signed up is an event, and the command does not know
who wants to hear of it. The gift must not be given twice, so it rather is not given at all when its worker dies at the
wrong moment.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from conveyor import Conveyor, JobPayload, current_job
from conveyor.integrations.commands import CommandBus

FILE = "sign_up.db"

app = Conveyor(f"sqlite:///{FILE}?share=true")


@contextmanager
def transaction() -> Generator[sqlite3.Connection]:
    with closing(sqlite3.connect(FILE)) as connection, connection:
        connection.execute("CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)")
        connection.execute("CREATE TABLE IF NOT EXISTS sent (user INTEGER NOT NULL, what TEXT NOT NULL)")
        yield connection


bus = CommandBus(app, transaction=transaction)


@dataclass(frozen=True)
class SignUp:
    """What is to be done."""

    name: str


@dataclass(frozen=True)
class SignedUp:
    """What has happened."""

    user: int
    name: str


@bus.handler(SignUp)
def sign_up(command: SignUp, connection: sqlite3.Connection) -> int:
    user: int
    (user,) = connection.execute("INSERT INTO users (name) VALUES (?) RETURNING id", (command.name,)).fetchone()
    app.emit(SignedUp(user, command.name))
    return user


@app.on(SignedUp, priority=100)
def say_so(event: SignedUp) -> None:
    print(f"{event.name} is user {event.user}")


@app.job("user.greet", priority="high", on=SignedUp)
def greet(event: SignedUp) -> str:
    """Greet them now, give them their gift, and ask in a week how they like it."""
    send(event.user, f"Welcome, {event.name}!")
    job = current_job()
    job.push(GiveGift(event.user, "ten pictures"))
    job.push(JobPayload.delayed(ask.call(event.user), timedelta(days=7)))
    return event.name


@app.job("user.gift", at_most_once=True)
@dataclass(frozen=True)
class GiveGift:
    user: int
    gift: str

    def handle(self) -> None:
        send(self.user, f"A gift: {self.gift}")


@app.job("user.ask", priority="low")
def ask(user: int) -> None:
    send(user, "How do you like it?")


def send(user: int, what: str) -> None:
    with transaction() as connection:
        connection.execute("INSERT INTO sent VALUES (?, ?)", (user, what))


def main(names: list[str]) -> None:
    app.open()  # makes its tables, the first time: a transaction would be in its way
    for name in names:
        try:
            bus.handle(SignUp(name))
        except sqlite3.IntegrityError:
            print(f"{name} is taken")


if __name__ == "__main__":
    main(sys.argv[1:])
