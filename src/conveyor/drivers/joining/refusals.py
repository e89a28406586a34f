"""Why a connection cannot be joined, in words that every driver uses."""

from __future__ import annotations

from conveyor.errors import InvalidValue


def is_async(connection: object) -> InvalidValue:
    """The error for an async connection where a sync one is needed."""
    return InvalidValue(f"connection is {connection!r}, which is async; push through it with await …apush(…)")


def no_transaction(connection: object, begin: str) -> InvalidValue:
    """The error for a connection whose statements commit by themselves."""
    return InvalidValue(
        f"connection is {connection!r}, which has no transaction open; begin one before the push ({begin}), or push "
        "without connection="
    )


def is_closed(connection: object) -> InvalidValue:
    """The error for a closed connection."""
    return InvalidValue(f"connection is {connection!r}, which is closed; push through an open one")
