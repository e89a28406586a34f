"""PgQueuer in batches of 1,000, which its documentation shows for throughput."""

from __future__ import annotations

from peers import pgqueuer

ADAPTER = pgqueuer.adapter(1_000)
