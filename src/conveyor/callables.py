"""The functions and classes that may be jobs: where they come from, what they are called, how they run."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from inspect import Parameter
from typing import Any, Final, get_type_hints

from conveyor.errors import InvalidValue
from conveyor.signatures import parameters

_VARIADIC: Final = frozenset({Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD})


def describe(function: Callable[..., Any]) -> str:
    """Where a function or class comes from: `shop.jobs.send_welcome`."""
    module = getattr(function, "__module__", None) or "?"
    return f"{module}.{getattr(function, '__qualname__', None) or type(function).__qualname__}"


def default_name(function: Callable[..., Any]) -> str:
    """The type of a job that was given none: module and qualified name, `shop.jobs.send_welcome`.

    A script's module is `__main__` where it is started and something else for the worker that imports it; it is called
    here what the worker will call it.

    Raises:
        InvalidValue: it has no name, such as a lambda.
    """
    check_callable(function)
    name = getattr(function, "__qualname__", None)
    if name is None or "<lambda>" in name:
        raise InvalidValue(
            f'{function!r} has no name of its own; give it a job type, such as @app.job("email.welcome")'
        )
    module, _, rest = describe(function).partition(".")
    if module != "__main__":
        return f"{module}.{rest}"
    main = sys.modules["__main__"]
    spec = getattr(main, "__spec__", None)
    file: str | None = getattr(main, "__file__", None)
    if spec is not None:
        module = spec.name.removesuffix(".__main__")
    elif file is not None:
        module = file.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    return f"{module}.{rest}"


def check_callable(function: object) -> None:
    """Raises InvalidValue where there is nothing to call."""
    if not callable(function):
        raise InvalidValue(f"{function!r} cannot be a job; put @app.job on a function, or on a class with handle()")


def is_async(function: Callable[..., Any]) -> bool:
    """Whether it runs on an event loop: it, or the `handle` of a class, is `async def`.

    Raises:
        InvalidValue: it cannot be a job.
    """
    check_callable(function)
    runs = _handle_of(function) if isinstance(function, type) else _checked_function(function)
    if inspect.isgeneratorfunction(runs) or inspect.isasyncgenfunction(runs):
        raise InvalidValue(
            f"{describe(runs)} is a generator, which would run nothing; let it return a value, not yield"
        )
    return inspect.iscoroutinefunction(runs)


def returns(function: Callable[..., Any]) -> Any:
    """The annotated type of the result; Any when there is none, or when its names cannot be found."""
    runs = _handle_of(function) if isinstance(function, type) else function
    try:
        hints = get_type_hints(runs, include_extras=True)
    except (NameError, TypeError, AttributeError):
        # Names imported only for type checkers. The result is still readable, as plain JSON.
        return Any
    return hints.get("return", Any)


def _handle_of(kind: type[Any]) -> Callable[..., Any]:
    handle: object = getattr(kind, "handle", None)
    if not callable(handle):
        raise InvalidValue(
            f"{describe(kind)} has no handle(), so there is no work for it to do; add `def handle(self) -> …`"
        )
    if any(each.default is Parameter.empty and each.kind not in _VARIADIC for each in _parameters(handle)[1:]):
        raise InvalidValue(
            f"{describe(kind)}.handle takes arguments; a class job keeps them in its fields, so leave only self"
        )
    return handle


def _checked_function(function: Callable[..., Any]) -> Callable[..., Any]:
    taken = _parameters(function)
    if taken and taken[0].name in {"self", "cls"}:
        raise InvalidValue(
            f"{describe(function)} is a method, and a worker has no object to call it on; make it a function, "
            "or put @app.job on the class and call the method handle"
        )
    return function


def _parameters(function: Callable[..., Any]) -> tuple[Parameter, ...]:
    try:
        return parameters(function)
    except ValueError as error:
        raise InvalidValue(f"{describe(function)} tells nothing of its parameters; wrap it in a function") from error
