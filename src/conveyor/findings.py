"""What is found out about a store's set-up."""

from __future__ import annotations

import msgspec


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something about the set-up of a store."""

    is_ok: bool
    text: str
    remedy: str = ""
    """What to do; empty when nothing need be done."""
