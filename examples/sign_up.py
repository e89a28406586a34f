"""Sign people up: a user and the jobs that follow from it, in one SQLite file.

    python sign_up.py Ada                                   signs Ada up
    conveyor work --app sign_up:app --burst                 does what follows

The user and the job that greets them are committed together: there is never one without the other. The gift must not be
given twice, so it rather is not given at all when its worker dies at the wrong moment.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from conveyor import Conveyor, JobPayload, current_job

FILE = "sign_up.db"

app = Conveyor(f"sqlite:///{FILE}?share=true")


def connect() -> sqlite3.Connection:
    connection = sqlite3.connect(FILE)
    connection.execute("CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    connection.execute("CREATE TABLE IF NOT EXISTS sent (user INTEGER NOT NULL, what TEXT NOT NULL)")
    return connection


def sign_up(name: str) -> int:
    """What a web request would do."""
    app.driver  # noqa: B018 - opens the store, and makes its tables the first time: a transaction would be in its way
    with closing(connect()) as connection, connection:
        user: int
        (user,) = connection.execute("INSERT INTO users (name) VALUES (?) RETURNING id", (name,)).fetchone()
        greet.options(priority="high", unique=f"greeting of {user}", connection=connection).push(user)
    return user


@app.job("user.greet")
def greet(user: int) -> str:
    """Greet them now, give them their gift, and ask in a week how they like it."""
    with closing(connect()) as connection, connection:
        name: str
        (name,) = connection.execute("SELECT name FROM users WHERE id = ?", (user,)).fetchone()
        connection.execute("INSERT INTO sent VALUES (?, ?)", (user, f"Welcome, {name}!"))
    job = current_job()
    job.push(GiveGift(user, "ten pictures"))
    job.push(JobPayload.delayed(ask.call(user), timedelta(days=7)))
    return name


@app.job("user.gift", at_most_once=True)
@dataclass(frozen=True)
class GiveGift:
    user: int
    gift: str

    def handle(self) -> None:
        with closing(connect()) as connection, connection:
            connection.execute("INSERT INTO sent VALUES (?, ?)", (self.user, f"A gift: {self.gift}"))


@app.job("user.ask", priority="low")
def ask(user: int) -> None:
    with closing(connect()) as connection, connection:
        connection.execute("INSERT INTO sent VALUES (?, ?)", (user, "How do you like it?"))


if __name__ == "__main__":
    for each in sys.argv[1:]:
        print(f"{each} is user {sign_up(each)}")
