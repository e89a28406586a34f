"""From a URL to a driver. The only place that imports a concrete one, and only when its URL asks for it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from conveyor.drivers.base import Driver
from conveyor.drivers.schema import Schema
from conveyor.errors import ConfigError
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.text import readable
from conveyor.times import Clock, system_clock

_MODULES: Final[dict[str, str]] = {
    "memory": "conveyor.drivers.memory",
    "sqlite": "conveyor.drivers.sqlite",
    "redis": "conveyor.drivers.redis",
    "rediss": "conveyor.drivers.redis",
    "unix": "conveyor.drivers.redis",
    "redis+sentinel": "conveyor.drivers.redis",
    "rediss+sentinel": "conveyor.drivers.redis",
    "redis+cluster": "conveyor.drivers.redis",
    "rediss+cluster": "conveyor.drivers.redis",
    "postgresql": "conveyor.drivers.postgres",
    "postgres": "conveyor.drivers.postgres",
}

_WITH_SCHEMA: Final = frozenset({"sqlite", "postgresql", "postgres"})
"""Stores whose tables have versions."""

_FILES: Final = frozenset({"sqlite"})
"""Stores in a file, which opening makes."""


def open_driver(
    url: str,
    *,
    clock: Clock = system_clock,
    aging: Aging | None = None,
    retention: Retention | None = None,
    create: bool = True,
    beside: object | None = None,
) -> Driver:
    """Open the store that `url` names.

    Args:
        url: `sqlite:///relative.db`, `sqlite:////absolute.db` or `memory://`; options as a query.
        clock: answers the present moment in microseconds; for tests.
        aging: what a priority level is worth; 250 seconds unless given.
        retention: how long ended jobs are kept.
        create: make the store's file if there is none; without, that is StoreUnavailable.
        beside: the caller's own connection to the file; should its transaction be in the way, nobody waits for its end.

    Raises:
        ConfigError: the URL or one of its options cannot work.
        SchemaMismatch: the store is not conveyor's, or of a newer release.
        StoreUnavailable: it cannot be reached, read or written.
    """
    scheme = _scheme(url)
    opener: Callable[..., Driver] = importlib.import_module(_MODULES[scheme]).open_url
    own = {"create": create, "beside": beside} if scheme in _FILES else {}
    return opener(url, clock=clock, aging=aging or Aging(), retention=retention or Retention(), **own)


def open_schema(url: str) -> Schema | None:
    """Look at the tables of the store that `url` names, whatever their version; `None` for a store that has none.

    Raises:
        ConfigError: the URL or one of its options cannot work.
        SchemaMismatch: the store is not conveyor's, or of a newer release.
        StoreUnavailable: it cannot be reached or read.
    """
    scheme = _scheme(url)
    if scheme not in _WITH_SCHEMA:
        return None
    look: Callable[[str], Schema] = importlib.import_module(_MODULES[scheme]).open_schema
    return look(url)


def _scheme(url: str) -> str:
    """The URL's scheme, which is one of _MODULES."""
    try:
        scheme = urlsplit(url).scheme
    except ValueError as error:
        raise ConfigError(f"the store URL {readable(url)!r} is no URL ({error}); correct it") from None
    if scheme not in _MODULES:
        known = ", ".join(f"{name}://" for name in _MODULES)
        raise ConfigError(f"the store URL {readable(url)!r} begins with no known scheme; known are {known}")
    return scheme
