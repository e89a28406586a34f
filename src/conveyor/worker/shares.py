"""Which queues to claim from first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from conveyor.records import Claim
from conveyor.worker.settings import ALL, QueueShare


class Shares:
    """The order of queues for the next claim: as given, or so that each gets its weight's share of the claims.

    By weight it is stride scheduling (Waldspurger and Weihl 1995, MIT/LCS/TM-528): a queue's pass grows by 1/weight
    with each job taken, and the lowest pass comes first. A queue that had nothing to give does not save up for later.

    `*` stands for the queues that `meet` has named beside those given. Where none has a weight, they come in the place
    of the `*`, and share that alike; else each of them has the weight of the `*`.
    """

    def __init__(self, queues: Sequence[QueueShare]) -> None:
        self._is_weighted = any(share.weight is not None for share in queues)
        names = [share.name for share in queues]
        self._place = names.index(ALL) if ALL in names else None
        weights = {share.name: share.weight or 1 for share in queues}
        self._stride_of_others = 1.0 / weights.pop(ALL, 1)
        self._given = list(weights)
        self._others: list[str] = []
        # Of those that share: all where there are weights, else those that `*` stands for.
        self._strides = {name: 1.0 / weight for name, weight in weights.items()} if self._is_weighted else {}
        self._passes = dict.fromkeys(self._strides, 0.0)

    @property
    def names(self) -> list[str]:
        """All queues, in no order that matters."""
        return self._given + self._others

    def meet(self, names: Iterable[str]) -> None:
        """These queues exist. Those that are neither given nor known are served from now on, if there is a `*`."""
        if self._place is None:
            return
        known = {*self._given, *self._others}
        new = [name for name in names if name not in known]
        # Behind all others: what they were given before it came is not owed to it.
        floor = max(self._passes.values(), default=0.0)
        self._passes |= dict.fromkeys(new, floor)
        self._strides |= dict.fromkeys(new, self._stride_of_others)
        self._others = sorted(self._others + new)

    def order(self) -> list[str]:
        """All queues, the one to take from first in front."""
        if self._is_weighted:
            return sorted(self.names, key=self._passes.__getitem__)
        if not self._others:
            return self._given
        others = sorted(self._others, key=self._passes.__getitem__)
        return self._given[: self._place] + others + self._given[self._place :]

    def taken(self, order: Sequence[str], claims: Sequence[Claim]) -> None:
        """These claims came of claiming in this order."""
        passes, strides = self._passes, self._strides
        if not strides:
            return
        counts = Counter(claim.queue for claim in claims if claim.queue in strides)
        if not counts:
            return
        last = max(order.index(queue) for queue in counts)
        # Queues in front of the last one that gave something had no more to give.
        floor = max(passes[queue] for queue in counts)
        for queue in order[:last]:
            if queue in strides:
                passes[queue] = max(passes[queue], floor)
        for queue, count in counts.items():
            passes[queue] += count * strides[queue]
