"""Python values as JSON and back: what msgspec knows, and Path and pydantic models wherever they stand."""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
import re
import sys
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any, Final

import msgspec

from conveyor.envelope import ENVELOPE
from conveyor.errors import PayloadError


def is_pydantic(kind: Any) -> bool:
    """Whether `kind` is a pydantic model class. Never imports pydantic: whoever has a model has imported it."""
    pydantic = sys.modules.get("pydantic")
    return pydantic is not None and inspect.isclass(kind) and issubclass(kind, pydantic.BaseModel)


def is_supported(kind: Any) -> bool:
    """Whether the hooks below carry this class, which msgspec does not know."""
    return kind is object or is_pydantic(kind) or (inspect.isclass(kind) and issubclass(kind, PurePath))


def _enc_hook(value: Any) -> Any:
    if isinstance(value, PurePath):
        return str(value)
    # msgspec takes these types themselves, not what is derived from them.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if is_pydantic(type(value)):
        return value.model_dump(mode="json", by_alias=True, round_trip=True)
    raise TypeError(f"{with_article(value)} cannot be written as JSON")


def _dec_hook(kind: Any, value: Any) -> Any:
    if not is_pydantic(kind):
        return value if kind is object else kind(value)
    pydantic = sys.modules["pydantic"]
    try:
        # As JSON, not as Python objects: a strict model takes a datetime from a JSON string only.
        return kind.model_validate_json(msgspec.json.encode(value))
    except pydantic.ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        raise ValueError("; ".join(f"{_dotted(fault['loc'])}{fault['msg']}" for fault in faults)) from error


def _dotted(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) + ": " if location else ""


_ENCODER: Final = msgspec.json.Encoder(enc_hook=_enc_hook)
encode: Final = _ENCODER.encode
"""A value as JSON bytes. NaN and infinity become null: look with `not_finite` where the text has a null."""


def decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    """A decoder of `kind` that knows what `encode` writes."""
    return msgspec.json.Decoder(kind, dec_hook=_dec_hook)


_cached_decoder: Final = functools.lru_cache(256)(decoder)


def dump_value(value: Any) -> str:
    """Any value JSON can hold, such as a job's result, as JSON; dataclasses, datetimes, sets, Path, models … included.

    Raises:
        PayloadError: it holds something else, a NaN or infinity, or text that is not Unicode.
    """
    try:
        text = encode(value)
        number = not_finite(value) if b"null" in text else None
        stored = text.decode()
    except Exception as error:
        raise PayloadError(
            f"a value of type {type(value).__name__} cannot be stored as JSON: {reason(error)[1]}; "
            "return plain values, dataclasses or models"
        ) from error
    if number is not None:
        raise PayloadError(f"the value holds {number}, and JSON has no such number; use None or a str for it")
    return stored


def load_value(text: str, type: Any = Any) -> Any:
    """What `dump_value` stored, as `type`: plain JSON values unless one is given.

    Raises:
        PayloadError: it is not JSON, or does not fit `type`.
    """
    try:
        try:
            known = _cached_decoder(type)
        except TypeError:  # an annotation that cannot be hashed, or one msgspec refuses: the next line knows
            known = decoder(type)
        return known.decode(text)
    except Exception as error:
        raise PayloadError(
            f"the stored value cannot be read as {inspect.formatannotation(type)}: {explain(error, text)}"
        ) from error


# ── what would change on the way ─────────────────────────────────────────────────────────────────────────────────────

_UNHOLDING: Final = frozenset({type(None), bool, int, str, bytes})


def not_finite(value: Any) -> float | None:
    """The first NaN or infinity in a value that `encode` took, `None` when there is none."""
    if type(value) in _UNHOLDING:
        return None
    return next(_not_finite(msgspec.to_builtins(value, enc_hook=_enc_hook, str_keys=True)), None)


def _not_finite(value: Any) -> Iterator[float]:
    kind = _class_of(value)
    if issubclass(kind, float):
        if not math.isfinite(value):
            yield value
    elif issubclass(kind, dict | list | tuple):
        for part in value.values() if issubclass(kind, dict) else value:
            yield from _not_finite(part)


