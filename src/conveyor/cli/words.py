"""Numbers, ages, sizes and moments as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Final

from conveyor.times import SECOND, moment

_STEPS: Final = ((86_400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s"))
_KIBI: Final = 1024


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 job`, `2,310 jobs`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def span(seconds: float) -> str:
    """A duration, its two leading units: `3.2s`, `4m10s`, `2h5m`; below a second `12ms`. One word, for pipes."""
    whole = round(seconds)
    for unit, name, small, small_name in _STEPS:
        if whole >= unit:
            rest = whole % unit // small
            return f"{whole // unit}{name}{f'{rest}{small_name}' if rest else ''}"
    if seconds >= 10:  # noqa: PLR2004 - from here on tenths are noise
        return f"{whole}s"
    if seconds >= 1:
        return f"{seconds:.1f}s"
    return f"{seconds * 1000:.0f}ms" if seconds >= 0.001 or seconds <= 0 else f"{seconds * 1000:.1g}ms"  # noqa: PLR2004 - a millisecond


def age(at: int, now: int) -> str:
    """How long ago `at` is. Two clocks may disagree a little: what seems to lie ahead is now."""
    return span(max(0, now - at) / SECOND)


def relative(at: int, now: int) -> str:
    """`5m ago`, or `in 5m`."""
    return f"{age(at, now)} ago" if at <= now else f"in {span((at - now) / SECOND)}"


def when(at: int) -> str:
    """A moment in UTC, to the millisecond, as RFC 3339 writes it."""
    return moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def size(bytes: int) -> str:
    """`812B`, `4.1KiB`, `12MiB`. One word."""
    if bytes < _KIBI:
        return f"{bytes}B"
    amount = bytes / _KIBI
    units = iter(("KiB", "MiB", "GiB", "TiB"))
    unit = next(units)
    while amount >= _KIBI and (larger := next(units, "")):
        amount, unit = amount / _KIBI, larger
    return f"{amount:.0f}{unit}" if amount >= 10 else f"{amount:.1f}{unit}"  # noqa: PLR2004 - two digits are enough


def meant(name: str, known: Iterable[str]) -> str:
    """`; did you mean 'reports'?`, or nothing when no name is like this one."""
    close = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def short_type(dotted: str) -> str:
    """An exception type as Python prints it: without `builtins.`; conveyor's own signals likewise."""
    return dotted.removeprefix("builtins.").removeprefix("conveyor.signals.")
