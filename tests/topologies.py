"""Servers that belong together: a primary with replicas that sentinels watch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Final

import redis

from tests.servers import VALKEY, Server

SERVICE: Final = "shop"
"""What the sentinels call the primary."""

_REPLICATED: Final = ("--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0")


class Sentinels:
    """A primary, two replicas and three sentinels, which notice its death after half a second."""

    def __init__(self) -> None:
        self.servers = [Server(VALKEY, *_REPLICATED)]
        primary = self.servers[0].port
        self.servers += [Server(VALKEY, *_REPLICATED, "--replicaof", f"127.0.0.1 {primary}") for _ in range(2)]
        self.sentinels = [Server(VALKEY, sentinel_of=(SERVICE, primary)) for _ in range(3)]
        until(lambda: all(self._knows_all(sentinel) for sentinel in self.sentinels), "the sentinels know each other")

    def url(self, **options: object) -> str:
        """A store of its own on whichever server is the primary."""
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in self.sentinels)
        query = self.servers[0].url(**options).partition("?")[2]
        return f"redis+sentinel://{hosts}/{SERVICE}/0?{query}"

    @property
    def primary(self) -> Server:
        """The server that the sentinels name now."""
        for sentinel in self.sentinels:
            with contextlib.suppress(redis.RedisError), sentinel.client() as client:
                _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE)
                return next(server for server in self.servers if server.port == int(port))
        raise AssertionError("no sentinel answers")

    def remove(self) -> None:
        for server in (*self.sentinels, *self.servers):
            server.remove()

    @staticmethod
    def _knows_all(sentinel: Server) -> bool:
        with sentinel.client() as client:
            told = client.sentinel_master(SERVICE)
            return bool(told["num-slaves"] == 2 and told["num-other-sentinels"] == 2)


def until(condition: Callable[[], bool], what: str, seconds: float = 30.0) -> None:
    """Wait for it."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