def is_same(given: Any, back: Any) -> bool:
    """Whether two values are equal; False where their own comparison fails."""
    try:
        return given is back or bool(given == back)
    except Exception:  # noqa: BLE001 - `==` may be the user's own code
        return False


def difference(given: Any, back: Any, path: str) -> str | None:
    """How `back` (what JSON made of `given`) differs from it, in words; `None` when it says the same.

    A list and a tuple may stand for each other. Objects without `==` are compared field by field.
    """
    if is_same(given, back):
        return None
    kind, got = _class_of(given), _class_of(back)
    pairs: Iterator[tuple[Any, Any, str]]
    if kind in _SEQUENCES and got in _SEQUENCES and len(given) == len(back):
        pairs = ((given[i], back[i], f"{path}[{i}]") for i in range(len(given)))
    elif issubclass(kind, dict) and got is dict:
        if odd := [key for key in given if key not in back]:
            became = "not reach the job" if type(odd[0]) is str else "reach the job as a str"
            return f"`{path}`: the key {odd[0]!r} would {became}"
        pairs = ((given[key], back[key], f"{path}[{key!r}]") for key in given)
    elif kind is not got:
        return f"`{path}`: {with_article(given)} would reach the job as {got.__name__}"
    elif names := field_names(kind):
        pairs = ((getattr(given, name, None), getattr(back, name, None), f"{path}.{name}") for name in names)
    else:
        # A leaf that is not equal to its own kind: Decimal("NaN"), or a datetime in a repeated hour. Its text decides.
        return None if str(given) == str(back) else f"`{path}`: {given!r} would reach the job as {back!r}"
    return next((found for pair in pairs if (found := difference(*pair)) is not None), None)


def with_article(value: object) -> str:
    """The type of a value, as a message calls it: "a str", "an int"."""
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _class_of(value: object) -> Any:
    return type(value)


_SEQUENCES: Final = (list, tuple)


def field_names(kind: Any) -> list[str]:
    """The fields of a dataclass, attrs class, Struct or model; none of any other class."""
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    if hasattr(kind, "__attrs_attrs__"):
        return [field.name for field in kind.__attrs_attrs__]
    return list(kind.model_fields if is_pydantic(kind) else getattr(kind, "__struct_fields__", ()))


# ── msgspec's words in ours ──────────────────────────────────────────────────────────────────────────────────────────

_WHERE: Final = re.compile(r"(?P<what>.*) - at (?P<key>`key` in )?`\$\.?(?P<path>.*)`", re.DOTALL)
_WORDS: Final = (
    (re.compile("`array`"), "list"),
    (re.compile("`object`"), "dict"),
    (re.compile("`null`"), "None"),
    (re.compile("^Object missing required field (`.*`)$"), r"\1 is missing"),
    (re.compile("^Object contains unknown field (`.*`)$"), r"\1 is unknown"),
)


def reason(error: Exception) -> tuple[str, str]:
    """Where (a path, "" for the whole) and why reading or writing failed."""
    where = _WHERE.fullmatch(str(error))
    what = where["what"] if where else str(error) or type(error).__name__
    if isinstance(error, msgspec.MsgspecError):
        for theirs, ours in _WORDS:
            what = theirs.sub(ours, what)
        what = what[:1].lower() + what[1:]
    elif not isinstance(error, TypeError | ValueError | RecursionError):
        what = f"{type(error).__name__}: {what}"  # a KeyError says but the key
    return (where["path"] if where else ""), ("a key: " if where and where["key"] else "") + what


def explain(error: Exception, text: str) -> str:
    """Why a stored text could not be read."""
    path, what = reason(error)
    if text.startswith(ENVELOPE):
        return "it is in the envelope of a codec; give Conveyor(codec=…) the codec that wrote it"
    if path:
        return f"`{path}`: {what}"
    if isinstance(error, msgspec.DecodeError | UnicodeError | RecursionError) and not isinstance(
        error, msgspec.ValidationError
    ):
        return f"it is not JSON that can be read ({what})"
    return what
