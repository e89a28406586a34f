"""In which order to claim from the queues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from conveyor.records import Claim
from conveyor.worker.settings import QueueShare


class Shares:
    """The order of queues for the next claim: as given, or so that each gets its weight's share of the claims.

    By weight it is stride scheduling (Waldspurger and Weihl 1995, MIT/LCS/TM-528): a queue's pass grows by 1/weight
    with each job taken, and the lowest pass comes first. A queue that had nothing to give does not save up for later.
    """

    def __init__(self, queues: Sequence[QueueShare]) -> None:
        self.names = [share.name for share in queues]
        weighted = any(share.weight is not None for share in queues)
        self._strides = {share.name: 1.0 / (share.weight or 1) for share in queues} if weighted else None
        self._passes = dict.fromkeys(self.names, 0.0)

    def order(self) -> list[str]:
        """All queues, the one to take from first in front."""
        if self._strides is None:
            return self.names
        return sorted(self.names, key=self._passes.__getitem__)

    def taken(self, order: Sequence[str], claims: Sequence[Claim]) -> None:
        """These claims came of claiming in this order."""
        if self._strides is None or not claims:
            return
        passes = self._passes
        counts = Counter(claim.queue for claim in claims)
        last = max(order.index(queue) for queue in counts)
        # Queues in front of the last one that gave something had no more to give.
        floor = max(passes[queue] for queue in counts)
        for queue in order[:last]:
            passes[queue] = max(passes[queue], floor)
        for queue, count in counts.items():
            passes[queue] += count * self._strides[queue]
