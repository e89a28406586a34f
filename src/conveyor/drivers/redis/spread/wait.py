"""Waiting for work in many partitions."""

from __future__ import annotations

import math
from collections.abc import Sequence

from conveyor.drivers.redis.route import answers_of
from conveyor.drivers.redis.spread.layout import partitions_of
from conveyor.drivers.redis.spread.partitions import Partitions
from conveyor.drivers.redis.wait import Look, Wait, channel_of, seen
from conveyor.errors import StoreError


class SpreadWait(Partitions, Wait):
    """As on one server, with a look into every partition that these queues have, and an ear for all."""

    def _look(self, queues: Sequence[str]) -> Look:
        named: dict[int, list[str]] = {}
        for queue in queues:
            for partition in partitions_of(queue, self._spread):
                named.setdefault(partition, []).append(queue)
        answers = self._run_at((partition, "look", names) for partition, names in named.items())
        looks = [
            seen(channel_of(self._bases[partition]), answer)
            for partition, answer in zip(named, answers, strict=True)
            if not isinstance(answer, StoreError)
        ]
        if any(look.is_ready for look in looks):
            # Whatever one partition's server does, work goes on in the others.
            return Look(is_ready=True)
        answers_of(answers)
        return Look(
            is_ready=False,
            due=min((look.due for look in looks), default=math.inf),
            open=frozenset(told for look in looks for told in look.open),
        )

    @property
    def _channels(self) -> Sequence[str]:
        return [channel_of(base) for base in self._bases]
