"""The servers of a cluster: which of them has a slot, and what to do while slots or servers move."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final

from redis import exceptions
from redis.crc import key_slot

from conveyor.drivers.redis.address import Address
from conveyor.drivers.redis.connections import Connections
from conveyor.drivers.redis.link import Link
from conveyor.drivers.redis.route import Run
from conveyor.drivers.redis.scripts import FLAGGED, PLAIN
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.errors import StoreError, StoreUnavailable

_PAUSE: Final = 0.02
"""Seconds until a slot that moves is asked again."""

_LEAST: Final = 0.1
"""Seconds for one server to say where the slots are, however many are to be asked."""

_MOVES: Final = ("MOVED ", "ASK ", "TRYAGAIN ")
"""What a server says of a slot that it has no longer, or does not have whole."""


class Cluster:
    """A `Route` to the primaries of a cluster. A slot that moves is waited for, within the timeout.

    The one key that a script names is the base of its partition's keys, which is no key itself. So a server that is
    giving the slot away misses it, and answers ASK instead of running the script; and nobody follows to where it asks
    us to go. So no script sees half of a partition.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self.settings: Final = settings
        self._seeds: Final = settings.nodes
        self._servers: dict[Address, Connections] = {}
        self._ranges: list[tuple[int, int, Address]] = []
        self._is_stale = True
        self._lost, self._lost_at = "", 0.0
        """Why the last look was in vain, and when it ended."""
        self._scripts = FLAGGED
        self._lock: Final = threading.Lock()
        self._is_closed = False

    def run(self, name: str, key: str, *arguments: Any) -> Any:
        script = self._scripts[name]
        try:
            return self._ask(key, ("EVALSHA", script.sha, 1, key, *arguments))
        except exceptions.NoScriptError:
            return self._ask(key, ("EVAL", script.text, 1, key, *arguments))

    def run_all(self, runs: Sequence[Run]) -> list[Any]:
        by_server: dict[int, tuple[Connections, list[int]]] = {}
        answers: list[Any] = [None] * len(runs)
        try:
            self.check_open()
            self._look()
        except StoreError as error:
            # Once for all of them: each would wait as long for servers that say nothing.
            return [error] * len(runs)
        for place, run in enumerate(runs):
            try:
                server = self._owner_of(run.key)
            except StoreError as error:
                answers[place] = error
            else:
                by_server.setdefault(id(server), (server, []))[1].append(place)
        begun = [
            (server, places, server.begin([self._by_hash(runs[place]) for place in places]))
            for server, places in by_server.values()
        ]
        deadline = time.monotonic() + self.settings.timeout
        for server, places, finish in begun:
            for place, answer in zip(places, finish(deadline), strict=True):
                answers[place] = self._made_good(runs[place], answer, server)
        return answers

    def _by_hash(self, run: Run) -> tuple[Any, ...]:
        return ("EVALSHA", self._scripts[run.name].sha, 1, run.key, *run.arguments)

    def _made_good(self, run: Run, answer: Any, server: Connections) -> Any:
        """The answer; or the StoreError that it is, if the script cannot be run again."""
        if not isinstance(answer, Exception):
            return answer
        if not isinstance(answer, exceptions.NoScriptError) and not self._is_elsewhere(answer):
            return answer if isinstance(answer, StoreError) else server.translated(answer)
        try:
            return self.run(run.name, run.key, *run.arguments)
        except StoreError as error:
            return error

    def command(self, *words: Any) -> Any:
        key = words[1] if len(words) > 1 and str(words[1]).startswith("{") else self.settings.base(0)
        return self._ask(key, words)

    def _ask(self, key: str, words: Sequence[Any]) -> Any:
        deadline = time.monotonic() + self.settings.timeout
        while True:
            server = self._server_of(key)
            try:
                return server.ask(*words)
            except exceptions.NoScriptError:
                raise
            except (exceptions.RedisError, OSError) as error:
                if not self._is_elsewhere(error) or time.monotonic() > deadline:
                    raise server.translated(error) from error
            time.sleep(_PAUSE)

    def _is_elsewhere(self, error: Exception) -> bool:
        """Whether nothing was done, because the slot is or goes elsewhere. Any trouble is a reason to look where."""
        said = str(error)
        is_answer = isinstance(error, exceptions.ResponseError)
        if not is_answer or said.startswith(("MOVED ", "CLUSTERDOWN ", "READONLY ")):
            self._is_stale = True
        return is_answer and said.startswith(_MOVES)

    def connect(self) -> Link:
        self.check_open()
        servers = self.servers()
        random.shuffle(servers)
        try:
            return servers[0].connect()
        except (exceptions.RedisError, OSError):
            self._is_stale = True
            return servers[-1].connect()

    def leads(self, link: Link) -> bool:
        return Address(link.settings.host, link.settings.port) in self._servers

    def servers(self) -> list[Connections]:
        self.check_open()
        self._look()
        return list(self._servers.values())

    def use_plain_scripts(self) -> None:
        self._scripts = PLAIN

    def _server_of(self, key: str) -> Connections:
        self.check_open()
        self._look()
        return self._owner_of(key)

    def _owner_of(self, key: str) -> Connections:
        """Which server has it, as far as is known."""
        slot = key_slot(key.encode())
        for first, last, address in self._ranges:
            if first <= slot <= last:
                return self._servers[address]
        self._is_stale = True
        raise StoreUnavailable(
            f"no server of the cluster at {_listed(self._seeds)} has slot {slot}; complete the cluster "
            "(redis-cli --cluster check), or try again after the failover"
        )

    def _look(self) -> None:
        """Find out which server has which slots, if there is a reason to."""
        if not self._is_stale:
            return
        began = time.monotonic()
        with self._lock:
            if self._is_stale:
                self._look_anew(began)

    def _look_anew(self, began: float) -> None:
        if self._lost_at > began:
            # Somebody has looked in vain while we waited: each that looks again would wait longer.
            raise StoreUnavailable(self._lost)
        try:
            self._ranges, self._servers = self._found()
        except StoreUnavailable as error:
            self._lost, self._lost_at = str(error), time.monotonic()
            raise
        self._is_stale = False

    def _found(self) -> tuple[list[tuple[int, int, Address]], dict[Address, Connections]]:
        known = [*self._servers, *(seed for seed in self._seeds if seed not in self._servers)]
        troubles: list[str] = []
        for address in known:
            patience = max(_LEAST, self.settings.timeout / len(known))
            try:
                ranges = _slots(dataclasses.replace(self.settings.at(address), timeout=patience))
            except (exceptions.RedisError, OSError) as error:
                troubles.append(f"{address} fails ({' '.join(str(error).split()) or 'it did not answer in time'})")
                continue
            servers = {owner: self._servers.get(owner) or Connections(self.settings.at(owner)) for *_, owner in ranges}
            for gone in set(self._servers) - set(servers):
                self._servers[gone].close_idle()
            return ranges, servers
        raise StoreUnavailable(
            f"no server of the cluster says where its slots are: {', '.join(troubles)}; start the cluster, or correct "
            "the store URL"
        )

    def check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable(f"the driver of {self.settings.shown} is closed; open the store again to go on")

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        self._is_closed = True
        for server in list(self._servers.values()):
            server.close()


def _slots(settings: RedisSettings) -> list[tuple[int, int, Address]]:
    """First and last of some slots and the primary that has them, as this server says."""
    link = Link(settings)
    try:
        answer = link.ask("CLUSTER", "SLOTS")
    finally:
        link.close()
    # A server that does not know its own name means: the one you have asked.
    return [
        (first, last, Address((primary[0] or b"").decode() or settings.host, int(primary[1])))
        for first, last, primary, *_ in answer
    ]


def _listed(addresses: Iterable[Address]) -> str:
    return ", ".join(map(str, addresses))
