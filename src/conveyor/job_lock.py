"""The names of locks, and of those that jobs have: made of each job's arguments."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from string import Formatter
from typing import Any, Final

from conveyor.callables import describe
from conveyor.errors import InvalidValue
from conveyor.text import unicode

LONGEST_NAME: Final = 200


def check_lock_name(name: object) -> str:
    """The name, if a lock may have it.

    Raises:
        InvalidValue: it is none.
    """
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        shown = f"{name[:40]!r}… of {len(name):,} characters" if isinstance(name, str) else repr(name)
        raise InvalidValue(f"lock name is {shown}; give 1 to {LONGEST_NAME} printable characters, like 'report:7'")
    return unicode(name, "lock name")


class JobLock:
    """A template such as `report:{user_id}`, whose fields are a job's arguments, or attributes and items of them.

    Raises:
        InvalidValue: it is no template, or names what is no argument.
    """

    def __init__(self, template: str, function: Callable[..., Any]) -> None:
        self._template: Final = template
        self._signature: Final = inspect.signature(function)
        try:
            fields = [field for _, field, _, _ in Formatter().parse(template) if field is not None]
        except (ValueError, TypeError) as error:
            raise InvalidValue(
                f"lock is {template!r}, which is no template ({error}); give e.g. 'report:{{id}}'"
            ) from None
        known = self._signature.parameters
        for field in fields:
            name = field.partition(".")[0].partition("[")[0]
            if name not in known:
                raise InvalidValue(
                    f"lock is {template!r}, but {describe(function)} has no argument {name!r}; "
                    f"name one of {', '.join(known) or 'none: give a fixed name'}"
                )
        check_lock_name(template)

    def name_of(self, call: Any) -> str:
        """The lock of one job, from what runs it: a partial of its function, or the `handle` of its instance.

        Raises:
            InvalidValue: the name cannot be made of these arguments, or is none that a lock may have.
        """
        return check_lock_name(self._text(self._arguments(call)))

    def _arguments(self, call: Any) -> Mapping[str, Any]:
        instance = getattr(call, "__self__", None)
        if instance is not None:
            return {name: getattr(instance, name) for name in self._signature.parameters}
        bound = self._signature.bind(*call.args, **call.keywords)
        bound.apply_defaults()
        return bound.arguments

    def _text(self, arguments: Mapping[str, Any]) -> str:
        try:
            return self._template.format_map(arguments)
        except Exception as error:
            raise InvalidValue(
                f"the lock {self._template!r} cannot be named after these arguments: {type(error).__name__}: {error}"
            ) from error
