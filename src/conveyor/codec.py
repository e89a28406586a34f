"""Codecs: what happens to a payload between its JSON and the store. Text to text, so that every store can hold it.

Keys have names (key ids), which travel with the payload, so that payloads outlive a change of keys.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from typing import Final, Protocol, cast, runtime_checkable

from conveyor.envelope import bound_to, checked_current, checked_keys, damaged, from_base64, opened, to_base64, utf8
from conveyor.errors import ConfigError, InvalidValue, PayloadError
from conveyor.zstd import compression

_NONCE_BYTES: Final = 12  # what AES-GCM takes without hashing it first (NIST SP 800-38D, section 8.2)

DECOMPRESSED_LIMIT: Final = 64 << 20
"""Bytes that a compressed payload may unfold to unless `Compressed` is told otherwise: 64 MiB."""


@runtime_checkable
class Codec(Protocol):
    """A two-way change of text. `decode(encode(text, context), context) == text`.

    `context` says what the text belongs to (a job type's arguments, or its results): a codec that proves where a
    payload comes from also proves that it was made for this context. Called from any thread.
    """

    def encode(self, text: str, context: str) -> str:
        """What the store keeps for `text`."""
        ...

    def decode(self, text: str, context: str) -> str:
        """The text that `encode` was given.

        Raises:
            PayloadError: it was not made by this codec, with one of these keys, for this context, or was changed since.
        """
        ...


class PlainCodec:
    """The default: JSON as it is."""

    __slots__ = ()

    def encode(self, text: str, context: str) -> str:  # noqa: ARG002 - the protocol's signature
        """`text` itself."""
        return text

    def decode(self, text: str, context: str) -> str:  # noqa: ARG002 - the protocol's signature
        """`text` itself."""
        return text

    def __repr__(self) -> str:
        return "PlainCodec()"


class Signed:
    """Payloads anyone can read and only holders of a key can make: HMAC-SHA256 over key id, context and text.

    A payload that is unsigned, changed, signed by an unknown key or made for another job type is refused. Not refused:
    the same payload once more under another job id, by someone who can write to the store.

    To change keys, add the new one everywhere, then make it `current`, and drop the old one when its last job is gone.

    Args:
        keys: the key of each key id: at least 32 random bytes, such as `secrets.token_bytes(32)`. A key id is 1 to 64
            letters, digits, "-" or "_", and is no secret.
        current: the key id that signs; may be left out when there is one key.

    Raises:
        InvalidValue: a key or key id breaks its rule, or `current` is not among them.
    """

    __slots__ = ("_current", "_keys")

    def __init__(self, keys: Mapping[str, bytes], *, current: str | None = None) -> None:
        self._keys: Final = checked_keys("Signed", keys, exact=False)
        self._current: Final = checked_current("Signed", self._keys, current)

    def encode(self, text: str, context: str) -> str:
        """`cv1.s.<key id>.<mac>.<text>`.

        Raises:
            PayloadError: the text is not Unicode.
        """
        return f"cv1.s.{self._current}.{self._mac(self._current, text, context)}.{text}"

    def decode(self, text: str, context: str) -> str:
        """The text that was signed.

        Raises:
            PayloadError: see the class.
        """
        key_id, rest = opened(text, "s", "signed", self._keys)
        mac, dot, signed = rest.partition(".")
        # Compared as written: base64 has several spellings of one value, and only ours counts.
        if not dot or not hmac.compare_digest(utf8(mac), self._mac(key_id, signed, context).encode()):
            raise PayloadError(
                f"the payload's signature does not hold for {context!r} under key {key_id!r}: it was changed, made for "
                "another job type, or signed with another key of that id; find out who wrote it before you run it"
            )
        return signed

    def _mac(self, key_id: str, text: str, context: str) -> str:
        digest = hmac.digest(self._keys[key_id], bound_to("s", key_id, context) + utf8(text), "sha256")
        return to_base64(digest)

    def __repr__(self) -> str:
        return f"Signed(keys={list(self._keys)}, current={self._current!r})"


class Encrypted:
    """Payloads that only holders of a key can read or make: AES-256-GCM, bound to key id and context.

    A payload that is not encrypted, changed, encrypted by an unknown key or made for another job type is refused. Not
    refused: the same payload once more under another job id. Its length shows. Nonces are random: change
    keys before 4 billion payloads (2**32: NIST SP 800-38D, section 8.3). Keys are changed as with `Signed`.

    Args:
        keys: the key of each key id: exactly 32 random bytes, such as `secrets.token_bytes(32)`.
        current: the key id that encrypts; may be left out when there is one key.

    Raises:
        InvalidValue: a key or key id breaks its rule, or `current` is not among them.
        ConfigError: the library is not installed; install conveyor[crypto].
    """

    __slots__ = ("_ciphers", "_current", "_invalid_tag")

    def __init__(self, keys: Mapping[str, bytes], *, current: str | None = None) -> None:
        checked = checked_keys("Encrypted", keys, exact=True)
        self._current: Final = checked_current("Encrypted", checked, current)
        try:
            from cryptography.exceptions import InvalidTag
            from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        except ImportError as error:
            raise ConfigError(
                "Encrypted needs the library cryptography; install it with `pip install conveyor[crypto]`"
            ) from error
        self._invalid_tag: Final = InvalidTag
        self._ciphers: Final = {key_id: AESGCM(key) for key_id, key in checked.items()}

    def encode(self, text: str, context: str) -> str:
        """`cv1.e.<key id>.<nonce and ciphertext>`.

        Raises:
            PayloadError: the text is not Unicode.
        """
        nonce = os.urandom(_NONCE_BYTES)
        cipher = self._ciphers[self._current]
        sealed = nonce + cipher.encrypt(nonce, utf8(text), bound_to("e", self._current, context))
        return f"cv1.e.{self._current}.{to_base64(sealed)}"

    def decode(self, text: str, context: str) -> str:
        """The text that was encrypted.

        Raises:
            PayloadError: see the class.
        """
        key_id, rest = opened(text, "e", "encrypted", self._ciphers)
        sealed = from_base64(rest)
        try:
            nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
            plain = self._ciphers[key_id].decrypt(nonce, ciphertext, bound_to("e", key_id, context))
        except (self._invalid_tag, ValueError):  # ValueError: too short for a nonce
            raise PayloadError(
                f"the payload cannot be decrypted for {context!r} with key {key_id!r}: it was changed, made for "
                "another job type, or encrypted with another key of that id; find out who wrote it before you run it"
            ) from None
        return plain.decode()

    def __repr__(self) -> str:
        return f"Encrypted(keys={list(self._ciphers)}, current={self._current!r})"


class Compressed:
    """Long payloads made shorter with zstd; short ones, and ones it would not shorten, are left as they are.

    Compress before you encrypt: `Layers(Compressed(), Encrypted(…))`. Payloads pushed without it can still be read.

    Args:
        above: bytes above which a payload is compressed.
        limit: bytes that a payload may unfold to; a longer one is refused unread.

    Raises:
        InvalidValue: `above` or `limit` is not a whole number from 0 up.
        ConfigError: before Python 3.14, the library is not installed; install conveyor[zstd].
    """

    __slots__ = ("_above", "_compress", "_decompress", "_limit")

    def __init__(self, above: int = 1024, *, limit: int = DECOMPRESSED_LIMIT) -> None:
        for name, value in (("above", above), ("limit", limit)):
            if type(value) is not int or value < 0:
                raise InvalidValue(f"Compressed({name}=) is {value!r}; give a number of bytes from 0 up")
        self._above: Final = above
        self._limit: Final = limit
        self._compress, self._decompress = compression()

    def encode(self, text: str, context: str) -> str:  # noqa: ARG002 - what is compressed proves nothing
        """`cv1.z.<zstd frame>`, or `text` itself.

        Raises:
            PayloadError: the text is not Unicode, or longer than `limit`.
        """
        plain = utf8(text)
        if len(plain) > self._limit:
            raise PayloadError(
                f"the payload takes {len(plain):,} bytes, and Compressed(limit=) lets it have {self._limit:,}; "
                "store the data elsewhere and push a reference to it, or raise the limit"
            )
        # A text that looks like our envelope is always wrapped: left as it is, it would be unwrapped on the way back.
        is_ours = text.startswith("cv1.z.")
        if len(plain) <= self._above and not is_ours:
            return text
        packed = f"cv1.z.{to_base64(self._compress(plain))}"
        return packed if is_ours or len(packed) < len(plain) else text

    def decode(self, text: str, context: str) -> str:  # noqa: ARG002 - likewise
        """The text that was compressed, or `text` itself when it was not.

        Raises:
            PayloadError: it is damaged, or would unfold to more than `limit`.
        """
        if not text.startswith("cv1.z."):
            return text
        try:
            return self._decompress(from_base64(text[6:]), self._limit).decode()
        except UnicodeDecodeError:
            damaged()

    def __repr__(self) -> str:
        return f"Compressed({self._above}, limit={self._limit})"


class Layers:
    """Several codecs: `encode` goes through them in order, `decode` back. `Layers(Compressed(), Signed(…))`.

    Raises:
        InvalidValue: one of them is not a codec; a class given instead of its instance is the usual slip.
    """

    __slots__ = ("_codecs",)

    def __init__(self, *codecs: Codec) -> None:
        for codec in codecs:
            if isinstance(codec, type) or not isinstance(codec, Codec):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
                raise InvalidValue(f"Layers holds {codec!r}, which is no codec; give instances, such as Compressed()")
        self._codecs: Final = codecs

    def encode(self, text: str, context: str) -> str:
        """`text` through every layer, the first one first.

        Raises:
            PayloadError: a layer refuses it.
        """
        for codec in self._codecs:
            text = codec.encode(text, context)
        return text

    def decode(self, text: str, context: str) -> str:
        """`text` back through every layer, the last one first.

        Raises:
            PayloadError: a layer refuses it.
        """
        for codec in reversed(self._codecs):
            text = codec.decode(text, context)
        return text

    def __repr__(self) -> str:
        return f"Layers({', '.join(map(repr, self._codecs))})"


def check_codec(codec: object) -> Codec:
    """`codec` itself, if it is one.

    Raises:
        InvalidValue: it is none.
    """
    if isinstance(codec, type) or not (hasattr(codec, "encode") and hasattr(codec, "decode")):
        raise InvalidValue(f"codec is {codec!r}; give a codec such as Signed(keys)")
    return cast("Codec", codec)
