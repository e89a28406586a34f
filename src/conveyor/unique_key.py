"""The key, and the rule, by which a push is unique."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from conveyor.errors import InvalidValue
from conveyor.payload import Delivery
from conveyor.records import Slot
from conveyor.times import SECOND, Clock
from conveyor.unique import OnConflict, Unique, Until

_BYTES: Final = 16


class Uniqueness(NamedTuple):
    """What of it goes into a NewJob."""

    unique: str | None = None
    until: Until = Until.FINAL
    ttl: float | None = None
    on_conflict: OnConflict = OnConflict.IGNORE
    slot: Slot | None = None


NOT_UNIQUE: Final = Uniqueness()


def uniqueness(
    job_type: str,
    queue: str,
    *,
    given: str | Unique | None,
    delivery: Delivery,
    arguments: Callable[[], dict[str, Any]],
    clock: Clock,
) -> Uniqueness:
    """By which key and which rule a push is unique.

    Args:
        given: what the push says of it, or its job type.
        arguments: answers them all by name; asked where they make the key.

    Raises:
        InvalidValue: the key is to be made of an argument that the job does not take.
    """
    rule = Unique(given) if isinstance(given, str) else given
    if delivery.debounce is not None:
        rule = rule or Unique()
        return Uniqueness(key_of(job_type, rule, arguments), Until.START, rule.ttl, OnConflict.REPLACE)
    if rule is None and delivery.throttle is None:
        return NOT_UNIQUE
    key = key_of(job_type, rule or Unique(), arguments)
    slot = None
    if delivery.throttle is not None:
        window = round(delivery.throttle * SECOND)
        slot = Slot(f"throttle:{queue}:{key}", clock() // window * window)
    if rule is None:
        return Uniqueness(slot=slot)
    return Uniqueness(key, rule.until, rule.ttl, rule.on_conflict, slot)


def key_of(job_type: str, rule: Unique, arguments: Callable[[], dict[str, Any]]) -> str:
    """The key that the rule gives, or that it makes of type and arguments.

    Raises:
        InvalidValue: see `uniqueness`.
    """
    if rule.key is not None:
        return rule.key
    found = arguments()
    if rule.by is not None:
        for name in rule.by:
            if name not in found:
                known = ", ".join(map(repr, found)) or "none"
                raise InvalidValue(
                    f"by holds {name!r}, and the arguments of {job_type!r} are {known}; name some of them"
                )
        found = {name: found[name] for name in rule.by}
    # Imported by those who use it: it loads OpenSSL.
    from hashlib import blake2b

    text = msgspec.json.encode(found, order="deterministic")
    return f"{job_type}:{blake2b(text, digest_size=_BYTES).hexdigest()}"
