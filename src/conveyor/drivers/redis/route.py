"""The way to the servers of a store: what the operations ask of it, whether there is one server or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from conveyor.drivers.redis.link import Link
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.errors import StoreError


class Run(NamedTuple):
    """A script to be run, and on the keys that begin with what."""

    name: str
    key: str
    arguments: Sequence[Any]
    """The moment first; see lua/shared/store.lua."""


class Route(Protocol):
    """Safe to use from any thread; not across a fork."""

    @property
    def settings(self) -> RedisSettings:
        """How the servers are spoken to."""
        ...

    def run(self, name: str, key: str, *arguments: Any) -> Any:
        """Run the script of this name on the keys that begin with `key`; load it where the server does not know it.

        Raises:
            StoreError: it was not run, or nobody knows whether it was.
        """
        ...

    def run_all(self, runs: Sequence[Run]) -> list[Any]:
        """Run many at once; answer in order, with the StoreError of each that failed in its place."""
        ...

    def command(self, *words: Any) -> Any:
        """Run one command, which names its key, if it has any, first.

        Raises:
            StoreError: it was not run, or nobody knows whether it was.
        """
        ...

    def servers(self) -> Sequence[Route]:
        """The way to each server that has some of the store."""
        ...

    def connect(self) -> Link:
        """A new connection, for the caller to listen on and to close."""
        ...

    def leads(self, link: Link) -> bool:
        """Whether this connection leads to where the store still is."""
        ...

    def use_plain_scripts(self) -> None:
        """A server is older than Redis 7."""
        ...

    def check_open(self) -> None:
        """Raise StoreUnavailable if this was closed."""
        ...

    @property
    def is_closed(self) -> bool: ...

    def close(self) -> None:
        """Close every connection that is not in use; the others when they are given back. Safe to call twice."""
        ...


def answers_of(answers: Sequence[Any]) -> list[Any]:
    """What `run_all` answered, if nothing failed.

    Raises:
        StoreError: the first that there is.
    """
    for answer in answers:
        if isinstance(answer, StoreError):
            raise answer
    return list(answers)
