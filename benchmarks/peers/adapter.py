"""What an adapter is, and what all of them share."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

STORE = os.environ.get("BENCH_STORE", "")
"""The URL of the server, or of the file."""

IS_ASYNC = os.environ.get("BENCH_KIND") == "async"
"""Whether the jobs pushed are `async def`."""

IS_AT_REST = bool(os.environ.get("BENCH_AT_REST"))
"""Whether what is asked is what having a worker costs: settings for throughput are out of place then."""

Arguments = Sequence[tuple[int, str]]


@dataclass(frozen=True)
class Adapter:
    """How one library does what is measured. What it cannot do stays `None`, and is printed as such."""

    push: Callable[[int, str], object]
    """Push one job; called again and again, on one open connection."""
    worker: Callable[[int], Sequence[Sequence[str]]]
    """The commands that serve the jobs, for so many processes that run them. Each starts in `benchmarks`."""
    push_many: Callable[[Arguments], object] | None = None
    """Push many by one call of the library's."""
    apush: Callable[[int, str], Awaitable[object]] | None = None
    """Push one job from an event loop; many at a time."""
    prepare: Callable[[], object] | None = None
    """Make the schema, once for each new store."""
    kinds: Sequence[str] = field(default=("sync",))
    """The kinds of job that it runs: sync, async."""
