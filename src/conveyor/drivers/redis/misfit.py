"""A key that is not of the type that conveyor keeps under its name: somebody else's, in the way of ours."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
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
_PARTITION: Final = re.compile(r"^\d+\}:")
"""What stands between a store's name and a key's where there are partitions."""
_LONGEST: Final = 1.0
"""Seconds that the search may take: there may be millions of keys."""


def misfit(command: Callable[..., Any], many: Callable[[Sequence[Sequence[Any]]], list[Any]], beginning: str) -> str:
    """The first key found of a wrong type, in words; "" where none is found in time.

    Args:
        command: runs a command.
        many: runs many commands, and answers in the place of what failed with the exception.
        beginning: what the names of all keys begin with, up to a colon.
    """
    deadline = time.monotonic() + _LONGEST
    cursor: Any = 0
    try:
        while time.monotonic() < deadline:
            cursor, keys = command("SCAN", cursor, "MATCH", f"{beginning}:*", "COUNT", 1000)
            for key, found in zip(keys, many([("TYPE", key) for key in keys]), strict=True):
                if isinstance(found, Exception):
                    return ""
                name = key.decode("utf-8", "replace")
                wanted = _type_of(name.removeprefix(f"{beginning}:"))
                if wanted and found.decode() not in {wanted, "none"}:
                    return f"{name} is {_a(found.decode())}, where conveyor keeps {_a(wanted)}"
            if int(cursor) == 0:
                break
    except StoreError:
        # Whoever may not look around, or has lost the server meanwhile, hears of the first error alone.
        return ""
    return ""


def _type_of(name: str) -> str | None:
    start, colon, _ = _PARTITION.sub("", name).partition(":")
    return TYPES.get(start + colon)


def _a(type: str) -> str:
    return f"a {_WORDS.get(type, type)}"
