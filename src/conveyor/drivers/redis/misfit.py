"""A key that is not of the type that conveyor keeps under its name: somebody else's, in the way of ours."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from conveyor.errors import StoreError

TYPES: Final[dict[str, str]] = {
    "again:": "zset",
    "armed": "set",
    "beats": "zset",
    "buried:": "zset",
    "cancels": "set",
    "counts:": "hash",
    "dead": "stream",
    "dead-ids": "zset",
    "delayed:": "zset",
    "delivered": "zset",
    "expiring:": "zset",
    "finished": "stream",
    "held": "set",
    "held:": "zset",
    "job:": "hash",
    "leases": "zset",
    "locks": "hash",
    "memos": "hash",
    "metrics:": "hash",
    "minutes:": "zset",
    "names": "hash",
    "outbox": "hash",
    "partitions": "string",
    "paused": "set",
    "progress": "hash",
    "queues": "hash",
    "ready:": "stream",
    "running": "hash",
    "schedules": "hash",
    "schema": "string",
    "seconds": "zset",
    "sequence": "string",
    "slot-times": "zset",
    "slots": "hash",
    "types": "hash",
    "unique:": "hash",
    "workers": "hash",
}
"""What docs/reference/redis-keys.md says: by the name of the key, or by what it begins with."""

_WORDS: Final = {"zset": "sorted set"}
_LONGEST: Final = 1.0
"""Seconds that the search may take: there may be millions of keys."""


def misfit(command: Callable[..., Any], types: Callable[..., list[bytes]], prefix: str) -> str:
    """The first key found of a wrong type, in words; "" where none is found in time.

    Args:
        command: runs a command.
        types: answers the type of each of these keys.
    """
    deadline = time.monotonic() + _LONGEST
    cursor: Any = 0
    try:
        while time.monotonic() < deadline:
            cursor, keys = command("SCAN", cursor, "MATCH", f"{prefix}:*", "COUNT", 1000)
            if keys:
                for key, found in zip(keys, types(*keys), strict=True):
                    name = key.decode("utf-8", "replace")
                    wanted = _type_of(name.removeprefix(f"{prefix}:"))
                    if wanted and found.decode() not in {wanted, "none"}:
                        return f"{name} is {_a(found.decode())}, where conveyor keeps {_a(wanted)}"
            if int(cursor) == 0:
                break
    except StoreError:
        # Whoever may not look around, or has lost the server meanwhile, hears of the first error alone.
        return ""
    return ""


def _type_of(name: str) -> str | None:
    start, colon, _ = name.partition(":")
    return TYPES.get(start + colon)


def _a(type: str) -> str:
    return f"a {_WORDS.get(type, type)}"
