"""What is looked at when a store is opened: the server's release, and whose keys lie under the prefix."""

from __future__ import annotations

from typing import Final

from conveyor.drivers.redis.route import Route
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.errors import SchemaMismatch, StoreError

VERSION: Final = 1
"""Of the layout of keys and records. A newer release raises it and brings older ones up to date."""

_OLDEST: Final = (6, 2)
_FLAGS_SINCE: Final = (7, 0)


def prepare(connections: Route, key: str) -> None:
    """Make sure that the store whose keys begin so can be used.

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
    key = f"{key}:schema"
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


def prepare_spread(connections: Route) -> None:
    """As `prepare`, for a store of many partitions, which remembers over how many of them its queues are spread.

    Raises:
        SchemaMismatch: they are spread over another number of partitions, or it is not such a store.
    """
    settings = connections.settings
    prepare(connections, settings.base(0))
    if not settings.nodes and connections.command("EXISTS", f"{settings.prefix}:schema"):
        raise _not_spread_so(settings, "is a store without partitions", "leave ?partitions= away")
    # Where the cluster has it; on one server, where it is found, and may be read, without partitions in the URL too.
    key = f"{settings.base(0) if settings.nodes else settings.prefix}:partitions"
    found = connections.command("GET", key)
    if found is None:
        connections.command("SET", key, settings.partitions, "NX")
        found = connections.command("GET", key)
    if found != b"%d" % settings.partitions:
        number = found.decode()
        raise _not_spread_so(
            settings, f"is a store with partitions={number}, not {settings.partitions}", f"write ?partitions={number}"
        )


def refuse_spread(connections: Route) -> None:
    """Make sure that this is no store of many partitions, whose jobs nobody would find.

    Raises:
        SchemaMismatch: it is one.
    """
    settings = connections.settings
    found = connections.command("GET", f"{settings.prefix}:partitions")
    if found is not None:
        number = found.decode()
        raise _not_spread_so(settings, f"is a store with partitions={number}", f"write ?partitions={number}")


def _not_spread_so(settings: RedisSettings, what: str, remedy: str) -> SchemaMismatch:
    return SchemaMismatch(
        f"what lies under the prefix {settings.prefix!r} {what}; {remedy} in the store URL, or begin a new store with "
        "another ?prefix="
    )


def _release(connections: Route) -> tuple[int, ...]:
    info: bytes = connections.command("INFO", "server")
    for line in info.decode().splitlines():
        # Valkey says here which Redis it is like.
        if line.startswith("redis_version:"):
            return tuple(int(part) for part in line.partition(":")[2].split(".")[:2])
    return _OLDEST
