"""What is found out about a store: groups of its dead letters, and its set-up."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec.structs import replace

from conveyor.records import JobId, Reason, StoredJob


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


def grouped(jobs: Iterable[StoredJob]) -> list[DeadGroup]:
    """The answer of `dead_groups` when these dead letters met the filter."""
    groups: dict[tuple[str, str, Reason, str, str], DeadGroup] = {}
    for job in jobs:
        last = job.errors[-1] if job.errors else None
        key = (
            job.queue,
            job.type,
            job.reason or Reason.FAILED,
            last.error_type if last else "",
            last.fingerprint if last else "",
        )
        ended = job.finished_at or 0
        known = groups.get(key)
        if known is None:
            queue, type, reason, error_type, fingerprint = key
            groups[key] = DeadGroup(
                queue=queue,
                type=type,
                reason=reason,
                error_type=error_type,
                fingerprint=fingerprint,
                count=1,
                first=ended,
                last=ended,
                newest=job.id,
            )
        else:
            groups[key] = replace(
                known,
                count=known.count + 1,
                first=min(known.first, ended),
                last=max(known.last, ended),
                newest=max(known.newest, job.id),
            )
    return sorted(groups.values(), key=lambda group: (-group.count, -group.last))
