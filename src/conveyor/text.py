"""Text that every store can keep."""

from __future__ import annotations

from conveyor.errors import InvalidValue


def unicode(text: str, name: str) -> str:
    """`text` itself.

    Raises:
        InvalidValue: it holds half of a surrogate pair, which has no UTF-8; `name` is what the message calls it.
    """
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        raise InvalidValue(
            f"{name} is {text!r}, with half of a surrogate pair, which no store takes; give Unicode text"
        )
    return text


def escaped(text: str) -> str:
    """The text with half surrogate pairs escaped, for what has to be kept whatever it holds."""
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()


def readable(url: str) -> str:
    """What may be shown of a URL that is none of ours: neither who stands before the `@`, nor what its query says."""
    before, at, after = url.rpartition("@")
    if "?" in before:
        # Either the query has an `@`, or the password a `?`.
        return f"{url.partition('://')[0]}://…"
    place, query, _ = after.partition("?")
    return ("…@" if at else "") + place + ("?…" if query else "")
