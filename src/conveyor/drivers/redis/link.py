"""One connection to a server, over redis-py's: typed, and no more than the driver needs."""

from __future__ import annotations

import select
from typing import Any, Final

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from conveyor.drivers.redis.settings import RedisSettings


class Link:
    """Connected when it is made. One thread at a time may use it.

    Raises:
        redis.exceptions.RedisError, OSError: here, and by every method that speaks to the server.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._connection: Final[Any] = _connection(settings)
        self._connection.connect()
        self._poll: Final = select.poll()
        self._poll.register(self._connection._sock, select.POLLIN)  # noqa: SLF001 - its own check makes a new poll each time

    def ask(self, *words: Any) -> Any:
        """Send one command and read its answer. After an error that is no answer the link is closed."""
        connection = self._connection
        connection.send_packed_command(connection.pack_command(*words), check_health=False)
        return connection.read_response(disable_decoding=True)

    @property
    def has_ended(self) -> bool:
        """Whether the server has hung up; only while it owes us nothing, for then nothing else can be read."""
        return bool(self._poll.poll(0))

    def hears(self, seconds: float) -> bool:
        """Whether the server says something within this time."""
        return bool(self._connection.can_read(timeout=seconds))

    def read(self) -> Any:
        """What it says."""
        return self._connection.read_response(disable_decoding=True)

    def close(self) -> None:
        """Hang up. Safe to call twice."""
        self._connection.disconnect()


def _connection(settings: RedisSettings) -> Any:
    given: dict[str, Any] = {
        "db": settings.db,
        "username": settings.username,
        "password": settings.password,
        "socket_timeout": settings.timeout,
        # Half for the way there: with the handshake, a new connection stays near the timeout.
        "socket_connect_timeout": settings.timeout / 2,
        "retry": Retry(NoBackoff(), 0),
        "protocol": 2,
        "client_name": "conveyor",
    }
    make: Any = UnixDomainSocketConnection
    if settings.path:
        return make(path=settings.path, **given)
    given |= {"host": settings.host, "port": settings.port, "socket_keepalive": True}
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
