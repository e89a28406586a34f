"""One rule, and how a look moves it: what begins to fire, what goes on, what ends. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from conveyor.alerts.alert import AlertState, Severity, check_severity
from conveyor.alerts.condition import Condition
from conveyor.alerts.sinks import Sink
from conveyor.errors import InvalidValue
from conveyor.retry import Duration
from conveyor.text import unicode
from conveyor.times import SECOND, seconds

_LONGEST_NAME: Final = 100


@dataclass(frozen=True)
class Rule:
    """When an alert fires, how bad that is, and who is told.

    Attributes:
        name: its name.
        condition: what it looks at.
        for_: seconds for which the value must have been above the threshold, at every look, before it fires.
        severity: how bad it is.
        clear: to what the value must come down for it to end.
        sinks: who is told; `None` for those of all rules.
    """

    name: str
    condition: Condition
    for_: float
    severity: Severity
    clear: float
    sinks: tuple[Sink, ...] | None

    @classmethod
    def of(
        cls,
        name: object,
        condition: object,
        *,
        for_: Duration,
        severity: Severity | str,
        clear: float | None,
        sinks: tuple[Sink, ...] | None,
    ) -> Rule:
        """A rule of what people give.

        Raises:
            InvalidValue: an argument breaks its rule.
        """
        if not isinstance(condition, Condition):
            raise InvalidValue(f"condition is {condition!r}; give one such as QueueDepth(10_000)")
        return cls(
            check_rule_name(name),
            condition,
            seconds(for_, "for_"),
            check_severity(severity),
            _clear(clear, condition),
            sinks,
        )


class Active(msgspec.Struct, frozen=True, kw_only=True):
    """A subject that is above its threshold, or has been and has not come down far enough."""

    since: int
    """When it was first found so."""
    fired_at: int | None = None
    """When that was told; `None` while it has not lasted long enough."""
    value: float
    """What the last look found."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be told."""

    subject: str
    state: AlertState
    value: float
    since: int


def step(
    rule: Rule, active: Mapping[str, Active], values: Mapping[str, float], now: int
) -> tuple[dict[str, Active], Sequence[Change]]:
    """What is active after a look that found these values, and what is to be told of it.

    A subject fires once, when it has been above the threshold at every look for `for_` seconds, and ends once, when it
    has come down to `clear`, or nothing is known of it any more.
    """
    after: dict[str, Active] = {}
    changes: list[Change] = []
    for subject in sorted({*active, *values}):
        before, value = active.get(subject), values.get(subject, 0.0)
        # Where the clock was set back, time begins anew.
        since = now if before is None else min(before.since, now)
        fired_at = None if before is None else before.fired_at
        if fired_at is not None and (subject not in values or value <= rule.clear):
            changes.append(Change(subject=subject, state=AlertState.RESOLVED, value=value, since=since))
            continue
        if fired_at is None:
            if subject not in values or value <= rule.condition.threshold:
                continue
            if now - since >= round(rule.for_ * SECOND):
                fired_at = now
                changes.append(Change(subject=subject, state=AlertState.FIRING, value=value, since=since))
        after[subject] = Active(since=since, fired_at=fired_at, value=value)
    return after, changes


def check_rule_name(name: object) -> str:
    """`name` itself, if a rule may have it.

    Raises:
        InvalidValue: it may not.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        shown = f"{name[:40]!r}… of {len(name):,} characters" if isinstance(name, str) and name else repr(name)
        raise InvalidValue(f"an alert's name is {shown}; give 1 to {_LONGEST_NAME} printable characters")
    return unicode(name, "an alert's name")


def _clear(value: object, condition: Condition) -> float:
    if value is None:
        return condition.clear
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= condition.threshold:
        raise InvalidValue(
            f"clear is {value!r}; give a number from 0 to the threshold, {condition.threshold:g}: the alert ends when "
            "the value has come down to it"
        )
    return float(value)
