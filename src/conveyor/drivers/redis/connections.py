"""Connections to one server: taken for a command, given back after it. No wait is longer than the timeout."""

from __future__ import annotations

import contextlib
from collections import deque
from typing import Any, Final

from redis import exceptions

from conveyor.drivers.redis.link import Link
from conveyor.drivers.redis.scripts import FLAGGED, PLAIN
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.drivers.redis.translation import translate
from conveyor.errors import StoreUnavailable

_KEPT: Final = 16
"""How many connections wait for their next use, at most."""

_IS_AWAY: Final = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)


class Connections:
    """Safe to use from any thread; not across a fork."""

    def __init__(self, settings: RedisSettings) -> None:
        self.settings: Final = settings
        self._idle: deque[Link] = deque()
        self._is_closed = False
        self._scripts = FLAGGED

    def run(self, name: str, key: str, *arguments: Any) -> Any:
        """Run the script of this name on the keys that begin with `key`; load it where the server does not know it."""
        script = self._scripts[name]
        try:
            return self._ask("EVALSHA", script.sha, 1, key, *arguments)
        except exceptions.NoScriptError:
            return self.command("EVAL", script.text, 1, key, *arguments)
        except (exceptions.RedisError, OSError) as error:
            raise translate(error, self.settings) from error

    def command(self, *words: Any) -> Any:
        """Run one command."""
        try:
            return self._ask(*words)
        except (exceptions.RedisError, OSError) as error:
            raise translate(error, self.settings) from error

    def use_plain_scripts(self) -> None:
        """The server is older than Redis 7."""
        self._scripts = PLAIN

    def _ask(self, *words: Any) -> Any:
        try:
            link = self._take()
            try:
                answer = link.ask(*words)
            except exceptions.ResponseError:
                # An answer too: the link is as good as before.
                self._give(link)
                raise
        except _IS_AWAY:
            # What leads nowhere now may never lead anywhere again, and each link would take its time to say so.
            self._close_idle()
            raise
        self._give(link)
        return answer

    def _take(self) -> Link:
        self.check_open()
        while True:
            try:
                link = self._idle.pop()
            except IndexError:
                return Link(self.settings)
            if not link.has_ended:
                return link
            link.close()

    def _give(self, link: Link) -> None:
        if self._is_closed or len(self._idle) >= _KEPT:
            link.close()
        else:
            self._idle.append(link)

    def check_open(self) -> None:
        """Raise StoreUnavailable if this was closed."""
        if self._is_closed:
            raise StoreUnavailable(f"the driver of {self.settings.shown} is closed; open the store again to go on")

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        """Close every connection that is not in use; the others when they are given back. Safe to call twice."""
        self._is_closed = True
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop().close()
