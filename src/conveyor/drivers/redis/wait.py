"""Waiting for work without asking all the time: a look that finds nothing leaves word, and the next push tells."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from redis import exceptions

from conveyor.drivers.redis.connections import Connections
from conveyor.drivers.redis.link import Link
from conveyor.drivers.redis.part import Part
from conveyor.drivers.redis.translation import translate
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import SECOND, Clock

_LONGEST: Final = 2.5
"""However little the server tells us, we look this often."""


class Wait(Part):
    """The operation that waits; its promises stand in `drivers/base.py`."""

    def __init__(self, connections: Connections, clock: Clock, aging: Aging, retention: Retention) -> None:
        super().__init__(connections, clock, aging, retention)
        self._listening: deque[Link] = deque()

    def wait(self, queues: Sequence[str], timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        is_again = False
        while True:
            try:
                with self._listener() as listener:
                    return self._wait_on(listener, queues, deadline)
            except (exceptions.RedisError, OSError) as error:
                # Others from before are no better.
                self._hang_up()
                # That it was cut while it had nothing to say does not mean that the server is away.
                if is_again or isinstance(error, exceptions.TimeoutError):
                    raise translate(error, self._connections.settings) from error
                is_again = True

    def _wait_on(self, listener: Link, queues: Sequence[str], deadline: float) -> bool:
        while True:
            ready, *more = self._run("look", *queues)
            if ready:
                return True
            due, *numbers = more
            left = deadline - time.monotonic()
            if due:
                left = min(left, int(due) / SECOND)
            told = self._listen(listener, max(0.0, min(left, _LONGEST)))
            self._connections.check_open()
            if any(b"%d" % number in told for number in numbers):
                return True
            if time.monotonic() >= deadline:
                return False

    @contextmanager
    def _listener(self) -> Generator[Link]:
        """A link that is subscribed before anything is looked at: a push between the two is either seen or heard."""
        self._connections.check_open()
        listener = self._idle_listener() or self._subscribed()
        try:
            yield listener
        except BaseException:
            listener.close()
            raise
        if self._connections.is_closed:
            listener.close()
        else:
            self._listening.append(listener)

    def _idle_listener(self) -> Link | None:
        """One that listened before, has not been cut since, and leads to where the server still is."""
        while True:
            try:
                listener = self._listening.pop()
            except IndexError:
                return None
            if listener.settings is not self._connections.settings:
                listener.close()
                continue
            try:
                # What was said while nobody waited is no news: who waits looks first.
                self._listen(listener, 0.0)
            except (exceptions.RedisError, OSError):
                listener.close()
            else:
                return listener

    def _subscribed(self) -> Link:
        listener = self._connections.connect()
        listener.ask("SUBSCRIBE", f"{self._key}:wake")
        return listener

    @staticmethod
    def _listen(listener: Link, seconds: float) -> set[bytes]:
        """What is said, once something is or the time is over: the numbers of queues that had nothing and now have."""
        told: set[bytes] = set()
        while listener.hears(seconds):
            told.add(listener.read()[-1])
            seconds = 0.0
        return told

    def _hang_up(self) -> None:
        """Close the links that listen and that nobody waits on."""
        while self._listening:
            with contextlib.suppress(IndexError):
                self._listening.pop().close()
