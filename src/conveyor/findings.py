"""What is found out about a store: groups of its dead letters, and its set-up."""

from __future__ import annotations

import msgspec

from conveyor.records import JobId, Reason


class DeadGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters of one queue, type and reason, whose last failures are of one error type and fingerprint."""

    queue: str
    type: str
    reason: Reason
    error_type: str
    fingerprint: str
    count: int
    first: int
    """When the first of them ended."""
    last: int
    newest: JobId
    """The greatest id of them."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the set-up of a store."""

    is_ok: bool
    text: str
    remedy: str = ""
    """What to do; empty when nothing need be done."""
