"""The alerts of an application: its rules, who is told, and how it all stands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from conveyor.alerts.alert import Alert, AlertState, Severity
from conveyor.alerts.bounded import Senders
from conveyor.alerts.condition import Condition
from conveyor.alerts.queue_conditions import DeadLetterSize, QueueDepth
from conveyor.alerts.rule import Rule
from conveyor.alerts.run_conditions import FailureRate
from conveyor.alerts.sinks import CallSink, JobSink, LogSink, Sink
from conveyor.alerts.state import RuleState, read_book
from conveyor.errors import AlertNotFound, ConfigError, DuplicateAlert, InvalidValue, PayloadError, UnknownJobType
from conveyor.ids import new_id
from conveyor.job import AsyncJob, Job
from conveyor.retry import Duration
from conveyor.times import moment

if TYPE_CHECKING:
    from conveyor.app import Conveyor

AnySink = Sink | Job[..., Any] | AsyncJob[..., Any] | Callable[[Alert], object]
"""Where alerts can go: a sink, a registered function, which is pushed with the alert, or any other function."""


class FiringSubject(msgspec.Struct, frozen=True, kw_only=True):
    """A queue or job type that is above its threshold; moments in microseconds since 1970."""

    subject: str
    value: float
    since: int
    fired_at: int | None
    """When it was told; `None` while it has not lasted long enough."""


class AlertStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How a rule stands."""

    name: str
    severity: Severity
    condition: str
    """In words."""
    state: str
    """firing, pending (above its threshold, but not for long enough), ok, or new: nobody has looked yet."""
    subjects: tuple[FiringSubject, ...]
    looked_at: int | None
    """When a worker last looked at it, in microseconds since 1970."""
    sinks: tuple[str, ...]
    """Who is told; nobody knows that of a rule which another application has."""
    untold: int
    """Alerts that a sink has not taken yet."""
    error: str
    """Why a sink did not take the last one; empty when all did."""
    problem: str
    """What is wrong with the rule itself; empty when nothing is."""


class SinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How a sink took a test."""

    sink: str
    error: str
    """Empty when it took it."""


class Alerts:
    """The alerts of an application; `Conveyor.alerts`. Workers look at the rules every 30 seconds, one at a time.

    Three rules are there from the beginning, and are told to the log: `queue-depth` (more than 10,000 jobs ready in a
    queue for five minutes), `failure-rate` (more than 5 % of a queue's runs of the last ten minutes failed, of 20 at
    least) and `dead-letters` (a queue has more than 100). `add` under the same name puts another in its place, `remove`
    and `clear` take them away.
    """

    def __init__(self, app: Conveyor) -> None:
        self._app: Final = app
        self._sinks: tuple[Sink, ...] = (LogSink(),)
        self._rules: Final[dict[str, Rule]] = {}
        self._defaults: Final[set[str]] = set()
        self.add("queue-depth", QueueDepth(10_000), for_=300)
        self.add("failure-rate", FailureRate(0.05))
        self.add("dead-letters", DeadLetterSize(100))
        self._defaults.update(self._rules)

    def __repr__(self) -> str:
        return f"<alerts of {self._app!r}>"

    # ── in the code ──────────────────────────────────────────────────────────────────────────────────────────────────

    def add(
        self,
        name: str,
        condition: Condition,
        *,
        for_: Duration = 60,
        severity: Severity | str = Severity.WARNING,
        clear: float | None = None,
        to: AnySink | Iterable[AnySink] | None = None,
    ) -> None:
        """Let workers look at a condition, and tell when it begins to hold and when it ends.

        Where it names no queue or job type, each has an alert of its own.

        Args:
            name: the rule's name: 1 to 100 printable characters. How it stands is kept in the store under this name, so
                a rule that is changed goes on from there.
            condition: such as `QueueDepth(10_000, queue="mail")`.
            for_: seconds or timedelta for which it must hold, at every look, before it is told.
            severity: "info", "warning" or "critical".
            clear: to what the value must come down for the alert to end; by itself nine tenths of the threshold.
            to: who is told instead of those of all rules; see `send_to`.

        Raises:
            InvalidValue: an argument breaks its rule.
            DuplicateAlert: there is a rule of that name.
        """
        rule = Rule.of(
            name,
            condition,
            for_=for_,
            severity=severity,
            clear=clear,
            sinks=None if to is None else self._made(to),
        )
        if name in self._rules and name not in self._defaults:
            raise DuplicateAlert(name)
        self._defaults.discard(name)
        self._rules[name] = rule

    def remove(self, name: str) -> None:
        """Take a rule away.

        Raises:
            AlertNotFound: there is none of that name.
        """
        if self._rules.pop(name, None) is None:
            raise AlertNotFound(name, tuple(self._rules))
        self._defaults.discard(name)

    def clear(self) -> None:
        """Take all rules away, those too that are there from the beginning."""
        self._rules.clear()
        self._defaults.clear()

    def send_to(self, *to: AnySink) -> None:
        """Tell these, beside the log, what no rule of its own says who is told.

        Args:
            to: sinks such as `WebhookSink(…)` and `EmailSink(…)`; registered functions, which are pushed with the alert
                as their argument; or other functions that take the alert, and are called in a worker's supervisor.

        Raises:
            InvalidValue: it is none of these, or has the name of another.
            PayloadError: a job takes no alert.
        """
        self._sinks = _distinct((*self._sinks, *self._made(to)))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules of this application."""
        return tuple(self._rules.values())

    def sinks_of(self, rule: Rule) -> tuple[Sink, ...]:
        """Who is told."""
        return self._sinks if rule.sinks is None else rule.sinks

    def check(self) -> Sequence[str]:
        """Find out whether the rules can work; workers ask before they start. Answers what looks like a slip.

        Raises:
            ConfigError: a rule names a job type that is not registered, or tells a job that takes no alert.
            StoreError: the store does not answer.
        """
        for rule in self._rules.values():
            try:
                if rule.condition.type is not None:
                    self._app.job_types.named(rule.condition.type)
                for sink in self.sinks_of(rule):
                    if isinstance(sink, JobSink):
                        sink.check()
            except (UnknownJobType, PayloadError) as error:
                raise ConfigError(f"the alert {rule.name!r} cannot work: {error}") from error
        known = self._queues()
        return [problem for rule in self._rules.values() if (problem := _problem(rule, known))]

    # ── how it stands ────────────────────────────────────────────────────────────────────────────────────────────────

    def list(self) -> Sequence[AlertStatus]:
        """All rules by name: those of this application, and those that others on the same store look at."""
        book = read_book(self._app.driver)
        known = self._queues()
        return [
            self._status(name, self._rules.get(name), book.rules.get(name), known)
            for name in sorted({*self._rules, *book.rules})
        ]

    def test(self, name: str) -> Sequence[SinkAnswer]:
        """Send a test to those who are told of a rule, now and once; answer how each took it.

        Raises:
            AlertNotFound: there is no rule of that name.
        """
        if (rule := self._rules.get(name)) is None:
            raise AlertNotFound(name, tuple(self._rules))
        now = moment(self._app.driver.now())
        senders = Senders()
        answers: list[SinkAnswer] = []
        for sink in self.sinks_of(rule):
            alert = Alert(
                id=str(new_id()),
                rule=name,
                state=AlertState.TEST,
                severity=rule.severity,
                subject="",
                message=f"a test of the alert on {rule.condition}; nothing has happened",
                value=0.0,
                threshold=rule.condition.threshold,
                since=now,
                at=now,
                store=self._app.driver.url,
            )
            try:
                senders.send(sink, alert)
            except Exception as error:  # noqa: BLE001 - whatever a sink raises is the answer
                answers.append(SinkAnswer(sink=sink.name, error=f"{type(error).__name__}: {error}"))
            else:
                answers.append(SinkAnswer(sink=sink.name, error=""))
        return answers

    def look(self) -> Sequence[AlertStatus]:
        """Look at the rules and tell what has changed, as a worker does, if it is time to; answer how they stand."""
        from conveyor.alerts.lookout import Lookout

        Lookout(self._app, f"look-{os.getpid()}-{new_id()}").run_once()
        return self.list()

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def alist(self) -> Sequence[AlertStatus]:
        """As `list`."""
        return await self._app.aio.call(self.list)

    async def atest(self, name: str) -> Sequence[SinkAnswer]:
        """As `test`."""
        return await self._app.aio.call(self.test, name)

    async def alook(self) -> Sequence[AlertStatus]:
        """As `look`."""
        return await self._app.aio.call(self.look)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _made(self, to: AnySink | Iterable[AnySink]) -> tuple[Sink, ...]:
        several = cast("Iterable[AnySink]", to) if isinstance(to, list | tuple | set | frozenset) else (to,)
        return _distinct(tuple(self._sink(each) for each in several))

    def _sink(self, to: object) -> Sink:
        if isinstance(to, Job | AsyncJob):
            return JobSink(self._app, cast("Job[..., Any]", to))
        if isinstance(to, type) or not isinstance(to, Sink):
            return CallSink(cast("Callable[[Alert], object]", to))
        return to

    def _queues(self) -> set[str]:
        """Every queue that there is a sign of."""
        known = {counts.queue for counts in self._app.driver.counts()}
        known |= {job_type.queue for job_type in self._app.job_types.values()}
        return known | {self._app.default_queue, *self._app.queue_timeouts}

    def _status(self, name: str, rule: Rule | None, state: RuleState | None, known: set[str]) -> AlertStatus:
        active = {} if state is None else state.active
        waiting = () if state is None else state.waiting
        errors = [each.error for each in waiting if each.error]
        firing = any(each.fired_at is not None for each in active.values())
        return AlertStatus(
            name=name,
            severity=_severity(rule, state),
            condition=str(rule.condition) if rule is not None else "" if state is None else state.condition,
            state="new" if state is None else "firing" if firing else "pending" if active else "ok",
            subjects=tuple(
                FiringSubject(subject=subject, value=each.value, since=each.since, fired_at=each.fired_at)
                for subject, each in sorted(active.items())
            ),
            looked_at=None if state is None else state.looked_at,
            sinks=() if rule is None else tuple(sink.name for sink in self.sinks_of(rule)),
            untold=len(waiting),
            error=errors[-1] if errors else "",
            problem="" if rule is None else _problem(rule, known),
        )


def _severity(rule: Rule | None, state: RuleState | None) -> Severity:
    if rule is not None:
        return rule.severity
    return Severity.WARNING if state is None else state.severity


def _problem(rule: Rule, known: set[str]) -> str:
    queue = rule.condition.queue
    if queue is None or queue in known:
        return ""
    return f"the alert {rule.name!r} is about queue {queue!r}, which no job goes to and the store has never seen"


def _distinct(sinks: tuple[Sink, ...]) -> tuple[Sink, ...]:
    """The sinks, each of which is known by its name."""
    names = [sink.name for sink in sinks]
    for name in names:
        if names.count(name) > 1:
            raise InvalidValue(f"two sinks are called {name!r}; give one of them another name with name=…")
    return sinks
