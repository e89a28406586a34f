"""Redis and Valkey: one script an operation, everything of a store under one key prefix. Decision 0007 says why."""

from __future__ import annotations

from typing import TYPE_CHECKING

from conveyor.drivers.base import Driver
from conveyor.errors import ConfigError
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import Clock

if TYPE_CHECKING:
    from conveyor.drivers.redis.driver import RedisDriver as RedisDriver

__all__ = ["open_url"]


def open_url(url: str, *, clock: Clock, aging: Aging, retention: Retention) -> Driver:
    """Connect to the server or the servers that the URL names.

    Raises:
        ConfigError: the URL cannot work, or the client library is not installed.
        SchemaMismatch: what lies under the prefix is not conveyor's, or of a newer release.
        StoreUnavailable: the server cannot be reached or used.
    """
    try:
        from conveyor.drivers.redis.driver import RedisDriver
        from conveyor.drivers.redis.settings import RedisSettings
        from conveyor.drivers.redis.spread.driver import SpreadDriver
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in {"redis", "hiredis"}:
            raise
        raise ConfigError(
            "a Redis or Valkey store needs its client library; run pip install 'conveyor[redis]'"
        ) from error
    settings = RedisSettings.from_url(url)
    return (SpreadDriver if settings.is_spread else RedisDriver)(settings, clock, aging, retention)
