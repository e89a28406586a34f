"""A connection on which the server tells that jobs may be ready."""

from __future__ import annotations

import select
import time
from collections.abc import Sequence
from typing import Final
from uuid import uuid4

import psycopg
from psycopg import Notify, sql

from conveyor.drivers.postgres.connection import BoundedConnection
from conveyor.drivers.postgres.database import Database, rows_of
from conveyor.drivers.postgres.part import to_json

_ASKED_FOR: Final = 20.0
"""Seconds for which we are told: whoever is too busy to wait soon costs nobody a notification."""

_ASK_AGAIN: Final = 15.0
"""Seconds after which we ask again, while we wait."""


class Listener:
    """Who waits. For one thread at a time; connects when it is first used, and again when it has lost the server."""

    def __init__(self, database: Database) -> None:
        self._database: Final = database
        self._id: Final = uuid4()
        self._connection: BoundedConnection | None = None
        self._heard: list[str] = []
        self._asked: tuple[str, ...] = ()
        self._asked_until = 0.0

    @property
    def can_hear(self) -> bool:
        """Whether notifications reach us. A pooler may give each transaction to another session."""
        return not self._connected().is_pooled

    @property
    def has_lost_its_session(self) -> bool:
        """Whether the server has ended it, or has gone."""
        return self._connection is not None and self._connection.closed

    def look(
        self, queues: Sequence[str], asked: str, now: int | None, fronts: str | None
    ) -> tuple[bool, bool, int | None]:
        """Whether we were not told of these queues until now, and what probe.sql answers of them."""
        # Ask to be told first, then look: a push between the two is either seen or heard.
        is_new = self._ask(queues)
        return is_new, *self._probe(asked, now, fronts)

    def _ask(self, queues: Sequence[str]) -> bool:
        """Let us be told of these queues for a while; answer whether we were not until now."""
        connection = self._connected()
        wanted = tuple(queues)
        now = time.monotonic()
        if connection.is_pooled or (wanted == self._asked and now < self._asked_until - _ASKED_FOR + _ASK_AGAIN):
            return False
        is_new = wanted != self._asked or now > self._asked_until
        parameters = {"id": self._id, "queues": to_json(wanted), "seconds": _ASKED_FOR}
        rows_of(connection, self._database.statement("listen"), parameters)
        self._asked, self._asked_until = wanted, now + _ASKED_FOR
        return is_new

    def _probe(self, asked: str, now: int | None, fronts: str | None) -> tuple[bool, int | None]:
        """What probe.sql answers. What we were told before is no news."""
        self._heard.clear()
        parameters = {"queues": asked, "now": now, "fronts": fronts}
        rows = rows_of(self._connected(), self._database.statement("probe"), parameters)
        return rows[0][0], rows[0][1]

    def hears(self, timeout: float, queues: Sequence[str]) -> bool:
        """Whether we are told within so many seconds that a job of these queues is ready.

        False when the time is over, when we are told something that needs a look, or when the connection is lost: the
        next look makes another.
        """
        connection = self._connected()
        deadline = time.monotonic() + timeout
        poll = select.poll()
        poll.register(connection.pgconn.socket, select.POLLIN)
        while True:
            while self._heard:
                told = self._heard.pop()
                if told in queues:
                    return True
                if not told:
                    return False
            left = deadline - time.monotonic()
            # Rounded up: poll counts whole milliseconds, and 0 would spin.
            if left <= 0 or not poll.poll(int(left * 1000) + 1) or not self._takes_in(connection):
                return False

    def close(self) -> None:
        """Let go of the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> BoundedConnection:
        # It may have been lost, with the server, since we last waited.
        while self._connection is not None and not self._connection.is_fresh:
            self._takes_in(self._connection)
        if self._connection is None:
            connection = self._connection = self._database.connect()
            self._asked_until = 0.0
            if not connection.is_pooled:
                connection.add_notify_handler(self._note)
                # Waiting is idle, however short a role's idle sessions are kept.
                connection.execute("SET idle_session_timeout = 0")
                connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._database.settings.schema)))
        return self._connection

    def _takes_in(self, connection: BoundedConnection) -> bool:
        """Take in what the server has said; False, and the connection is closed, when it has hung up."""
        try:
            connection.pgconn.consume_input()
        except psycopg.OperationalError:
            self.close()
            return False
        while notify := connection.pgconn.notifies():
            self._heard.append(notify.extra.decode())
        return True

    def _note(self, notify: Notify) -> None:
        self._heard.append(notify.payload)
