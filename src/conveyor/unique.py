"""When two jobs are one: which jobs with a unique key are in the way of another, and what becomes of that one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar, cast

from conveyor.errors import InvalidValue
from conveyor.retry import Duration
from conveyor.times import seconds

_LONGEST: Final = 255
_SHOWN: Final = 60

E = TypeVar("E", bound=StrEnum)


class Until(StrEnum):
    """How long a job is in the way of another one with its unique key."""

    START = "start"
    """Until it is claimed for the first time."""
    SUCCESS = "success"
    """Until it has completed or was cancelled; as a dead letter it is in the way too, while it is kept."""
    FINAL = "final"
    """Until it has ended, well or badly."""


class OnConflict(StrEnum):
    """What becomes of a push when another job with its unique key is in the way. Never a second job."""

    IGNORE = "ignore"
    """It changes nothing, and answers that job."""
    RAISE = "raise"
    """As IGNORE for the store; whoever pushes raises DuplicateJob then."""
    REPLACE = "replace"
    """While that job is PENDING, it becomes what was pushed; else as IGNORE."""


@dataclass(frozen=True, slots=True, init=False)
class Unique:
    """That a job is pushed once, while another one with its key is in the way. Keys belong to a queue.

    Args:
        key: 1 to 255 characters; by itself, made from the job's type and its arguments.
        by: the names of the arguments that make the key, instead of all.
        until: "start": a job is in the way until a worker takes it. "success": until it has completed or was cancelled,
            as a dead letter too. "final": until it has ended, well or badly.
        ttl: seconds or timedelta after its push from which a job is no longer in the way.
        on_conflict: "ignore": the push changes nothing, and its handle is that of the job in the way. "raise":
            likewise, and DuplicateJob is raised. "replace": while that job waits, its arguments and its delivery become
            those of this push, and its id stays; else as "ignore".

    Raises:
        InvalidValue: an argument breaks its rule.
    """

    key: str | None
    by: tuple[str, ...] | None
    until: Until
    ttl: float | None
    on_conflict: OnConflict

    def __init__(
        self,
        key: str | None = None,
        *,
        by: Iterable[str] | None = None,
        until: str = Until.FINAL,
        ttl: Duration | None = None,
        on_conflict: str = OnConflict.IGNORE,
    ) -> None:
        if key is not None and by is not None:
            raise InvalidValue(f"key is {key!r} and by is {by!r}; give one of them")
        put = object.__setattr__
        put(self, "key", None if key is None else check_key(key))
        put(self, "by", None if by is None else _names(by))
        put(self, "until", _one_of(Until, until, "until"))
        put(self, "ttl", None if ttl is None else _ttl(ttl))
        put(self, "on_conflict", _one_of(OnConflict, on_conflict, "on_conflict"))


def check_key(value: object) -> str:
    """`value` itself, if it can be a unique key.

    Raises:
        InvalidValue: it cannot.
    """
    if not isinstance(value, str) or not value or len(value) > _LONGEST:
        # A key of a mebibyte is not shown whole.
        shown = f"{value[:_SHOWN]!r}… of {len(value):,} characters" if isinstance(value, str) and value else repr(value)
        raise InvalidValue(f"unique is {shown}; give a key of 1 to {_LONGEST} characters")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise InvalidValue(
            f"unique is {value!r}, with half of a surrogate pair, which no store takes; give Unicode text"
        )
    return value


def _names(value: object) -> tuple[str, ...]:
    names = () if isinstance(value, str) or not isinstance(value, Iterable) else tuple(cast("Iterable[object]", value))
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidValue(f'by is {value!r}; give names of arguments, such as ("user_id",)')
    return cast("tuple[str, ...]", names)


def _ttl(value: Duration) -> float:
    if not (checked := seconds(value, "ttl")):
        raise InvalidValue(f"ttl is {value!r}; give more than 0 seconds")
    return checked


def _one_of(kind: type[E], value: str, name: str) -> E:
    try:
        return kind(value)
    except ValueError:
        *others, last = (repr(each.value) for each in kind)
        raise InvalidValue(f"{name} is {value!r}; give {', '.join(others)} or {last}") from None
