"""Numbers in logarithmic buckets: what makes the measurements of many workers add up, and percentiles cheap.

Buckets grow by a twenty-fifth, so that a percentile is at most 2 % off whatever the numbers are. Durations, in
microseconds, have about 700 of them between one and ten days; bytes have as many up to a terabyte. (The idea: DDSketch,
Masson, Rim and Lee 2019, VLDB 12.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

GROWTH: Final = 1.04
"""Each bucket is this much wider than the one before."""

_PER_LOG: Final = 1 / math.log(GROWTH)
_log = math.log


def bucket_of(number: int) -> int:
    """The bucket of a number; 0 holds everything up to one."""
    return math.ceil(_log(number) * _PER_LOG) if number > 1 else 0


def number_of(bucket: int) -> float:
    """The number that stands for all of a bucket: at most 2 % off any of them."""
    return 2 * GROWTH**bucket / (GROWTH + 1) if bucket else 1.0


def percentile(buckets: Mapping[int, int], share: float) -> float | None:
    """The number that `share` (0 to 1) of what was counted did not exceed; `None` when nothing was."""
    total = sum(buckets.values())
    if not total:
        return None
    rank = max(1, math.ceil(share * total))
    for bucket in sorted(buckets):
        rank -= buckets[bucket]
        if rank <= 0:
            return number_of(bucket)
    raise AssertionError  # pragma: no cover - the counts of all buckets are the total


def mean(buckets: Mapping[int, int]) -> float | None:
    """The mean of what was counted, at most 2 % off; `None` when nothing was."""
    total = sum(buckets.values())
    return sum(number_of(bucket) * count for bucket, count in buckets.items()) / total if total else None
