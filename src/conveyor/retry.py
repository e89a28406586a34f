"""Retry strategies: whether a failed job runs again, and when. Pure; a payload carries one as tagged JSON."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Final, Literal, Protocol, runtime_checkable

from conveyor.errors import InvalidValue
from conveyor.times import seconds

Duration = float | timedelta
ExceptionTypes = Iterable[type[BaseException] | str] | type[BaseException]
"""One exception type or several; dotted names ("builtins.ValueError") will do."""


@runtime_checkable
class RetryStrategy(Protocol):
    """Anything with these four; the strategies below, or your own on a job type."""

    @property
    def max_attempts(self) -> int:
        """How many runs may fail before the job goes to the dead letters; counts the first."""
        ...

    def should_retry(self, failures: int) -> bool:
        """Whether a job that has failed `failures` times (at least 1) runs again."""
        ...

    def delay(self, failures: int) -> float:
        """Seconds from the `failures`-th failure to the next attempt."""
        ...

    def allows(self, error: BaseException) -> bool:
        """Whether this kind of error may be retried at all."""
        ...


@dataclass(frozen=True, slots=True)
class _ByExceptionType:
    """The filters that every strategy shares. Types are kept as names: stored data never names code to import."""

    retry_on: tuple[str, ...]
    give_up_on: tuple[str, ...]

    def allows(self, error: BaseException) -> bool:
        """Whether `error` passes `retry_on` (when given) and is not in `give_up_on`; subclasses count."""
        names = {_dotted(kind) for kind in type(error).__mro__}
        if not names.isdisjoint(self.give_up_on):
            return False
        return not self.retry_on or not names.isdisjoint(self.retry_on)


@dataclass(frozen=True, slots=True, init=False)
class ExponentialBackoff(_ByExceptionType):
    """Wait up to `base` seconds, doubling with every failure, never above `maximum`.

    With `jitter="full"` the wait is drawn evenly from 0 to that bound, which spreads a crowd that failed together
    (Brooker 2015, AWS Architecture Blog, "Exponential Backoff And Jitter"); with `"none"` it is the bound itself.

    Args:
        max_attempts: runs that may fail, the first included; at least 1.
        base: seconds or timedelta before the second attempt, at most.
        maximum: seconds or timedelta, the cap.
        jitter: "full" or "none".
        retry_on: exception types to retry; empty means all.
        give_up_on: exception types never to retry; wins over `retry_on`.

    Raises:
        InvalidValue: an argument breaks its rule.
    """

    max_attempts: int
    base: float
    maximum: float
    jitter: Literal["full", "none"]

    def __init__(
        self,
        max_attempts: int = 3,
        base: Duration = 60,
        maximum: Duration = 3600,
        jitter: Literal["full", "none"] = "full",
        *,
        retry_on: ExceptionTypes = (),
        give_up_on: ExceptionTypes = (),
    ) -> None:
        if type(max_attempts) is not int or max_attempts < 1:
            raise InvalidValue(f"max_attempts is {max_attempts!r}; give a whole number from 1 up (1 means no retry)")
        if jitter not in ("full", "none"):
            raise InvalidValue(f'jitter is {jitter!r}; give "full" or "none"')
        _set(
            self,
            max_attempts=max_attempts,
            base=seconds(base, "base"),
            maximum=seconds(maximum, "maximum"),
            jitter=jitter,
            retry_on=_names(retry_on, "retry_on"),
            give_up_on=_names(give_up_on, "give_up_on"),
        )

    def should_retry(self, failures: int) -> bool:
        """Whether fewer than `max_attempts` runs have failed."""
        return failures < self.max_attempts

    def delay(self, failures: int) -> float:
        """Seconds to wait after the `failures`-th failure; see the class."""
        # 2**64 seconds is past any cap; a larger exponent would overflow the float.
        bound = min(self.maximum, self.base * 2.0 ** min(failures - 1, 64))
        return random.uniform(0.0, bound) if self.jitter == "full" else bound  # noqa: S311 - spreading, not secrecy


@dataclass(frozen=True, slots=True, init=False)
class RetrySchedule(_ByExceptionType):
    """Wait exactly these times: `RetrySchedule([60, 300, 1800])` allows four attempts.

    Args:
        delays: seconds or timedeltas, one for each attempt after the first; at least one.
        retry_on: exception types to retry; empty means all.
        give_up_on: exception types never to retry; wins over `retry_on`.

    Raises:
        InvalidValue: `delays` is empty, or one of them is not a duration.
    """

    delays: tuple[float, ...]

    def __init__(
        self, delays: Iterable[Duration], *, retry_on: ExceptionTypes = (), give_up_on: ExceptionTypes = ()
    ) -> None:
        checked = tuple(seconds(delay, "RetrySchedule delay") for delay in delays)
        if not checked:
            raise InvalidValue("RetrySchedule([]) has no delays; give at least one, or use NoRetry()")
        _set(
            self,
            delays=checked,
            retry_on=_names(retry_on, "retry_on"),
            give_up_on=_names(give_up_on, "give_up_on"),
        )

    @property
    def max_attempts(self) -> int:
        """One more than there are delays."""
        return len(self.delays) + 1

    def should_retry(self, failures: int) -> bool:
        """Whether a delay is left."""
        return failures <= len(self.delays)

    def delay(self, failures: int) -> float:
        """Seconds to wait after the `failures`-th failure; the last delay beyond the end."""
        return self.delays[min(failures, len(self.delays)) - 1]


@dataclass(frozen=True, slots=True)
class NoRetry:
    """One attempt; the first failure goes to the dead letters."""

    @property
    def max_attempts(self) -> int:
        """Always 1."""
        return 1

    def should_retry(self, failures: int) -> bool:  # noqa: ARG002 - the protocol's signature
        """Never."""
        return False

    def delay(self, failures: int) -> float:  # noqa: ARG002 - the protocol's signature
        """Zero; never asked."""
        return 0.0

    def allows(self, error: BaseException) -> bool:  # noqa: ARG002 - the protocol's signature
        """Never."""
        return False


_STORED: Final[Mapping[str, type[Any]]] = {
    "exponential": ExponentialBackoff,
    "schedule": RetrySchedule,
    "none": NoRetry,
}


def check_retry(strategy: object) -> RetryStrategy:
    """`strategy` itself, if it is one.

    Raises:
        InvalidValue: it is not a RetryStrategy; a class given instead of its instance is the usual slip.
    """
    if isinstance(strategy, type) or not isinstance(strategy, RetryStrategy):
        raise InvalidValue(f"retry is {strategy!r}; give a strategy such as ExponentialBackoff(max_attempts=5)")
    return strategy


def store_retry(strategy: RetryStrategy) -> dict[str, Any]:
    """`strategy` as JSON-ready fields with the tag `strategy`.

    Raises:
        InvalidValue: it is one of your own, which only code can carry: set it on the job with `@app.job(retry=…)`.
    """
    for tag, kind in _STORED.items():
        if type(strategy) is kind:
            return {"strategy": tag, **asdict(strategy)}  # type: ignore[call-overload]
    raise InvalidValue(
        f"retry is {strategy!r}, which cannot travel with a payload; set it on the job with @app.job(retry=…), "
        "or push with ExponentialBackoff, RetrySchedule or NoRetry"
    )


def load_retry(stored: Mapping[str, Any]) -> RetryStrategy:
    """The strategy that `store_retry` stored.

    Raises:
        InvalidValue: an unknown tag, or fields that break its rules.
    """
    fields = dict(stored)
    kind = _STORED.get(str(fields.pop("strategy", None)))
    if kind is None:
        raise InvalidValue(f"stored retry strategy {stored!r} is of no known kind; known are {', '.join(_STORED)}")
    try:
        strategy: RetryStrategy = kind(**fields)
    except TypeError as error:
        raise InvalidValue(f"stored retry strategy {stored!r} has fields that do not fit: {error}") from None
    return strategy


def _set(frozen: object, **fields: Any) -> None:
    """Give a frozen dataclass its fields while it is being made."""
    for name, value in fields.items():
        object.__setattr__(frozen, name, value)


def _names(kinds: ExceptionTypes, field: str) -> tuple[str, ...]:
    # An exception where its type was meant is no iterable either; `_name` says what is wrong with it.
    if isinstance(kinds, str | type) or not isinstance(kinds, Iterable):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        return (_name(kinds, field),)
    return tuple(_name(kind, field) for kind in kinds)


def _name(kind: object, field: str) -> str:
    if isinstance(kind, str):
        return kind
    if isinstance(kind, type) and issubclass(kind, BaseException):
        return _dotted(kind)
    raise InvalidValue(f"{field} holds {kind!r}; give exception types such as ValueError")


def _dotted(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
