"""What the store keeps of alerts, so that a worker that starts neither repeats nor forgets what one before it knew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from conveyor.alerts.alert import Alert, Severity
from conveyor.alerts.rule import Active
from conveyor.alerts.sight import Sample
from conveyor.drivers.base import Driver
from conveyor.times import SECOND

if TYPE_CHECKING:
    from logging import Logger

KEPT: Final = 7 * 86_400.0
"""Seconds for which a rule is kept that nobody looks at any more, and an alert that nobody takes."""

MOST: Final = 100
"""How many alerts wait for one sink of a rule at most: when more come, the oldest go."""

_MEMO: Final = "alerts"


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """An alert that one sink has not taken yet."""

    sink: str
    alert: Alert
    tries: int = 0
    next_at: int
    """When it is tried again."""
    error: str = ""
    """Why the last try failed."""


class RuleState(msgspec.Struct, frozen=True, kw_only=True):
    """How one rule stands."""

    looked_at: int
    severity: Severity
    condition: str
    """In words."""
    active: dict[str, Active] = {}
    samples: tuple[Sample, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    """In the order in which they are told; each sink has its own."""


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """How all rules stand that were looked at lately, whatever application has them."""

    rules: dict[str, RuleState] = {}

    def changed(self, name: str, state: RuleState) -> Book:
        """With the present state of one rule."""
        return Book(rules={**self.rules, name: state})

    def pruned(self, now: int) -> Book:
        """Without the rules that nobody has looked at for long."""
        oldest = now - round(KEPT * SECOND)
        return Book(rules={name: state for name, state in self.rules.items() if state.looked_at > oldest})


def read_book(driver: Driver) -> Book:
    """How the rules stand; none of them where that cannot be read."""
    text = driver.read_memos(_MEMO).get(_MEMO)
    if text is None:
        return Book()
    try:
        return msgspec.json.decode(text, type=Book)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        _log().warning("how the alerts stood cannot be read, so they begin anew: %s", error)
        return Book()


def write_book(driver: Driver, book: Book) -> None:
    """Keep how the rules stand."""
    driver.write_memo(_MEMO, msgspec.json.encode(book).decode())


def bounded(waiting: tuple[Waiting, ...], now: int) -> tuple[Waiting, ...]:
    """What still waits, without what is too old or too much; what goes is in the log."""
    oldest = now - round(KEPT * SECOND)
    number: dict[str, int] = {}
    kept: list[Waiting] = []
    for each in reversed(waiting):
        number[each.sink] = number.get(each.sink, 0) + 1
        if number[each.sink] > MOST or each.alert.at.timestamp() * SECOND < oldest:
            _log().error("%s has not taken this alert, and is not told it: %s", each.sink, each.alert.message)
        else:
            kept.append(each)
    return tuple(reversed(kept))


def _log() -> Logger:
    # Imported when there is something to say: programs that only push have no use for it.
    from logging import getLogger

    return getLogger("conveyor.alerts")
