from __future__ import annotations

import base64
import string
import sys
from typing import Any

import pytest
import zstandard
from hypothesis import assume, given
from hypothesis import strategies as st

from conveyor.codec import Codec, Compressed, Encrypted, Layers, PlainCodec, Signed
from conveyor.errors import ConfigError, InvalidValue, PayloadError

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
SECRET = "the-contents-of-the-payload"
TEXT = f'{{"note":"{SECRET}","é":"😀"}}'
TYPE = "email.welcome"

SIGNED = Signed({"2026": NEW})
ENCRYPTED = Encrypted({"2026": NEW})
COMPRESSED = Compressed(above=16)
LAYERS = Layers(COMPRESSED, SIGNED, ENCRYPTED)
EVERY: list[Codec] = [PlainCodec(), SIGNED, ENCRYPTED, COMPRESSED, LAYERS]
SEALING: list[Codec] = [SIGNED, ENCRYPTED, LAYERS, Layers(COMPRESSED, SIGNED)]
KEYED: list[type[Signed | Encrypted]] = [Signed, Encrypted]

unicode_text = st.text(st.characters(exclude_categories=["Cs"]))
every = pytest.mark.parametrize("codec", EVERY, ids=repr)
sealing = pytest.mark.parametrize("codec", SEALING, ids=repr)
keyed = pytest.mark.parametrize("kind", KEYED)


@every
@given(text=unicode_text, context=unicode_text)
def test_decode_gives_back_what_encode_was_given(codec: Codec, text: str, context: str) -> None:
    assert codec.decode(codec.encode(text, context), context) == text


@every
@given(text=st.one_of(st.text(), st.text().map("cv1.s.2026.".__add__), st.text().map("cv1.e.2026.".__add__)))
def test_decode_of_any_text_answers_or_raises_a_payload_error(codec: Codec, text: str) -> None:
    try:
        answer = codec.decode(text, TYPE)
    except PayloadError:
        return
    assert isinstance(answer, str)


@given(text=st.text(string.ascii_letters + string.digits + "-_=.+/ ").map("cv1.z.".__add__))
def test_any_compressed_envelope_is_read_or_refused(text: str) -> None:
    try:
        answer = COMPRESSED.decode(text, TYPE)
    except PayloadError:
        return
    assert isinstance(answer, str)


@sealing
@given(place=st.integers(0, 10_000), other=st.characters(exclude_categories=["Cs"]))
def test_a_change_of_any_single_character_is_noticed(codec: Codec, place: int, other: str) -> None:
    stored = codec.encode(TEXT, TYPE)
    at = place % len(stored)
    assume(stored[at] != other)

    with pytest.raises(PayloadError):
        codec.decode(stored[:at] + other + stored[at + 1 :], TYPE)


@sealing
def test_every_other_spelling_of_the_last_base64_character_is_noticed(codec: Codec) -> None:
    # Its lowest bits are padding, and a lenient decoder would not look at them.
    stored = codec.encode('{"a":1}', TYPE)
    ends = [len(stored) - 1] if stored.startswith("cv1.e.") else [stored.index(".", len("cv1.s.2026.")) - 1]

    for at in ends:
        for other in set(string.ascii_letters + string.digits + "-_") - {stored[at]}:
            with pytest.raises(PayloadError):
                codec.decode(stored[:at] + other + stored[at + 1 :], TYPE)


@sealing
def test_a_payload_cut_short_or_made_longer_is_refused(codec: Codec) -> None:
    stored = codec.encode(TEXT, TYPE)

    for changed in [*(stored[:length] for length in range(len(stored))), stored + "A", stored + "=", stored + "."]:
        with pytest.raises(PayloadError):
            codec.decode(changed, TYPE)


@sealing
def test_a_payload_cannot_be_moved_to_another_job_type(codec: Codec) -> None:
    stored = codec.encode(TEXT, "email.welcome")

    with pytest.raises(PayloadError, match=r"email\.delete_all"):
        codec.decode(stored, "email.delete_all")


def test_the_border_between_context_and_text_cannot_be_moved() -> None:
    splits = [("a", "b.c"), ("a.b", "c"), ("", "a.b.c"), ("a.b.c", "")]

    macs = {SIGNED.encode(text, context).split(".")[3] for context, text in splits}

    assert len(macs) == len(splits)


@keyed
def test_a_payload_that_nobody_sealed_is_refused(kind: type[Signed | Encrypted]) -> None:
    for unsealed in (TEXT, "", "{}", COMPRESSED.encode(TEXT, TYPE)):
        with pytest.raises(PayloadError, match="the payload is not"):
            kind({"2026": NEW}).decode(unsealed, TYPE)


