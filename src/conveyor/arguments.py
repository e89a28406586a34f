"""A call's arguments as JSON, checked against the job's own signature when pushed and again when run.

A call is stored as one object, `{parameter: value}`. A parameter that was not given is left out, so that a default
changed by a later release applies. What is pushed is read back at once: *what the job would receive must equal what was
given*. A str for a datetime, a NaN (JSON has none), an object for a parameter without annotation fail in the caller,
where someone can see it, and not in the worker.

Allowed to differ: an aware datetime keeps its moment and offset, not the name of its zone; a list and a tuple may stand
for each other; an int becomes the float its annotation names.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from inspect import Parameter
from typing import Any, Final, NoReturn, is_typeddict

import msgspec
from msgspec import UNSET

from conveyor import signatures, values
from conveyor.errors import PayloadError
from conveyor.signatures import Unresolved
from conveyor.values import dump_value, load_value

__all__ = ["ArgumentSchema", "dump_value", "load_value"]


class ArgumentSchema(ABC):
    """The arguments of one function, or the fields of one class, as JSON.

    An annotation that cannot be resolved yet (a forward reference) is tried again at first use.
    """

    __slots__ = ("_decode", "name")

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self._decode: Callable[[bytes | str], Any] | None = None
        try:
            self._decode = self._build()
        except Unresolved:
            self._decode = None

    @classmethod
    def of_function(cls, function: Callable[..., Any]) -> ArgumentSchema:
        """The schema of a function's parameters; without annotation, any JSON value.

        Raises:
            PayloadError: an annotation names a type that JSON cannot hold.
        """
        return _FunctionSchema(function)

    @classmethod
    def of_class(cls, kind: type[Any]) -> ArgumentSchema:
        """The schema of a class's fields: a dataclass, msgspec.Struct, attrs class or pydantic model.

        Raises:
            PayloadError: it is another kind of class, or a field's annotation names a type that JSON cannot hold.
        """
        return _ClassSchema(kind)

    @abstractmethod
    def dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """The arguments of a call as JSON; of a class, the instance they make.

        Raises:
            PayloadError: they do not fit the signature, or would not reach the job as they are.
        """

    @abstractmethod
    def load(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments that `dump` stored, ready for the call; of a class, the instance as the only one.

        Raises:
            PayloadError: it is not JSON, or does not fit the signature: a wrong type, a missing or an unknown name.
        """

    def dump_instance(self, instance: object) -> str:
        """An instance of the class as JSON.

        Raises:
            PayloadError: it is not one, it would not reach the job as it is, or this is the schema of a function.
        """
        raise PayloadError(f"{self.name} is a function, so {instance!r} cannot be its payload; push its arguments")

    def load_instance(self, text: str) -> Any:  # noqa: ARG002 - the classes' signature
        """The instance that `dump_instance` stored.

        Raises:
            PayloadError: as for `load`, or this is the schema of a function.
        """
        raise PayloadError(f"{self.name} is a function and has no instances; load its arguments")

    @abstractmethod
    def _build(self) -> Callable[[bytes | str], Any]:
        """Resolve the annotations and answer what reads a payload."""

    @abstractmethod
    def _signature(self) -> str:
        """What it takes, for messages."""

    def _decoding(self) -> Callable[[bytes | str], Any]:
        """What reads a payload, built now if it could not be before."""
        if self._decode is None:
            try:
                self._decode = self._build()
            except Unresolved as error:
                raise PayloadError(str(error)) from error.__cause__
        return self._decode

    def _refuse(self, problem: str, cause: Exception | None = None) -> NoReturn:
        raise PayloadError(f"{self.name}: {problem}; it takes {self._signature()}") from cause

    def _unreadable(self, problem: str, cause: Exception | None = None) -> NoReturn:
        raise PayloadError(
            f"the stored payload does not fit {self.name}{self._signature()}: {problem}; "
            "correct the payload, or run a release that it fits, and retry the job"
        ) from cause

    def _refuse_not_finite(self, name: str, value: Any, text: bytes) -> None:
        if b"null" in text and (number := values.not_finite(value)) is not None:
            self._refuse(f"`{name}` holds {number}, and JSON has no such number (pass None, or a str)")

    def _refuse_difference(self, name: str, given: Any, back: Any) -> None:
        if (problem := values.difference(given, back, name)) is not None:
            self._refuse_problem(problem)

    def _refuse_problem(self, problem: str) -> NoReturn:
        self._refuse(f"{problem} (pass what the annotation says, or annotate the type you pass)")


_BY_POSITION: Final = frozenset({Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD})
_BY_NAME: Final = frozenset({Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY})
_VARIADIC: Final = frozenset({Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD})


