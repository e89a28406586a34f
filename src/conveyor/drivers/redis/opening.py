"""What is looked at when a store is opened: the server's release, and whose keys lie under the prefix."""

from __future__ import annotations

from typing import Final

from conveyor.drivers.redis.connections import Connections
from conveyor.errors import SchemaMismatch, StoreError

VERSION: Final = 1
"""Of the layout of keys and records. A newer release raises it and brings older ones up to date."""

_OLDEST: Final = (6, 2)
_FLAGS_SINCE: Final = (7, 0)


def prepare(connections: Connections) -> None:
    """Make sure that this store can be used.

    Raises:
        SchemaMismatch: it is one of a newer release, or no store of conveyor's.
        StoreError: the server is too old.
        StoreUnavailable: it cannot be reached.
    """
    release = _release(connections)
    if release < _OLDEST:
        raise StoreError(
            f"{connections.settings.server} is release {'.'.join(map(str, release))}, conveyor needs Redis 6.2 or "
            "newer, or Valkey"
        )
    if release < _FLAGS_SINCE:
        connections.use_plain_scripts()
    key = f"{connections.settings.prefix}:schema"
    found = connections.command("GET", key)
    if found is None:
        # Only where there is none: a server that is full refuses even to be told what it knows.
        connections.command("SET", key, VERSION, "NX")
        found = connections.command("GET", key)
    if not found.isdigit() or int(found) > VERSION:
        raise SchemaMismatch(
            f"{key} on {connections.settings.server} is {found!r}: another program's, or of a newer release of "
            f"conveyor (this one knows {VERSION}); upgrade conveyor, or name another prefix with ?prefix="
        )


def _release(connections: Connections) -> tuple[int, ...]:
    info: bytes = connections.command("INFO", "server")
    for line in info.decode().splitlines():
        # Valkey says here which Redis it is like.
        if line.startswith("redis_version:"):
            return tuple(int(part) for part in line.partition(":")[2].split(".")[:2])
    return _OLDEST
