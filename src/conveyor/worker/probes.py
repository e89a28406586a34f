"""`--health-port`: what a worker answers to probes over HTTP.

One thread serves all connections, a few at a time, each for a moment: whoever sends slowly, or nothing, keeps nobody
waiting. http.server would need a thread for each connection and has no bound on how long a request may take to come.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from http import HTTPStatus
from typing import Final, NamedTuple

import msgspec

from conveyor.errors import ConfigError
from conveyor.worker.essential import essential
from conveyor.worker.health import Health
from conveyor.worker_document import worker_document

WITHIN: Final = 2.0
"""Seconds for a request to come and its answer to go."""

_CONNECTIONS: Final = 32
"""At a time; more wait for these to end."""

_LONGEST: Final = 8192
"""Bytes that a request may have. What it asks for is in the first line; what follows is not read."""

_TURN: Final = 0.2
"""Seconds between two looks whether some connection has had its time."""


class Answer(NamedTuple):
    """What is said to a probe."""

    status: HTTPStatus
    body: bytes
    type: str = "text/plain; charset=utf-8"


def answer_of(health: Health, path: str) -> Answer | None:
    """What a probe is told that asks for this path; `None` for a path that means nothing."""
    match path:
        case "/live":
            return _said("" if health.is_live else "the supervisor hangs")
        case "/ready":
            return _said(health.trouble())
        case "/" | "/health":
            document = {"live": health.is_live, **worker_document(health.record())}
            return Answer(HTTPStatus.OK, msgspec.json.encode(document) + b"\n", "application/json")
        case _:
            return None


class Probes:
    """Answers GET and HEAD. It listens, so that the port is known to be free, before it is started.

    Args:
        host: the address to listen at.
        port: the port; 0 for any that is free.

    Raises:
        ConfigError: it cannot listen there.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]
            self._listener = socket.create_server((host, port), family=family)
        except OSError as error:
            raise ConfigError(
                f"health-port {port} of {host} cannot be listened at: {error.strerror or error}; "
                "choose another one, or 0 for any that is free"
            ) from error
        self._listener.setblocking(False)  # noqa: FBT003 - the socket's own signature
        self.host: Final[str] = host
        self.port: Final[int] = self._listener.getsockname()[1]
        self._selector = selectors.DefaultSelector()
        self._connections: dict[socket.socket, _Connection] = {}
        self._stopping = False
        self._health: Health | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    def start(self, health: Health) -> None:
        """Answer from now on."""
        self._health = health
        self._thread = essential("conveyor-probes", self._run)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more. Safe twice and unstarted."""
        self._stopping = True
        if self._thread is not None:
            self._thread.join(WITHIN)
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._selector.close()
        self._listener.close()

    def _run(self) -> None:
        while not self._stopping:
            for key, _ in self._selector.select(_TURN):
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    self._go_on(key.data)
            now = time.monotonic()
            for connection in [each for each in self._connections.values() if now > each.deadline]:
                self._drop(connection)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            end, _ = self._listener.accept()
            end.setblocking(False)  # noqa: FBT003 - the socket's own signature
            connection = self._connections[end] = _Connection(end)
            self._selector.register(end, selectors.EVENT_READ, connection)
            if len(self._connections) == _CONNECTIONS:
                self._selector.unregister(self._listener)

    def _go_on(self, connection: _Connection) -> None:
        """Read what has come, or send what has room."""
        try:
            if connection.unsent is None:
                received = connection.end.recv(_LONGEST)
                connection.request += received
                if received and b"\r\n\r\n" not in connection.request and len(connection.request) < _LONGEST:
                    return
                if not connection.request:
                    self._drop(connection)
                    return
                connection.unsent = self._answer(connection.request)
                self._selector.modify(connection.end, selectors.EVENT_WRITE, connection)
            connection.unsent = connection.unsent[connection.end.send(connection.unsent) :]
            if not connection.unsent:
                connection.end.shutdown(socket.SHUT_WR)
                self._drop(connection)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection)

    def _answer(self, request: bytes) -> bytes:
        method, answer = _method_and_answer(request, self._health)
        head = [
            f"HTTP/1.1 {answer.status.value} {answer.status.phrase}",
            f"Content-Type: {answer.type}",
            f"Content-Length: {len(answer.body)}",
            "Cache-Control: no-store",
            "Connection: close",
        ]
        if answer.status is HTTPStatus.METHOD_NOT_ALLOWED:
            head.append("Allow: GET, HEAD")
        return "\r\n".join((*head, "", "")).encode() + (b"" if method == "HEAD" else answer.body)

    def _drop(self, connection: _Connection) -> None:
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(connection.end)
        connection.end.close()
        self._connections.pop(connection.end, None)
        if not self._stopping and self._listener not in self._selector.get_map():
            self._selector.register(self._listener, selectors.EVENT_READ)


class _Connection:
    """One connection, for one request."""

    __slots__ = ("deadline", "end", "request", "unsent")

    def __init__(self, end: socket.socket) -> None:
        self.end: Final = end
        self.deadline: Final = time.monotonic() + WITHIN
        self.request = b""
        self.unsent: bytes | None = None


def _method_and_answer(request: bytes, health: Health | None) -> tuple[str, Answer]:
    words = request.split(b"\r\n", 1)[0].decode("latin-1").split()
    if len(words) != 3 or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - method, target, version
        return "", _plain(HTTPStatus.BAD_REQUEST)
    method, target, _ = words
    if method not in {"GET", "HEAD"}:
        return method, _plain(HTTPStatus.METHOD_NOT_ALLOWED)
    answer = None if health is None else answer_of(health, target.partition("?")[0])
    return method, answer or _plain(HTTPStatus.NOT_FOUND)


def _said(trouble: str) -> Answer:
    return Answer(HTTPStatus.SERVICE_UNAVAILABLE if trouble else HTTPStatus.OK, f"{trouble or 'ok'}\n".encode())


def _plain(status: HTTPStatus) -> Answer:
    return Answer(status, f"{status.phrase.lower()}\n".encode())