class _FunctionSchema(ArgumentSchema):
    __slots__ = (
        "_annotations",
        "_binds_directly",
        "_call",
        "_function",
        "_loads_directly",
        "_lookalikes",
        "_names",
        "_parameters",
        "_positional",
    )

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function: Final = function
        self._parameters: Final = signatures.parameters(function)
        kinds = {parameter.kind for parameter in self._parameters}
        self._names: Final = tuple(parameter.name for parameter in self._parameters)
        self._positional: Final = sum(parameter.kind in _BY_POSITION for parameter in self._parameters)
        # A struct's constructor binds as Python does, in C, but knows neither `/` nor `*args` and `**kwargs`.
        self._binds_directly: Final = kinds <= _BY_NAME
        self._loads_directly: Final = kinds <= _BY_POSITION and all(
            parameter.default is Parameter.empty for parameter in self._parameters
        )
        self._annotations: dict[str, Any] = {}
        self._lookalikes: tuple[str, ...] = ()
        self._call: type[Any] = msgspec.Struct
        kind = type(function)  # of a callable object, which has no name of its own
        name = getattr(function, "__qualname__", kind.__qualname__)
        super().__init__(f"{getattr(function, '__module__', kind.__module__)}.{name}")

    def _build(self) -> Callable[[bytes | str], Any]:
        fields: list[tuple[str, Any, Any]] = []
        for parameter in self._parameters:
            kind = self._annotations[parameter.name] = signatures.annotation(self._function, parameter, self.name)
            is_required = parameter.default is Parameter.empty and (
                parameter.kind not in _VARIADIC or is_typeddict(kind)  # `**kwargs: Unpack[…]` may demand some
            )
            # UNSET: not given, and so not stored.
            fields.append((parameter.name, kind, msgspec.NODEFAULT if is_required else UNSET))
        self._lookalikes = tuple(name for name, kind, _ in fields if signatures.has_lookalikes(kind))
        named = msgspec.defstruct("Call", fields[self._positional :], kw_only=True)
        self._call = msgspec.defstruct("Call", fields[: self._positional], bases=(named,), forbid_unknown_fields=True)
        return values.decoder(self._call).decode

    def dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        decode = self._decode or self._decoding()
        try:
            given = self._call(*args, **kwargs) if self._binds_directly else self._bound(args, kwargs)
            text = values.encode(given)
            back = decode(text)
            # Structs compare in C. A null may have been a NaN.
            if (
                back == given
                and (b"null" not in text or _is_finite(given))
                and (not self._lookalikes or not self._mistaken(given, back))
            ):
                return text.decode()
        except Exception:  # noqa: BLE001, S110 - with care, this fails once more and says why
            pass
        try:
            return self._dump_with_care(args, kwargs)
        except PayloadError:
            raise
        except Exception as error:  # noqa: BLE001 - encoding and `==` run users' code; whatever it raises has one name
            self._refuse(f"the arguments cannot be stored: {values.reason(error)[1]}", error)

    def _dump_with_care(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        """`dump`, one argument at a time, so that the message can name the one that does not fit."""
        try:
            given = self._bound(args, kwargs)
        except TypeError as error:
            self._refuse(str(error), error)
        named = {name: value for name in given.__struct_fields__ if (value := getattr(given, name)) is not UNSET}
        for name, value in named.items():
            try:
                text = values.encode(value)
            except Exception as error:  # noqa: BLE001 - as above
                self._refuse(f"`{name}` cannot be stored: {values.reason(error)[1]}", error)
            self._refuse_not_finite(name, value, text)
        text = values.encode(given)
        try:
            back = self._decoding()(text)
        except Exception as error:  # noqa: BLE001 - as above
            self._refuse(self._mismatch(error, named), error)
        for name, value in named.items():
            self._refuse_difference(name, value, getattr(back, name))
        if name := self._mistaken(given, back):
            became = type(getattr(back, name)).__name__
            self._refuse_problem(f"`{name}`: {values.with_article(named[name])} would reach the job as {became}")
        return text.decode()

    def _mistaken(self, given: Any, back: Any) -> str:
        """The first argument that equals what the job would receive and yet is of another type, "" for none."""
        for name in self._lookalikes:
            if not isinstance(getattr(given, name), type(getattr(back, name))):
                return name
        return ""

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        kinds = {parameter.kind: parameter.name for parameter in self._parameters}
        keywords = kinds.get(Parameter.VAR_KEYWORD)
        by_position = {parameter.name for parameter in self._parameters if parameter.kind is Parameter.POSITIONAL_ONLY}
        # `def f(a=1, /, **more)` takes f(a=2) as more, which Signature.bind refuses before Python 3.13.
        apart = {name: kwargs[name] for name in by_position & kwargs.keys()} if keywords else {}
        bound = inspect.Signature(self._parameters).bind(
            *args, **{name: value for name, value in kwargs.items() if name not in apart}
        )
        given = bound.arguments
        if (rest := kinds.get(Parameter.VAR_POSITIONAL)) in given:
            given[rest] = list(given[rest])
        if keywords and (apart or is_typeddict(self._annotations[keywords])):
            given[keywords] = {**given.get(keywords, {}), **apart}
        return self._call(**given)

    def _mismatch(self, error: Exception, named: Mapping[str, Any]) -> str:
        path, what = values.reason(error)
        if path in named and what.startswith("expected") and ", got " in what:
            expected = inspect.formatannotation(self._annotations[path])
            what = f"expected {expected}, got {type(named[path]).__name__}"
        return f"`{path}`: {what}" if path else what

    def load(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        decode = self._decode or self._decoding()
        try:
            call = decode(text)
        except Exception as error:  # noqa: BLE001 - decoding runs users' code (`__post_init__`); whatever it raises has one name
            self._unreadable(values.explain(error, text), error)
        given = msgspec.structs.astuple(call)
        if self._loads_directly:
            return given, {}
        if self._binds_directly:
            return (), {name: value for name, value in zip(self._names, given, strict=True) if value is not UNSET}
        return self._spread(given)

    def _spread(self, given: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The values, in the order of the parameters, as a call's arguments; from the first gap on by name."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        gap = ""
        for parameter, value in zip(self._parameters, given, strict=True):
            name, kind = parameter.name, parameter.kind
            if kind is Parameter.VAR_KEYWORD:
                self._add_keywords(kwargs, {} if value is UNSET else value)
            elif kind is Parameter.KEYWORD_ONLY:
                if value is not UNSET:
                    kwargs[name] = value
            elif value is UNSET:
                gap = gap or ("" if kind is Parameter.VAR_POSITIONAL else name)
            elif kind is Parameter.POSITIONAL_OR_KEYWORD and gap:
                kwargs[name] = value
            elif gap and value != []:
                self._unreadable(f"`{gap}` is missing, but `{name}` after it is given by position")
            elif kind is Parameter.VAR_POSITIONAL:
                args.extend(value)
            else:
                args.append(value)
        return tuple(args), kwargs

    def _add_keywords(self, kwargs: dict[str, Any], extra: Mapping[str, Any]) -> None:
        for parameter in self._parameters:
            if parameter.kind in _BY_NAME and parameter.name in extra:
                self._unreadable(f"`{parameter.name}` is given twice, by itself and among the further keywords")
        kwargs.update(extra)

    def _signature(self) -> str:
        shown: list[Parameter] = []
        for parameter in self._parameters:
            kind, default = parameter.annotation, parameter.default
            if kind is not Parameter.empty and parameter.kind not in _VARIADIC:
                kind = self._annotations.get(parameter.name, kind)
            shown.append(
                parameter.replace(annotation=kind, default=default if default is Parameter.empty else _DEFAULT)
            )
        return str(inspect.Signature(shown))


class _Default:
    """Stands for a default in messages: its value may be long, or nobody's business."""

    def __repr__(self) -> str:
        return "…"


_DEFAULT: Final = _Default()


def _is_finite(call: Any) -> bool:
    return all(value is UNSET or values.not_finite(value) is None for value in msgspec.structs.astuple(call))


class _ClassSchema(ArgumentSchema):
    __slots__ = ("_class", "_known")

    def __init__(self, kind: type[Any]) -> None:
        self._class: Final = kind
        self._known: frozenset[str] | None = None
        super().__init__(f"{kind.__module__}.{kind.__qualname__}")

    def _build(self) -> Callable[[bytes | str], Any]:
        self._known = signatures.field_names(self._class, self.name)
        return values.decoder(self._class).decode

    def dump(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
        try:
            instance = self._class(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the constructor is the user's
            self._refuse(values.reason(error)[1], error)
        return self.dump_instance(instance)

    def load(self, text: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return (self.load_instance(text),), {}

    def dump_instance(self, instance: object) -> str:
        if type(instance) is not self._class:
            self._refuse(f"{instance!r} is not an instance of this class")
        try:
            text = values.encode(instance)
            self._refuse_not_finite(self._class.__name__, instance, text)
            back = self._read(text)
            self._refuse_difference(self._class.__name__, instance, back)
        except PayloadError:
            raise
        except Exception as error:  # noqa: BLE001 - encoding, decoding and `==` run users' code
            path, what = values.reason(error)
            self._refuse(f"`{path}`: {what}" if path else what, error)
        return text.decode()

    def load_instance(self, text: str) -> Any:
        try:
            return self._read(text)
        except Exception as error:  # noqa: BLE001 - as above
            self._unreadable(values.explain(error, text), error)

    def _read(self, text: bytes | str) -> Any:
        instance = (self._decode or self._decoding())(text)
        if self._known is not None:
            # msgspec and pydantic pass over unknown names; at the top they are a payload of another release.
            unknown = _NAMES.decode(text).keys() - self._known
            if unknown:
                raise msgspec.ValidationError(f"`{min(unknown)}` is unknown")
        return instance

    def _signature(self) -> str:
        return f"({', '.join(sorted(self._known or ('...',)))})"


_NAMES: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
