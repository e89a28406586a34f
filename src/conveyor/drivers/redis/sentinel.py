"""Sentinels: they watch a primary and its replicas, and say which server is the primary now."""

from __future__ import annotations

import dataclasses
import time
from typing import Final

from redis import exceptions

from conveyor.drivers.redis.address import Address
from conveyor.drivers.redis.link import Link
from conveyor.drivers.redis.settings import RedisSettings
from conveyor.errors import StoreUnavailable

_LEAST: Final = 0.1
"""Seconds for one sentinel, however many are to be asked."""


class Sentinels:
    """Safe to use from any thread. Each connection to the store is made to the primary of that moment."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings: Final = settings
        self._order = list(settings.sentinels)

    def primary(self) -> RedisSettings:
        """Where the primary is, by the first sentinel that knows; whoever knew it last is asked first.

        Raises:
            StoreUnavailable: none of them knows, or answers within the timeout.
        """
        settings, deadline = self._settings, time.monotonic() + self._settings.timeout
        troubles: list[str] = []
        for sentinel in list(self._order):
            patience = max(_LEAST, min(settings.timeout / len(self._order), deadline - time.monotonic()))
            try:
                answer = self._ask(sentinel, patience)
            except (exceptions.RedisError, OSError) as error:
                troubles.append(f"{sentinel} fails ({' '.join(str(error).split()) or 'it did not answer in time'})")
                continue
            if answer is None:
                troubles.append(f"{sentinel} knows no service of this name")
                continue
            self._order = [sentinel, *(other for other in self._order if other != sentinel)]
            return settings.at(answer)
        raise StoreUnavailable(
            f"no sentinel says where the primary of {settings.service!r} is: {', '.join(troubles)}; "
            "correct the sentinels or the service in the store URL, or try again after the failover"
        )

    def _ask(self, sentinel: Address, patience: float) -> Address | None:
        where = dataclasses.replace(
            self._settings,
            host=sentinel.host,
            port=sentinel.port,
            timeout=patience,
            username=None,
            password=self._settings.sentinel_password,
            db=0,
        )
        link = Link(where)
        try:
            answer = link.ask("SENTINEL", "GET-MASTER-ADDR-BY-NAME", where.service)
        finally:
            link.close()
        return answer and Address(answer[0].decode(), int(answer[1]))
