"""How deep queues were in the last minutes: looks that workers keep in the store, one a minute."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import msgspec

from conveyor.drivers.base import Driver
from conveyor.times import SECOND

EVERY: Final = 60.0
"""Seconds between two looks."""

KEPT: Final = 15
"""Looks that are kept."""

_ENOUGH: Final = 3
"""Looks, the present one included, from which growth can be told."""

_RECENT: Final = 5
"""Looks that must have grown one after the other."""

_MEMO: Final = "depths"
_LOCK: Final = "conveyor:depths"


class Look(msgspec.Struct, frozen=True, array_like=True):
    """What was ready in each queue at one moment, and how many dead letters there were."""

    at: int
    ready: dict[str, int]
    dead: dict[str, int]


class Depths(msgspec.Struct, frozen=True, array_like=True):
    """Looks, the oldest first."""

    looks: tuple[Look, ...] = ()

    def growing(self, now: int) -> dict[str, bool]:
        """By queue, whether more was ready at each of the last looks than at the one before; nothing when too few."""
        recent = [look for look in self.looks if look.at > now - round((_RECENT + 1) * EVERY * SECOND)][-_RECENT:]
        if len(recent) < _ENOUGH:
            return {}
        names = {name for look in recent for name in look.ready}
        steps = list(pairwise(recent))
        return {name: all(b.ready.get(name, 0) > a.ready.get(name, 0) for a, b in steps) for name in names}

    def before(self, now: int, ago: float) -> Look | None:
        """The newest look that is at least so many seconds old."""
        found = [look for look in self.looks if look.at <= now - round(ago * SECOND)]
        return found[-1] if found else None

    def is_due(self, now: int) -> bool:
        """Whether it is time for another look; also when the clock was set back."""
        return not self.looks or not 0 <= now - self.looks[-1].at < round(EVERY * SECOND)


def read_depths(driver: Driver) -> Depths:
    """The looks that are kept; none where what is kept cannot be read."""
    text = driver.read_memos(_MEMO).get(_MEMO)
    if text is None:
        return Depths()
    try:
        return msgspec.json.decode(text, type=Depths)
    except (msgspec.DecodeError, msgspec.ValidationError):
        # Of another release. A minute's look is no loss.
        return Depths()


def look_again(driver: Driver, depths: Depths, now: int) -> Depths:
    """Look now, and keep it with the newest of those before."""
    ready: dict[str, int] = {}
    dead: dict[str, int] = {}
    for queue in driver.counts():
        levels = queue.by_priority.values()
        ready[queue.queue] = sum(each.ready for each in levels)
        dead[queue.queue] = sum(each.dead for each in levels)
    kept = tuple(look for look in depths.looks if look.at < now)[-(KEPT - 1) :]
    looked = Depths((*kept, Look(now, ready, dead)))
    driver.write_memo(_MEMO, msgspec.json.encode(looked).decode())
    return looked


def look_if_due(driver: Driver, who: str) -> bool:
    """Look, if it is time to and nobody else is at it; answer whether it was done. Safe to run from every worker."""
    now = driver.now()
    if not read_depths(driver).is_due(now) or driver.acquire_lock(_LOCK, who, EVERY) is None:
        return False
    try:
        # Again under the lock: another worker may have been faster.
        if not (depths := read_depths(driver)).is_due(now):
            return False
        look_again(driver, depths, now)
        return True
    finally:
        driver.release_lock(_LOCK, who)
