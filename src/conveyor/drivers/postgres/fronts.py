"""Where the ready jobs of a queue begin, while a heap of dead rows lies before them: see migrations/0004.sql."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

import msgspec

from conveyor.priority import Aging

_LEVELS: Final = (1000, 750, 500, 250)

_AT_LEAST: Final = 1.0
"""Seconds for which fronts are good; what comes to be ready before them waits so long, at most."""

_SHARE: Final = 20
"""How many times as long as it took to find them they are good at least, so that finding them costs little."""

_Told: Final = msgspec.json.Decoder(dict[str, tuple[int | None, int | None, int | None, int | None]])


class Fronts:
    """What the last claims have told. From any thread."""

    def __init__(self, aging: Aging) -> None:
        self._lifts: Final = [aging.offsets[level] for level in _LEVELS]
        self._known: Final[dict[str, tuple[list[int], float]]] = {}

    def of(self, queues: Sequence[str]) -> str | None:
        """Those that are good now, as JSON; `None` when there are none, as nearly always."""
        if not self._known:
            return None
        now = time.monotonic()
        good = {queue: known[0] for queue in queues if (known := self._known.get(queue)) and now < known[1]}
        return msgspec.json.encode(good).decode() if good else None

    def learn(self, told: str, moment: int, took: float) -> None:
        """A claim that took so many seconds has told where what is ready begins, at a moment of the store's clock."""
        now = time.monotonic()
        for queue, fronts in _Told.decode(told).items():
            found = [
                # Nothing is ready: what is pushed from now on gets no lesser score than this.
                moment + lift if front is None else front
                for front, lift in zip(fronts, self._lifts, strict=True)
            ]
            known = self._known.get(queue)
            # A claim that was given fronts finds out nothing about what lies before them.
            until = known[1] if known and now < known[1] else now + max(_AT_LEAST, _SHARE * took)
            self._known[queue] = (found, until)

    def forget(self) -> None:
        """Something goes back to its old place."""
        self._known.clear()
