"""The envelope of a codec, and the keys that open it.

An envelope is `cv1.<kind>.…`: `s` signed, `e` encrypted, `z` compressed. It is ASCII, but for the text that a
signature leaves readable, and no JSON begins like it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NoReturn, cast

from conveyor.errors import InvalidValue, PayloadError

ENVELOPE: Final = "cv1."
"""How every envelope begins."""

_KEY_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY_BYTES: Final = 32


def checked_keys(owner: str, keys: object, *, exact: bool) -> Mapping[str, bytes]:
    """A copy of `keys`. No message shows a key: it may be a good one under a bad name."""
    if not isinstance(keys, Mapping) or not keys:
        raise InvalidValue(
            f'{owner} was given no keys by name; give a mapping such as {{"2026": secrets.token_bytes(32)}}'
        )
    checked = dict(cast("Mapping[object, object]", keys))
    for key_id, key in checked.items():
        if not isinstance(key_id, str) or not _KEY_ID.fullmatch(key_id):
            raise InvalidValue(f'{owner} has a key id that is not 1 to 64 letters, digits, "-" or "_"; rename it')
        if not isinstance(key, bytes):
            raise InvalidValue(f"{owner} key {key_id!r} is a {type(key).__name__}; give bytes: secrets.token_bytes(32)")
        if len(key) < _KEY_BYTES or (exact and len(key) != _KEY_BYTES):
            rule = "exactly" if exact else "at least"
            raise InvalidValue(
                f"{owner} key {key_id!r} has {len(key)} bytes; give {rule} {_KEY_BYTES}: secrets.token_bytes(32)"
            )
    return MappingProxyType(cast("dict[str, bytes]", checked))


def checked_current(owner: str, keys: Mapping[str, object], current: str | None) -> str:
    if current is None:
        if len(keys) > 1:
            raise InvalidValue(f"{owner} has the keys {_listed(keys)}; name the one to write with: current=…")
        return next(iter(keys))
    if current not in keys:
        raise InvalidValue(f"{owner}(current=) is none of its keys {_listed(keys)}; name one of them")
    return current


def _listed(keys: Mapping[str, object]) -> str:
    return ", ".join(map(repr, keys))


def opened(text: str, kind: str, made: str, keys: Mapping[str, object]) -> tuple[str, str]:
    """The key id of an envelope of this kind, and what follows it."""
    prefix = f"cv1.{kind}."
    if not text.startswith(prefix):
        raise PayloadError(
            f"the payload is not {made}; push it through the same codec, or find out who wrote it before you run it"
        )
    key_id, dot, rest = text[len(prefix) :].partition(".")
    if not dot or not _KEY_ID.fullmatch(key_id):
        damaged()
    if key_id not in keys:
        raise PayloadError(
            f"the payload is {made} with key {key_id!r}, and the keys here are {_listed(keys)}; "
            "add that key, or find out who wrote the payload before you run it"
        )
    return key_id, rest


def bound_to(kind: str, key_id: str, context: str) -> bytes:
    # The length keeps "a" + "bc" apart from "ab" + "c".
    named = utf8(context)
    return b"cv1.%s.%s.%d.%s." % (kind.encode(), key_id.encode(), len(named), named)


def utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise PayloadError("the payload holds half of a surrogate pair, which is no Unicode text; clean it") from None


def to_base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def from_base64(text: str) -> bytes:
    """The bytes that `to_base64` wrote; only its own spelling of them is taken."""
    try:
        raw = base64.urlsafe_b64decode(utf8(text) + b"=" * (-len(text) % 4))
    except binascii.Error:
        damaged()
    if to_base64(raw) != text:
        damaged()
    return raw


def damaged() -> NoReturn:
    # From nothing: the cause would quote the payload.
    raise PayloadError(
        "the payload's envelope is damaged: it was cut short or changed; restore it, or forget the job"
    ) from None
