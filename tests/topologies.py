"""Servers that belong together: a primary with replicas that sentinels watch."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from functools import cache
from typing import Any, Final

import redis

from tests.servers import VALKEY, Server, free_port

SERVICE: Final = "shop"
"""What the sentinels call the primary."""

_REPLICATED: Final = ("--save", "", "--appendonly", "yes", "--repl-diskless-sync-delay", "0")


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


class Cluster:
    """Three primaries, each with some replicas; a dead one is replaced after a second."""

    def __init__(self, replicas: int = 0) -> None:
        enabled = ("--cluster-enabled", "yes", "--cluster-node-timeout", "1000", *_REPLICATED)
        buses = [free_port() for _ in range(3 + 3 * replicas)]
        self.servers = [Server(VALKEY, *enabled, "--cluster-port", str(bus)) for bus in buses]
        try:
            self._join(buses)
        except BaseException:
            self.remove()
            raise

    def _join(self, buses: list[int]) -> None:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(server.client()) for server in self.servers]
            for place, client in enumerate(clients[:3]):
                first, last = place * 16384 // 3, (place + 1) * 16384 // 3 - 1
                client.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            for client in clients[1:]:
                client.execute_command("CLUSTER", "MEET", "127.0.0.1", self.servers[0].port, buses[0])
            names = [client.execute_command("CLUSTER", "MYID").decode() for client in clients]
            until(lambda: all(_knows(client, len(clients)) for client in clients), "the servers know each other")
            for place, client in enumerate(clients[3:]):
                client.execute_command("CLUSTER", "REPLICATE", names[place % 3])
            until(lambda: all(_is_whole(client) for client in clients), "the cluster is whole")

    def url(self, **options: object) -> str:
        """A store of its own on this cluster."""
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers[:2])
        return f"redis+cluster://{hosts}?{self.servers[0].url(**options).partition('?')[2]}"

    def owner(self, slot: int) -> Server:
        """Which server has the slot, as those that live see it."""
        for server in self.servers:
            with contextlib.suppress(redis.RedisError), server.client() as client:
                for first, last, primary, *_ in client.execute_command("CLUSTER", "SLOTS", NEVER_DECODE=True):
                    if first <= slot <= last:
                        return next(each for each in self.servers if each.port == primary[1])
        raise AssertionError("nobody has the slot")

    def move(self, slot: int, target: Server, pause: float = 0.0) -> int:
        """Move a slot to another primary, key by key with a pause between, as resharding does; answer how many keys."""
        source, moved = self.owner(slot), 0
        with source.client() as giving, target.client() as taking:
            ids = [client.execute_command("CLUSTER", "MYID").decode() for client in (giving, taking)]
            taking.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[0])
            giving.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[1])
            while keys := giving.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1):
                giving.execute_command("MIGRATE", "127.0.0.1", target.port, keys[0], 0, 5000)
                moved += 1
                time.sleep(pause)
            for client in (taking, giving):
                client.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[1])
        return moved

    def remove(self) -> None:
        for server in self.servers:
            server.remove()


def _knows(client: Any, count: int) -> bool:
    lines = client.execute_command("CLUSTER", "NODES")
    text = lines.decode() if isinstance(lines, bytes) else str(lines)
    return text.count("connected") == count and "handshake" not in text


def _is_whole(client: Any) -> bool:
    told = client.execute_command("CLUSTER", "INFO")
    return "cluster_state:ok" in (told.decode() if isinstance(told, bytes) else str(told))


@cache
def cluster() -> Cluster:
    """One without replicas, for tests that leave it as it is."""
    return Cluster()


@cache
def sentinels() -> Sentinels:
    """For tests that leave the primary where it is."""
    return Sentinels()
