"""Which dead letters: what people say, as the filter that a store understands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any, Final, TypedDict, cast
from uuid import UUID

from conveyor.errors import InvalidValue
from conveyor.ids import job_id
from conveyor.payload import check_queue_name
from conveyor.records import Filter, JobId, JobStatus, Reason
from conveyor.times import SECOND, micros, seconds

DEAD: Final = (JobStatus.FAILED, JobStatus.EXPIRED)
"""The statuses of dead letters."""


class Which(TypedDict, total=False):
    """Conditions, all of which must hold. Where several values are given, one of them must."""

    ids: Iterable[JobId | UUID | str]
    queue: str | Iterable[str]
    """The queue they came from; its dead letter queue's name, `emails.dlq`, means the same."""
    type: str | Iterable[str]
    reason: Reason | str | Iterable[Reason | str]
    error: str
    """A part of the last error's type or message, case ignored."""
    fingerprint: str
    tag: str
    since: datetime | timedelta | float
    """Dead since then, or within so many seconds."""
    until: datetime | timedelta | float
    """Dead before then, or longer ago than so many seconds."""


def filter_of(which: Mapping[str, Any], now: int) -> Filter:
    """The filter for dead letters that these conditions are.

    Args:
        which: see `Which`.
        now: the present by the store's clock.

    Raises:
        InvalidValue: a condition is unknown, or its value breaks its rule.
    """
    known = Which.__annotations__
    for name in which:
        if name not in known:
            close = get_close_matches(name, known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known are {', '.join(known)}"
            raise InvalidValue(f"dead letters have no condition {name!r}; {hint}")
    return Filter(
        ids=tuple(job_id(each) for each in which.get("ids", ())),
        queues=tuple(check_queue_name(name.removesuffix(".dlq")) for name in _several(which.get("queue", ()), "queue")),
        types=tuple(_several(which.get("type", ()), "type")),
        statuses=DEAD,
        reasons=tuple(_reason(word) for word in _several(which.get("reason", ()), "reason")),
        error=_text(which.get("error", ""), "error"),
        fingerprint=_text(which.get("fingerprint", ""), "fingerprint"),
        tag=_text(which.get("tag", ""), "tag"),
        after=_at(which.get("since"), "since", now),
        before=_at(which.get("until"), "until", now),
    )


def _several(value: object, name: str) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        return (_text(value, name),)
    return tuple(_text(each, name) for each in cast("Iterable[object]", value))


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise InvalidValue(f"{name} is {value!r}; give text")
    return value


def _reason(word: str) -> Reason:
    try:
        return Reason(word)
    except ValueError:
        words = ", ".join(reason.value for reason in Reason)
        raise InvalidValue(f"reason is {word!r}; give one of {words}") from None


def _at(value: datetime | timedelta | float | None, name: str, now: int) -> int | None:
    if value is None:
        return None
    return micros(value, name) if isinstance(value, datetime) else now - round(seconds(value, name) * SECOND)