def test_signed_and_encrypted_payloads_are_not_taken_for_each_other() -> None:
    with pytest.raises(PayloadError, match="not signed"):
        SIGNED.decode(ENCRYPTED.encode(TEXT, TYPE), TYPE)
    with pytest.raises(PayloadError, match="not encrypted"):
        ENCRYPTED.decode(SIGNED.encode(TEXT, TYPE), TYPE)


@keyed
def test_another_key_of_the_same_id_is_refused(kind: type[Signed | Encrypted]) -> None:
    stored = kind({"2026": OTHER}).encode(TEXT, TYPE)

    with pytest.raises(PayloadError, match="another key of that id"):
        kind({"2026": NEW}).decode(stored, TYPE)


@keyed
def test_a_key_that_is_not_known_here_is_named(kind: type[Signed | Encrypted]) -> None:
    stored = kind({"2024": OLD}).encode(TEXT, TYPE)

    with pytest.raises(PayloadError, match=r"with key '2024', and the keys here are '2026'; add that key"):
        kind({"2026": NEW}).decode(stored, TYPE)


@keyed
def test_keys_are_changed_without_losing_a_payload(kind: type[Signed | Encrypted]) -> None:
    before = kind({"2025": OLD})
    both = kind({"2025": OLD, "2026": NEW}, current="2025")
    turned = kind({"2025": OLD, "2026": NEW}, current="2026")
    after = kind({"2026": NEW})

    assert turned.decode(before.encode(TEXT, TYPE), TYPE) == TEXT
    assert both.decode(turned.encode(TEXT, TYPE), TYPE) == TEXT
    assert before.decode(both.encode(TEXT, TYPE), TYPE) == TEXT
    assert after.decode(turned.encode(TEXT, TYPE), TYPE) == TEXT


@keyed
@pytest.mark.parametrize(
    ("keys", "current", "rule"),
    [
        ({}, None, "no keys by name"),
        (NEW, None, "no keys by name"),
        ({"2026": NEW[:31]}, None, "has 31 bytes"),
        ({"2026": "n" * 32}, None, "is a str; give bytes"),
        ({"a.b": NEW}, None, "key id"),
        ({"": NEW}, None, "key id"),
        ({NEW: "2026"}, None, "key id"),
        ({"2025": OLD, "2026": NEW}, None, "current="),
        ({"2026": NEW}, "2025", "none of its keys '2026'"),
        ({"2026": NEW}, NEW, "none of its keys '2026'"),
    ],
)
def test_keys_that_break_a_rule_are_refused_without_being_shown(
    kind: type[Signed | Encrypted], keys: Any, current: Any, rule: str
) -> None:
    with pytest.raises(InvalidValue, match=rule) as caught:
        kind(keys, current=current)

    assert "nnnn" not in str(caught.value)


def test_an_encryption_key_has_exactly_32_bytes_and_a_signing_key_may_have_more() -> None:
    with pytest.raises(InvalidValue, match="exactly 32"):
        Encrypted({"2026": NEW * 2})
    assert Signed({"2026": NEW * 2}).encode(TEXT, TYPE)


@keyed
def test_changing_the_mapping_afterwards_changes_nothing(kind: type[Signed | Encrypted]) -> None:
    keys = {"2026": NEW}
    codec = kind(keys)
    stored = codec.encode(TEXT, TYPE)

    keys["2026"] = OTHER

    assert codec.decode(stored, TYPE) == TEXT


@keyed
def test_a_repr_names_the_keys_and_never_shows_them(kind: type[Signed | Encrypted]) -> None:
    shown = repr(kind({"2025": OLD, "2026": NEW}, current="2026"))

    assert shown == f"{kind.__name__}(keys=['2025', '2026'], current='2026')"


@sealing
def test_no_refusal_shows_the_payload(codec: Codec) -> None:
    stored = codec.encode(TEXT, TYPE)

    for changed in (TEXT, stored + "A", stored[:-1], stored[:40], stored.replace("2026", SECRET + "!", 1)):
        with pytest.raises(PayloadError) as caught:
            codec.decode(changed, TYPE)
        assert SECRET not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_signed_payload_stays_readable_and_an_encrypted_one_does_not() -> None:
    assert SIGNED.encode(TEXT, TYPE).endswith(TEXT)
    assert SECRET not in ENCRYPTED.encode(TEXT, TYPE)
    assert ENCRYPTED.encode(TEXT, TYPE).isascii()


def test_encrypting_twice_never_gives_the_same_text() -> None:
    assert len({ENCRYPTED.encode(TEXT, TYPE) for _ in range(100)}) == 100


