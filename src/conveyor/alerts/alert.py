"""What is told: one rule began to fire for one subject, or ended."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

import msgspec

from conveyor.errors import InvalidValue


class Severity(StrEnum):
    """How bad it is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertState(StrEnum):
    """What is told of a rule."""

    FIRING = "firing"
    RESOLVED = "resolved"
    TEST = "test"
    """Nothing has happened: somebody tries the sinks."""


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """What a sink is given."""

    id: str
    """The same at each try to tell it: whoever has seen it before may pass over it."""
    rule: str
    """The rule's name."""
    state: AlertState
    severity: Severity
    subject: str
    """What it is about: the name of a queue or job type, "" when it is about everything together."""
    message: str
    """All of it, for people."""
    value: float
    """What was found: a number of jobs or workers, seconds, or a share from 0 to 1, by the rule's condition."""
    threshold: float
    since: datetime
    """When the value was first found above the threshold."""
    at: datetime
    """When it began to fire, or ended."""
    store: str
    """The store's URL, without its secrets."""


def check_severity(value: object) -> Severity:
    """The severity of that name.

    Raises:
        InvalidValue: there is none.
    """
    try:
        return Severity(value)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - that is the question
    except ValueError:
        words = ", ".join(each.value for each in Severity)
        raise InvalidValue(f"severity is {value!r}; give one of {words}") from None


def title(alert: Alert) -> str:
    """One line: `CRITICAL mail-backlog firing: queue 'mail': 12,345 jobs are ready, above 10,000`."""
    return f"{alert.severity.upper()} {alert.rule} {alert.state}: {alert.message}"
