"""Which queues hold async jobs and which hold others: a claim takes what comes, and both kinds need room."""

from __future__ import annotations

import time
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from conveyor.drivers.base import STEP
from conveyor.records import Claim

_SHARE: Final = 0.3
"""What one batch counts against all before it."""

_ALMOST: Final = 0.02
"""A share below this is none."""

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 1.0
"""Seconds for which a queue is left alone that gave jobs there was no room for."""


class Mix:
    """What share of each queue's jobs are async, as far as claims have shown.

    Args:
        sync_queues: the queues that registered sync job types name: they may always hold some.
        async_queues: likewise of async job types.
    """

    def __init__(self, sync_queues: AbstractSet[str], async_queues: AbstractSet[str]) -> None:
        self._sync_queues = sync_queues
        self._async_queues = async_queues
        self._shares: dict[str, float] = {}
        self._share = 0.5
        self._closed: dict[str, float] = {}
        self._pauses: dict[str, float] = {}
        self._in_the_way = 0

    def learn(self, sync_claims: Sequence[Claim], async_claims: Sequence[Claim]) -> None:
        """These came."""
        counts: dict[str, list[int]] = {}
        for index, claims in enumerate((sync_claims, async_claims)):
            for claim in claims:
                counts.setdefault(claim.queue, [0, 0])[index] += 1
        for queue, (sync_count, async_count) in counts.items():
            share = async_count / (sync_count + async_count)
            self._shares[queue] = share + (self._shares.get(queue, share) - share) * (1 - _SHARE)
        share = len(async_claims) / (len(sync_claims) + len(async_claims))
        self._share += (share - self._share) * _SHARE

    def refused(self, claims: Sequence[Claim]) -> None:
        """There was no room for these: leave their queues alone for a while, and longer the next time."""
        # They keep their places, so the next claim must reach past them.
        self._in_the_way = len(claims)
        now = time.monotonic()
        for queue in {claim.queue for claim in claims}:
            pause = self._pauses.get(queue, _FIRST_PAUSE)
            self._closed[queue] = now + pause
            self._pauses[queue] = min(2 * pause, _LONGEST_PAUSE)

    def open(self, order: Sequence[str], *, has_sync: bool, has_async: bool) -> list[str]:
        """The queues, in this order, that may give what there is room for."""
        if has_sync and has_async:
            self._closed.clear()
            self._pauses.clear()
            self._in_the_way = 0
            return list(order)
        now = time.monotonic()
        queues: list[str] = []
        for queue in order:
            share = self._shares.get(queue, 0.5)
            if has_sync:
                fits = share < 1 - _ALMOST or queue in self._sync_queues
            else:
                fits = share > _ALMOST or queue in self._async_queues
            if fits and self._closed.get(queue, 0.0) <= now:
                queues.append(queue)
        return queues

    def pause(self, timeout: float | None) -> float | None:
        """`timeout` seconds, or less when a queue may be asked again sooner; `None` for no end."""
        if not self._closed:
            return timeout
        soonest = max(0.001, min(self._closed.values()) - time.monotonic())
        return soonest if timeout is None else min(timeout, soonest)

    def limit(self, sync_room: int | None, async_room: int | None) -> int:
        """How many to claim so that about as many of each kind come as there is room for; 0 for not now.

        `None` for a kind that is busy with slow jobs, and takes nothing for a while.
        """
        share = self._share
        if sync_room is None or async_room is None:
            room = async_room if sync_room is None else sync_room
            return min(room + self._in_the_way, STEP) if room else 0
        if share < _ALMOST:
            return sync_room
        if share > 1 - _ALMOST:
            return async_room
        return min(STEP, int(sync_room / (1 - share)), int(async_room / share))
