"""What every part of the driver stands on."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from conveyor.drivers.redis.encoding import claims_in, joined, pack
from conveyor.drivers.redis.records import all_stored, claim_of, is_damaged
from conveyor.drivers.redis.route import Route
from conveyor.priority import Aging
from conveyor.records import Claim, JobId, JobStatus
from conveyor.retention import Retention
from conveyor.times import Clock, system_clock


class Part:
    """The connections, the base of all keys and the settings; the driver is made of parts like this one."""

    def __init__(self, connections: Route, key: str, clock: Clock, aging: Aging, retention: Retention) -> None:
        self._connections: Final = connections
        self._key: Final = key
        # The server tells the time, unless a test does.
        self._clock: Final = None if clock is system_clock else clock
        self._aging: Final = aging
        self._offsets: Final = pack(list(aging.offsets.values()))
        self._retention: Final = retention

    def _run(self, name: str, *arguments: Any) -> Any:
        """Run a script at the present moment."""
        return self._connections.run(name, self._key, self._now, *arguments)

    @property
    def _now(self) -> int | str:
        """What a script is told of the time: the moment, or nothing, for the server to tell."""
        return "" if self._clock is None else self._clock()

    def claims(self, answer: tuple[bytes, bytes]) -> list[Claim]:
        """The claims of such an answer; those of which the body cannot be read become dead letters instead."""
        ids, claims = answer
        try:
            return claims_in(claims)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            pass
        readable: list[Claim] = []
        damaged: list[JobId] = []
        for job in all_stored(self._run("get", ids)):
            if job is None or job.status is not JobStatus.PROCESSING:
                continue
            if is_damaged(job):
                damaged.append(job.id)
            else:
                readable.append(claim_of(job))
        self._run("set_apart", joined(damaged))
        return readable
