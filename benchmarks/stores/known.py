"""Which stores can be measured here, by the names that `--store` takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from benchmarks.kit.store import Store
from benchmarks.stores.postgres import PostgresStore
from benchmarks.stores.redis import RedisStore
from benchmarks.stores.sqlite import SqliteStore
from tests import postgres, servers

STORES: Final[Mapping[str, Callable[[], Store]]] = {
    "sqlite": SqliteStore,
    "valkey": partial(RedisStore, servers.VALKEY),
    **({"redis": partial(RedisStore, servers.SYSTEM)} if servers.SYSTEM else {}),
    "postgres": partial(PostgresStore, postgres.wheel()),
}
"""Servers are the wheels among the development tools; `redis` is the machine's own, where there is one."""
