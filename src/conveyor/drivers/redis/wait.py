"""Waiting for work without asking all the time: a look that finds nothing leaves word, and the next push tells."""

from __future__ import annotations

import contextlib
import math
import time
from collections import deque
from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from redis import exceptions

from conveyor.drivers.redis.link import Link
from conveyor.drivers.redis.part import Part
from conveyor.drivers.redis.route import Route
from conveyor.drivers.redis.translation import translate
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import SECOND, Clock

_LONGEST: Final = 2.5
"""However little the server tells us, we look this often."""


_Told = tuple[bytes, bytes]
"""A channel, and the number of a queue there."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at queues has found."""

    is_ready: bool
    due: float = math.inf
    """Seconds until a delayed job is due."""
    open: frozenset[_Told] = frozenset()
    """Those that are not paused, as it will be told when they have something."""


def channel_of(key: str) -> str:
    """Where it is told that a queue has something of which a look has left word that it had nothing."""
    return f"{key}:wake"


def seen(channel: str, answer: Any) -> Look:
    """What look.lua has answered, where it is told on this channel."""
    ready, *more = answer
    if ready:
        return Look(is_ready=True)
    due, *numbers = more
    told = frozenset((channel.encode(), b"%d" % number) for number in numbers)
    return Look(is_ready=False, due=int(due) / SECOND if due else math.inf, open=told)


class Wait(Part):
    """The operation that waits; its promises stand in `drivers/base.py`."""

    def __init__(self, connections: Route, key: str, clock: Clock, aging: Aging, retention: Retention) -> None:
        super().__init__(connections, key, clock, aging, retention)
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
            look = self._look(queues)
            if look.is_ready:
                return True
            left = min(deadline - time.monotonic(), look.due)
            told = self._listen(listener, max(0.0, min(left, _LONGEST)), look.open)
            self._connections.check_open()
            if told:
                return True
            if time.monotonic() >= deadline:
                return False

    def _look(self, queues: Sequence[str]) -> Look:
        """Look at these queues."""
        return seen(channel_of(self._key), self._run("look", *queues))

    @property
    def _channels(self) -> Sequence[str]:
        """All that a listener listens to."""
        return (channel_of(self._key),)

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
            if not self._connections.leads(listener):
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
        channels = self._channels
        listener.ask("SUBSCRIBE", *channels)
        for _ in channels[1:]:
            listener.read()
        return listener

    @staticmethod
    def _listen(listener: Link, seconds: float, wanted: Collection[_Told] = ()) -> bool:
        """Take in what is said, once something is or the time is over; whether one of these had nothing and now has.

        What is said behind that is left for the next time.
        """
        while listener.hears(seconds):
            _, channel, number = listener.read()
            if (channel, number) in wanted:
                return True
            seconds = 0.0
        return False

    def _hang_up(self) -> None:
        """Close the links that listen and that nobody waits on."""
        while self._listening:
            with contextlib.suppress(IndexError):
                self._listening.pop().close()
