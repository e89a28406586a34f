"""What workers do for alerts: look at what the rules are about, and tell what has changed. One worker at a time.

No leader: whoever finds that it is time takes a lock in the store, looks, and writes down how the rules stand together
with what is to be told, in one step. What a worker leaves untold when it dies, the next one tells.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from conveyor.alerts.alert import Alert, Severity
from conveyor.alerts.bounded import TIMEOUT, Senders
from conveyor.alerts.queue_conditions import sampled
from conveyor.alerts.rule import Change, Rule, step
from conveyor.alerts.sight import StoreSight
from conveyor.alerts.sinks import Sink
from conveyor.alerts.state import Book, RuleState, Waiting, bounded, read_book, write_book
from conveyor.errors import StoreError
from conveyor.ids import new_id
from conveyor.times import SECOND, moment

if TYPE_CHECKING:
    from conveyor.alerts.alerts import Alerts
    from conveyor.app import Conveyor

EVERY: Final = 30.0
"""Seconds between two looks at a rule."""

LOCK: Final = "conveyor:alerts"

_HOLD: Final = 30.0
"""Seconds until another worker takes over from one that died in the middle."""

_SPREAD: Final = 0.5
"""Seconds by which workers come apart at most."""

_FIRST_PAUSE: Final = 5.0
_LONGEST_PAUSE: Final = 900.0
"""Seconds until a sink is tried again: the double each time, up to a quarter of an hour."""

logger: Final = logging.getLogger("conveyor.alerts")


class Lookout:
    """The looks of one worker.

    Args:
        app: the application, whose rules are looked at.
        who: the worker's name.
    """

    def __init__(self, app: Conveyor, who: str) -> None:
        self._app: Final = app
        self._alerts: Final[Alerts] = app.alerts
        self._who: Final = who
        self._senders: Final = Senders()
        self._complained: Final[set[str]] = set()

    def run_once(self) -> float:
        """Look and tell, if it is time to and nobody else is at it; answer the seconds until it is time again.

        Raises:
            StoreError: the store does not answer; the next round does what this one did not.
        """
        driver = self._app.driver
        book, now, began = read_book(driver), driver.now(), time.monotonic()
        is_due = self._due(book, now)
        if is_due and driver.acquire_lock(LOCK, self._who, _HOLD) is not None:
            try:
                # Read under the lock: another worker may have been faster.
                book = self._tell(self._look(read_book(driver), now))
            finally:
                driver.release_lock(LOCK, self._who)
            is_due = self._due(book, now)
        pause = EVERY if is_due else max(0.0, self._pause(book, now) - (time.monotonic() - began))
        return pause + random.uniform(0, _SPREAD)  # noqa: S311 - not a secret

    # ── when ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _due(self, book: Book, now: int) -> bool:
        return any(self._is_due(book.rules.get(rule.name), now) for rule in self._alerts.rules) or any(
            waiting.next_at <= now for _, _, waiting in self._heads(book)
        )

    def _is_due(self, state: RuleState | None, now: int) -> bool:
        """Whether it is time to look; also when the clock was set back by more than a look may just have come first."""
        every = round(EVERY * SECOND)
        return state is None or not -every < now - state.looked_at < every

    def _pause(self, book: Book, now: int) -> float:
        upcoming = [now + round(EVERY * SECOND)]
        upcoming += [book.rules[rule.name].looked_at + round(EVERY * SECOND) for rule in self._alerts.rules]
        upcoming += [waiting.next_at for _, _, waiting in self._heads(book)]
        return max(0, min(upcoming) - now) / SECOND

    # ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _look(self, book: Book, now: int) -> Book:
        sight = StoreSight(self._app)
        looked = book.pruned(now)
        for rule in self._alerts.rules:
            if self._is_due(state := looked.rules.get(rule.name), now):
                looked = looked.changed(rule.name, self._looked(rule, state, sight, now))
        if looked != book:
            write_book(self._app.driver, looked)
        return looked

    def _looked(self, rule: Rule, state: RuleState | None, sight: StoreSight, now: int) -> RuleState:
        before = state or RuleState(looked_at=now, severity=rule.severity, condition="")
        try:
            sight.samples = samples = sampled(rule.condition, before.samples, sight, now)
            active, changes = step(rule, before.active, rule.condition.values(sight), now)
        except StoreError:
            raise
        except Exception:
            if rule.name not in self._complained:
                self._complained.add(rule.name)
                logger.exception("the alert %r cannot be looked at, and stays as it is", rule.name)
            samples, active, changes = before.samples, before.active, ()
        told = [self._alert(rule, change, now) for change in changes]
        waiting = [
            Waiting(sink=sink.name, alert=alert, next_at=now) for alert in told for sink in self._alerts.sinks_of(rule)
        ]
        return RuleState(
            looked_at=now,
            severity=rule.severity,
            condition=str(rule.condition),
            active=active,
            samples=samples,
            waiting=bounded((*before.waiting, *waiting), now),
        )

    def _alert(self, rule: Rule, change: Change, now: int) -> Alert:
        return Alert(
            id=str(new_id()),
            rule=rule.name,
            state=change.state,
            severity=Severity(rule.severity),
            subject=change.subject,
            message=rule.condition.says(change.subject, change.value),
            value=change.value,
            threshold=rule.condition.threshold,
            since=moment(change.since),
            at=moment(now),
            store=self._app.driver.url,
        )

    # ── tell ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _tell(self, book: Book) -> Book:
        """Tell what is due, for about as long as there is until the next look; answer what is left to be told."""
        driver = self._app.driver
        until = time.monotonic() + EVERY
        while time.monotonic() < until and any(self._heads(book)):
            now = driver.now()
            due = next((head for head in self._heads(book) if head[2].next_at <= now), None)
            if due is None:
                return book
            rule, sink, waiting = due
            # Whoever takes over must not begin before this sink's time is over.
            if not driver.renew_lock(LOCK, self._who, _HOLD + float(getattr(sink, "timeout", TIMEOUT))):
                return book
            # First that it was tried, so that a sink which takes this process down does not do so again at once.
            tried = replace(waiting, tries=waiting.tries + 1, next_at=now + round(_backoff(waiting.tries) * SECOND))
            book = self._written(_with(book, rule, waiting, tried))
            book = self._written(_with(book, rule, tried, self._sent(sink, tried)))
        return book

    def _written(self, book: Book) -> Book:
        write_book(self._app.driver, book)
        return book

    def _sent(self, sink: Sink, waiting: Waiting) -> Waiting | None:
        """What is left to wait for when the sink was tried."""
        try:
            self._senders.send(sink, waiting.alert)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises, it is tried again
            again = _backoff(waiting.tries - 1)
            text = f"{type(error).__name__}: {error}"
            logger.warning("cannot tell %s, trying again in %g s: %s", sink.name, again, text)
            return replace(waiting, error=text[:500])
        if waiting.tries > 1:
            logger.info("%s has taken at the try number %d: %s", sink.name, waiting.tries, waiting.alert.message)
        return None

    def _heads(self, book: Book) -> Iterator[tuple[str, Sink, Waiting]]:
        """What each sink is told next, of each rule. What waits for sinks of another application is left to that."""
        for rule in self._alerts.rules:
            state = book.rules.get(rule.name)
            if state is None or not state.waiting:
                continue
            for sink in self._alerts.sinks_of(rule):
                if (head := _first(state.waiting, sink.name)) is not None:
                    yield rule.name, sink, head


def _first(waiting: Sequence[Waiting], sink: str) -> Waiting | None:
    return next((each for each in waiting if each.sink == sink), None)


def _with(book: Book, rule: str, old: Waiting, new: Waiting | None) -> Book:
    state = book.rules[rule]
    changed = [new if each is old else each for each in state.waiting]
    return book.changed(rule, replace(state, waiting=tuple(each for each in changed if each is not None)))


def _backoff(tries: int) -> float:
    return min(_FIRST_PAUSE * 2.0 ** min(tries, 20), _LONGEST_PAUSE)
