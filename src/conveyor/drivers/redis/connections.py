"""Connections to one server: taken for a command, given back after it. No wait is longer than the timeout."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from redis import exceptions

from conveyor.drivers.redis.link import Link
from conveyor.drivers.redis.misfit import misfit
from conveyor.drivers.redis.route import Run
from conveyor.drivers.redis.scripts import FLAGGED, PLAIN
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.drivers.redis.translation import translate
from conveyor.errors import SchemaMismatch, StoreError, StoreUnavailable

_LOOKED_AGAIN: Final = 1.0
"""Seconds after which somebody is asked again where the server is."""

_KEPT: Final = 16
"""How many connections wait for their next use, at most."""

_IS_AWAY: Final = (exceptions.ConnectionError, exceptions.TimeoutError, OSError)


class Connections:
    """A `Route` to one server.

    Args:
        settings: how the server is spoken to, and where it is.
        find: asked where it is now, before each new connection and every second: one that is no longer the primary may
            go on taking writes for a while, which are lost then.
    """

    def __init__(self, settings: RedisSettings, find: Callable[[], RedisSettings] | None = None) -> None:
        self.settings = settings
        self._find: Final = find
        self._looked_at = 0.0
        self._idle: deque[Link] = deque()
        self._is_closed = False
        self._scripts = FLAGGED

    def run(self, name: str, key: str, *arguments: Any) -> Any:
        script = self._scripts[name]
        try:
            return self.ask("EVALSHA", script.sha, 1, key, *arguments)
        except exceptions.NoScriptError:
            return self.command("EVAL", script.text, 1, key, *arguments)
        except (exceptions.RedisError, OSError) as error:
            raise self.translated(error) from error

    def run_all(self, runs: Sequence[Run]) -> list[Any]:
        answers = self._ask_all([("EVALSHA", self._scripts[run.name].sha, 1, run.key, *run.arguments) for run in runs])
        return [self._made_good(run, answer) for run, answer in zip(runs, answers, strict=True)]

    def _made_good(self, run: Run, answer: Any) -> Any:
        """The answer; or the StoreError that it is, if the script cannot be run again."""
        if not isinstance(answer, Exception):
            return answer
        if not isinstance(answer, exceptions.NoScriptError):
            return answer if isinstance(answer, StoreError) else self.translated(answer)
        try:
            return self.run(run.name, run.key, *run.arguments)
        except StoreError as error:
            return error

    def command(self, *words: Any) -> Any:
        try:
            return self.ask(*words)
        except (exceptions.RedisError, OSError) as error:
            raise self.translated(error) from error

    def translated(self, error: BaseException) -> StoreError:
        """Our error for that; with the name of the key that is in the way, which the server does not tell."""
        ours = translate(error, self.settings)
        if isinstance(ours, SchemaMismatch):
            found = misfit(self.command, self._ask_all, self.settings.beginning)
            if found:
                return SchemaMismatch(
                    f"on {self.settings.server} {found}; name another ?prefix= in the store URL, or delete that key"
                )
        return ours

    def use_plain_scripts(self) -> None:
        self._scripts = PLAIN

    def ask(self, *words: Any) -> Any:
        """The answer to one command, or what the client raises."""
        try:
            link = self._take()
            try:
                answer = link.ask(*words)
            except exceptions.ResponseError as error:
                # An answer too: the link is as good as before.
                self._give_after([error], link)
                raise
        except _IS_AWAY:
            # What leads nowhere now may never lead anywhere again, and each link would take its time to say so.
            self.close_idle()
            raise
        self._give(link)
        return answer

    def begin(self, commands: Sequence[Sequence[Any]]) -> Callable[[float], list[Any]]:
        """Send many commands at once; what is answered reads what came of each: if it failed, the exception.

        It is given the moment until which it waits for the first answer, for it may be one of several servers.
        """
        try:
            link = self._take()
            link.send(commands)
        except (StoreError, exceptions.RedisError, OSError) as error:
            self.close_idle()
            failed: list[Any] = [error] * len(commands)
            return lambda _: failed
        return partial(self._finish, link, len(commands))

    def _ask_all(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """What came of each; if it failed, the exception."""
        finish = self.begin(commands)
        return finish(time.monotonic() + self.settings.timeout)

    def _finish(self, link: Link, count: int, deadline: float) -> list[Any]:
        answers: list[Any] = []
        while len(answers) < count:
            try:
                if not answers and not link.hears(max(0.0, deadline - time.monotonic())):
                    link.close()
                    raise exceptions.TimeoutError
                answers.append(link.read())
            except exceptions.ResponseError as error:
                answers.append(error)
            except (exceptions.RedisError, OSError) as error:
                self.close_idle()
                return answers + [error] * (count - len(answers))
        self._give_after(answers, link)
        return answers

    def servers(self) -> Sequence[Connections]:
        return [self]

    def connect(self) -> Link:
        self._look()
        return Link(self.settings)

    def leads(self, link: Link) -> bool:
        return link.settings is self.settings

    def _look(self) -> None:
        """Find out where the server is now. The connections to where it was are of no more use."""
        if self._find is not None:
            found = self._find()
            self._looked_at = time.monotonic()
            if found != self.settings:
                self.settings = found
                self.close_idle()

    def _take(self) -> Link:
        self.check_open()
        unknown: StoreUnavailable | None = None
        if self._find is not None and time.monotonic() - self._looked_at > _LOOKED_AGAIN:
            # Who cannot be asked just now may be asked a second later: the server itself answers, or does not.
            self._looked_at = time.monotonic()
            try:
                self._look()
            except StoreUnavailable as error:
                unknown = error
        while True:
            try:
                link = self._idle.pop()
            except IndexError:
                if unknown is not None:
                    # Who asks again waits again.
                    raise unknown from None
                return self.connect()
            if not link.has_ended:
                return link
            link.close()

    def _give_after(self, answers: Sequence[Any], link: Link) -> None:
        """Give it back, unless an answer says that this server is the primary no more: then look for another."""
        if any(
            isinstance(answer, exceptions.ResponseError) and str(answer).startswith("READONLY") for answer in answers
        ):
            link.close()
            self.close_idle()
        else:
            self._give(link)

    def _give(self, link: Link) -> None:
        if self._is_closed or len(self._idle) >= _KEPT:
            link.close()
        else:
            self._idle.append(link)

    def check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable(f"the driver of {self.settings.shown} is closed; open the store again to go on")

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._is_closed = True
        self.close_idle()

    def close_idle(self) -> None:
        """Close every connection that is not in use."""
        while self._idle:
            with contextlib.suppress(IndexError):
                self._idle.pop().close()