@pytest.mark.parametrize("codec", [SIGNED, ENCRYPTED, Compressed(above=0)], ids=repr)
def test_half_a_surrogate_pair_is_refused(codec: Codec) -> None:
    with pytest.raises(PayloadError, match="surrogate"):
        codec.encode("\ud800", TYPE)


# ── compression ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_only_payloads_above_the_bound_are_compressed() -> None:
    codec = Compressed(above=1000)

    assert codec.encode("a" * 1000, TYPE) == "a" * 1000
    assert codec.encode("é" * 500, TYPE) == "é" * 500
    assert len(codec.encode("a" * 1001, TYPE)) < 100


def test_a_payload_that_compression_would_not_shorten_is_left_as_it_is() -> None:
    text = string.ascii_letters + string.digits

    assert Compressed(above=0).encode(text, TYPE) == text


@given(text=unicode_text)
def test_a_text_that_looks_compressed_comes_back_as_it_was(text: str) -> None:
    text = "cv1.z." + text

    assert COMPRESSED.decode(COMPRESSED.encode(text, TYPE), TYPE) == text


def test_payloads_pushed_before_compression_can_still_be_read() -> None:
    assert Compressed().decode(TEXT, TYPE) == TEXT


def test_a_payload_that_unfolds_to_more_than_the_limit_is_refused_unread() -> None:
    bomb = Compressed(limit=10_000_000).encode("a" * 10_000_000, TYPE)

    with pytest.raises(PayloadError, match=r"unfolds to 10,000,000 bytes"):
        Compressed(limit=9_999_999).decode(bomb, TYPE)


def test_a_frame_that_hides_or_belies_its_size_is_refused() -> None:
    hidden = zstandard.ZstdCompressor(write_content_size=False).compress(b"a" * 100_000)
    # The content size of this frame is the 4 bytes from the sixth on (RFC 8878, section 3.1.1).
    honest = bytearray(zstandard.ZstdCompressor().compress(b"a" * 100_000))
    assert zstandard.frame_content_size(bytes(honest)) == int.from_bytes(honest[5:9], "little") == 100_000
    honest[5:9] = (99_999).to_bytes(4, "little")

    for frame in (hidden, bytes(honest)):
        with pytest.raises(PayloadError, match="damaged"):
            Compressed().decode(f"cv1.z.{_base64(frame)}", TYPE)


def test_a_compressed_payload_that_is_damaged_is_refused() -> None:
    stored = COMPRESSED.encode(TEXT * 10, TYPE)

    for damaged in (stored[:-4], stored + "AAAA", stored[:20] + "A" + stored[21:], "cv1.z.", "cv1.z.AAAA", "cv1.z.é"):
        with pytest.raises(PayloadError, match=r"damaged|unfolds"):
            COMPRESSED.decode(damaged, TYPE)


def test_a_compressed_payload_that_is_no_text_is_refused() -> None:
    frame = zstandard.ZstdCompressor().compress(b"\xff" * 100)

    with pytest.raises(PayloadError, match="damaged"):
        COMPRESSED.decode(f"cv1.z.{_base64(frame)}", TYPE)


def test_a_payload_longer_than_the_limit_is_refused_when_pushed() -> None:
    # Otherwise it could be pushed and never read.
    with pytest.raises(PayloadError, match="101 bytes"):
        Compressed(limit=100).encode("a" * 101, TYPE)


@pytest.mark.parametrize("options", [{"above": -1}, {"above": 1.5}, {"above": True}, {"limit": -1}, {"limit": "1"}])
def test_sizes_are_whole_numbers_from_0_up(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue, match="from 0 up"):
        Compressed(**options)


# ── layers, libraries ────────────────────────────────────────────────────────────────────────────────────────────────


def test_layers_encode_in_order_and_decode_back() -> None:
    stored = Layers(Compressed(above=0), SIGNED).encode("a" * 2000, TYPE)

    assert stored.startswith("cv1.s.2026.")
    assert ".cv1.z." in stored
    assert Layers().encode(TEXT, TYPE) == TEXT


def test_layers_take_instances_only() -> None:
    with pytest.raises(InvalidValue, match=r"codec\.Compressed'>, which is no codec"):
        Layers(Compressed)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(InvalidValue, match="which is no codec"):
        Layers("zstd")  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("cryptography.exceptions", "zstandard", "compression.zstd"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ConfigError, match=r"conveyor\[crypto\]"):
        Encrypted({"2026": NEW})
    with pytest.raises(ConfigError, match=r"conveyor\[zstd\]"):
        Compressed()


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
