"""One connection to a server: redis-py makes it, and then steps aside, for its layers cost more than the rest of us."""

from __future__ import annotations

import select
import socket
import ssl
import struct
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import hiredis
from redis import exceptions
from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from conveyor.drivers.redis.address import check_name
from conveyor.drivers.redis.settings import RedisSettings

_CHUNK: Final = 1 << 17
"""Bytes read at a time."""

_ATTEMPT: Final = 1.25
"""Seconds that one attempt to connect may take: a server that is back is found sooner by asking anew."""

_KEEPALIVE: Final = {"TCP_KEEPIDLE": 10, "TCP_KEEPALIVE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
"""When the kernel asks whether the other end of a quiet connection is there: so one that waits for news learns that
none can come. What a system does not know is left out; macOS has a name of its own for the first."""

_NOT_IN_TIME: Final = (BlockingIOError, TimeoutError)
"""What the kernel's timeout is called, and Python's."""

_pack: Final = cast("Any", hiredis).pack_command


class Link:
    """Connected when it is made. One thread at a time may use it. After an error that is no answer it is closed.

    Raises:
        redis.exceptions.RedisError, OSError: here, and by every method that speaks to the server.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._connection: Final[Any] = _connection(settings)
        # Half for the way there: with the handshake, a new connection stays near the timeout.
        deadline = time.monotonic() + settings.timeout / 2
        if not settings.path:
            check_name(settings.host, settings.port, settings.timeout / 2)
        while True:
            try:
                self._connection.connect()
                break
            except exceptions.TimeoutError:
                if time.monotonic() >= deadline:
                    raise
        self._socket: Final[socket.socket] = self._connection._sock  # noqa: SLF001 - has no other name
        self.settings: Final = settings
        self._timeout: Final = settings.timeout
        self._reader: Final = hiredis.Reader(protocolError=exceptions.InvalidResponse, replyError=_error)
        self._poll: Final = select.poll()
        self._poll.register(self._socket, select.POLLIN)
        if not isinstance(self._socket, ssl.SSLSocket):
            # Kept by the kernel: Python's own timeout asks it before each call whether it may be made.
            limit = struct.pack("ll", int(settings.timeout), round(settings.timeout % 1 * 1_000_000))
            self._socket.settimeout(None)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)

    def ask(self, *words: Any) -> Any:
        """Send one command and read its answer."""
        self._say(_pack(words))
        return self.read()

    def send(self, commands: Iterable[Sequence[Any]]) -> None:
        """Send many commands at once; their answers are to be read one by one."""
        self._say(b"".join([_pack(tuple(words)) for words in commands]))

    def _say(self, said: bytes) -> None:
        try:
            self._socket.sendall(said)
        except BaseException as error:
            self.close()
            if isinstance(error, _NOT_IN_TIME):
                raise exceptions.TimeoutError from error
            raise

    def read(self) -> Any:
        """The next that the server says."""
        reader = self._reader
        answer = reader.gets()
        if answer is False:
            try:
                answer = self._received()
            except BaseException as error:
                self.close()
                if isinstance(error, _NOT_IN_TIME):
                    raise exceptions.TimeoutError from error
                raise
        if isinstance(answer, exceptions.ResponseError):
            raise answer
        return answer

    def _received(self) -> Any:
        """The next answer, of which something is still to come."""
        reader, deadline = self._reader, 0.0
        while True:
            received = self._socket.recv(_CHUNK)
            if not received:
                raise exceptions.ConnectionError("the server has closed the connection")
            reader.feed(received)
            answer = reader.gets()
            if answer is not False:
                return answer
            # One that comes in drops has no more time than one that comes whole.
            deadline = deadline or time.monotonic() + self._timeout
            if time.monotonic() > deadline:
                raise TimeoutError

    @property
    def has_ended(self) -> bool:
        """Whether the server has hung up; only while it owes us nothing, for then nothing else can be read."""
        return bool(self._poll.poll(0))

    def hears(self, seconds: float) -> bool:
        """Whether the server says something within this time."""
        if self._reader.has_data():
            return True
        if isinstance(self._socket, ssl.SSLSocket) and self._socket.pending():
            return True
        return bool(self._poll.poll(seconds * 1000))

    def close(self) -> None:
        """Hang up. Safe to call twice."""
        self._connection.disconnect()


_ERRORS: Final[dict[str, type[exceptions.ResponseError]]] = {
    "NOSCRIPT": exceptions.NoScriptError,
}


def _error(message: str) -> exceptions.ResponseError:
    """What the server answers instead of a reply."""
    return _ERRORS.get(message.partition(" ")[0], exceptions.ResponseError)(message)


def _connection(settings: RedisSettings) -> Any:
    given: dict[str, Any] = {
        "db": settings.db,
        "username": settings.username,
        "password": settings.password,
        "socket_timeout": settings.timeout,
        "socket_connect_timeout": min(_ATTEMPT, settings.timeout / 2),
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "client_name": "conveyor",
    }
    make: Any = UnixDomainSocketConnection
    if settings.path:
        return make(path=settings.path, **given)
    keepalive = {getattr(socket, name): value for name, value in _KEEPALIVE.items() if hasattr(socket, name)}
    given |= {"host": settings.host, "port": settings.port}
    given |= {"socket_keepalive": True, "socket_keepalive_options": keepalive}
    make = Connection
    if settings.tls:
        make = SSLConnection
        given |= {
            "ssl_ca_certs": settings.tls_ca,
            "ssl_certfile": settings.tls_cert,
            "ssl_keyfile": settings.tls_key,
            "ssl_cert_reqs": "required" if settings.tls_verify else "none",
            "ssl_check_hostname": settings.tls_verify,
        }
    return make(**given)
