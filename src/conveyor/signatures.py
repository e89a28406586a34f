"""What a signature or a class says about its values, and whether JSON can hold them."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from inspect import Parameter
from typing import Any, Final, Unpack, cast, get_args, get_origin, get_type_hints

from msgspec.inspect import (
    CustomType,
    DecimalType,
    EnumType,
    Field,
    Type,
    UnionType,
    type_info,
)

from conveyor import values
from conveyor.errors import PayloadError

REMEDY: Final = (
    "annotate it with a plain type, a dataclass, a msgspec.Struct, an attrs class or a pydantic model, "
    "or take an id and look the object up in the job"
)


class Unresolved(Exception):
    """An annotation names something that does not exist, or not yet."""


def parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    """The parameters of a function, their annotations as they were written."""
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return tuple(inspect.signature(function, annotation_format=Format.FORWARDREF).parameters.values())
    return tuple(inspect.signature(function).parameters.values())


def annotation(function: Callable[..., Any], parameter: Parameter, owner: str) -> Any:
    """A parameter's type: its resolved annotation, `Any` without one; for `*args` a list of it, for `**kwargs` a dict.

    Raises:
        Unresolved: it names something that does not exist, or not yet.
        PayloadError: it names a type that JSON cannot hold.
    """
    what = f"parameter `{parameter.name}` of {owner}"
    written = Any if parameter.annotation is Parameter.empty else parameter.annotation
    # A function of one annotation, so that another one that cannot be resolved, such as the result's, is no hindrance.
    carrier = lambda: None  # noqa: E731 - a function with a name would be longer
    carrier.__annotations__ = {"it": written}
    original = inspect.unwrap(function)
    generic = {kind.__name__: kind for kind in getattr(original, "__type_params__", ())}
    try:
        resolved = get_type_hints(carrier, getattr(original, "__globals__", {}), generic, include_extras=True)["it"]
    except (NameError, AttributeError) as error:
        raise Unresolved(_unresolved(what, written, error)) from error
    except Exception as error:
        raise PayloadError(f"{what} is annotated {written!r}, which is no type ({error}); correct it") from error
    if get_origin(resolved) is Unpack:  # `**kwargs: Unpack[SomeTypedDict]` says all of it, not each value
        resolved = get_args(resolved)[0]
    elif parameter.kind is Parameter.VAR_POSITIONAL:
        resolved = types.GenericAlias(list, (resolved,))
    elif parameter.kind is Parameter.VAR_KEYWORD:
        resolved = types.GenericAlias(dict, (str, resolved))
    _check(resolved, what)
    return resolved


def has_lookalikes(kind: Any) -> bool:
    """Whether other types' values equal those of this one: 1.5 a Decimal, "red" a member of a StrEnum."""
    info = type_info(kind)
    return any(isinstance(part, _LOOKED_LIKE) for part in (info.types if isinstance(info, UnionType) else (info,)))


_LOOKED_LIKE: Final = (DecimalType, EnumType)


def field_names(kind: Any, owner: str) -> frozenset[str] | None:
    """The names that a stored instance of this class may have; `None` when it takes any.

    Raises:
        Unresolved: a field's annotation names something that does not exist, or not yet.
        PayloadError: it is no class with known fields, or a field's type is one that JSON cannot hold.
    """
    if values.is_pydantic(kind):
        return _model_names(kind)
    if getattr(kind, "__struct_config__", None) is not None:
        is_named = not kind.__struct_config__.array_like
    else:
        is_named = dataclasses.is_dataclass(kind) or hasattr(kind, "__attrs_attrs__")
    if not is_named:
        raise PayloadError(
            f"the class {owner} cannot be a job: JSON cannot name its fields; "
            "make it a dataclass, a msgspec.Struct (not array_like), an attrs class or a pydantic model"
        )
    try:
        hints = get_type_hints(kind, include_extras=True)
    except (NameError, AttributeError) as error:
        raise Unresolved(_unresolved(f"a field of the class {owner}", None, error)) from error
    for name in values.field_names(kind):
        _check(hints.get(name, Any), f"field `{name}` of the class {owner}")
    info: Any = _check(kind, f"the class {owner}")
    names = {field.encode_name for field in info.fields}
    return frozenset(names | {info.tag_field} if getattr(info, "tag_field", None) else names)


def _model_names(model: Any) -> frozenset[str] | None:
    if model.model_config.get("extra") == "allow":
        return None
    names: set[str] = set()
    for name, field in model.model_fields.items():
        aliases = (name, field.alias, field.validation_alias, field.serialization_alias)
        if not all(isinstance(alias, str | None) for alias in aliases):
            return None  # AliasChoices and AliasPath: only the model knows
        names.update(alias for alias in aliases if alias is not None)
    return frozenset(names)


def _check(kind: Any, what: str) -> Type:
    """What msgspec makes of an annotation.

    Raises:
        Unresolved, PayloadError: see `annotation`.
    """
    shown = inspect.formatannotation(kind)
    try:
        info = type_info(kind)
    except (NameError, AttributeError) as error:  # inside a dataclass or a TypedDict
        raise Unresolved(_unresolved(what, kind, error)) from error
    except Exception as error:
        raise PayloadError(f"{what} is annotated {shown}, which JSON cannot hold ({error}); {REMEDY}") from error
    for foreign in _foreign(info, set()):
        within = "" if foreign is kind else f" because of {inspect.formatannotation(foreign)}"
        raise PayloadError(f"{what} is annotated {shown}, which JSON cannot hold{within}; {REMEDY}")
    return info


def _foreign(info: object, seen: set[int]) -> Iterator[Any]:
    """The classes in a type that neither msgspec nor our hooks carry."""
    if isinstance(info, tuple):
        for part in cast("tuple[object, ...]", info):
            yield from _foreign(part, seen)
    elif isinstance(info, CustomType):
        if not values.is_supported(info.cls):
            yield info.cls
    elif isinstance(info, Type | Field) and id(info) not in seen:
        seen.add(id(info))  # types may hold themselves
        for name in info.__struct_fields__:
            yield from _foreign(getattr(info, name), seen)


def _unresolved(what: str, written: object, error: Exception) -> str:
    shown = "" if written is None else f" is annotated {written!r}, which"
    return (
        f"{what}{shown} cannot be resolved: {error}; "
        "define or import it at the top of its module (not only under TYPE_CHECKING)"
    )
