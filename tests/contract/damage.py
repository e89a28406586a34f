"""What may become of a job's record on a Redis server."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from conveyor.records import JobId

HEAD: Final = 20

DAMAGE: Final[dict[str, Callable[[bytes], bytes]]] = {
    "empty": lambda _: b"",
    "short": lambda _: b"\x00\x01 garbage",
    "text": lambda _: b"somebody has written something else here",
    "zeros": lambda record: bytes(len(record)),
    "no body": lambda record: record[:HEAD],
    "flags that lie": lambda record: record[:1] + b"\x7a" + record[2:],
    "flags that lie about a past": lambda record: record[:1] + b"\x22" + record[2:],
}
"""What nobody can read."""

BODIES: Final[dict[str, bytes]] = {
    "no MessagePack": b"\xc1 garbage",
    "cut": msgspec.msgpack.encode(("a" * 40, "", 3))[:30],
    "no UTF-8": b"\x93\xa2\xff\xfe\xa0\x03",
    "another shape": msgspec.msgpack.encode([1, {}]),
    "too long": msgspec.msgpack.encode(("{}", "", 3)) + b"garbage",
}
"""What only clients read, and cannot."""

for _kind, _body in BODIES.items():
    DAMAGE[f"body: {_kind}"] = lambda record, body=_body: record[:HEAD] + body  # type: ignore[misc]


class Hand:
    """A foreign hand."""

    def __init__(self, client: Any, prefix: str) -> None:
        self.client: Any = client
        self.prefix = prefix

    def damage(self, id: JobId, kind: str) -> bytes:
        """Change a job's record; answer what is left of it."""
        changed = DAMAGE[kind](self.client.hget(*self._place(id)))
        self.client.hset(*self._place(id), changed)
        return changed

    def remove(self, id: JobId) -> None:
        """Delete a job's record."""
        self.client.hdel(*self._place(id))

    def _place(self, id: JobId) -> tuple[str, bytes]:
        return f"{self.prefix}:job:{int.from_bytes(id.bytes[:6]) // 1024}", id.bytes[4:]
