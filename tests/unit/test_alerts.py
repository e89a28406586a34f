"""Alerts: what conditions find too much, and what is told of it. Without a store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor import (
    Alert,
    AlertNotFound,
    AlertState,
    CallSink,
    Condition,
    ConfigError,
    Conveyor,
    DeadLetterGrowth,
    DeadLetterSize,
    DuplicateAlert,
    EmailSink,
    FailureRate,
    Figures,
    InvalidValue,
    JobSink,
    LogSink,
    MissingWorkers,
    OldestWaiting,
    PayloadError,
    QueueDepth,
    QueueHealth,
    Severity,
    SlowJobs,
    Spread,
    StalledQueue,
    WebhookSink,
    WorkerHealth,
)
from conveyor.alerts.alert import title
from conveyor.alerts.queue_conditions import SAMPLES, sampled
from conveyor.alerts.rule import Active, Rule, step
from conveyor.alerts.sight import Sample
from conveyor.alerts.sinks import sample
from conveyor.alerts.state import KEPT, MOST, Book, RuleState, Waiting, bounded
from conveyor.times import SECOND

NONE = Spread(average=None, p50=None, p95=None, p99=None, maximum=None)


@dataclass
class Seen:
    """What a test lets conditions see."""

    queues: Sequence[QueueHealth] = ()
    workers: Sequence[WorkerHealth] = ()
    samples: Sequence[Sample] = ()
    runs: dict[tuple[str, str], Figures] = field(default_factory=dict[tuple[str, str], Figures])

    def runs_by_queue(self, window: float, type: str | None) -> Sequence[Figures]:
        assert window
        return [each for (kind, _), each in self.runs.items() if kind == "queue" and type in (None, each.type)]

    def runs_by_type(self, window: float, queue: str | None) -> Sequence[Figures]:
        assert window
        return [each for (kind, _), each in self.runs.items() if kind == "type" and queue in (None, each.queue)]


def a_queue(name: str = "a", **fields: Any) -> QueueHealth:
    given: dict[str, Any] = {
        "ready": 0,
        "waiting": 0,
        "processing": 0,
        "dead": 0,
        "oldest_age": None,
        "is_paused": False,
        "is_served": True,
        "is_stalled": False,
        "is_growing": None,
        "problem": "",
        **fields,
    }
    return QueueHealth(queue=name, **given)


def a_worker(*queues: str, healthy: bool = True) -> WorkerHealth:
    return WorkerHealth(
        name="w",
        host="h",
        pid=1,
        state="running",
        is_healthy=healthy,
        problem="" if healthy else "it is",
        last_heartbeat=0,
        last_claim=None,
        slots=1,
        running=0,
        jobs=(),
        rss_bytes=0,
        queues=queues,
        started_at=0,
    )


def runs(
    executions: int, failed: int = 0, *, type: str | None = None, queue: str | None = None, p95: float = 0.0
) -> Figures:
    return Figures(
        type=type,
        queue=queue,
        window=600.0,
        executions=executions,
        completed=executions - failed,
        failed=failed,
        retried=0,
        success_rate=None,
        throughput=0.0,
        run=Spread(average=p95 / 2, p50=p95 / 2, p95=p95, p99=p95, maximum=2 * p95),
        wait=NONE,
        average_memory=None,
        peak_memory=None,
    )


def a_rule(condition: Condition | None = None, *, for_: float = 0, clear: float | None = None) -> Rule:
    return Rule.of("r", condition or QueueDepth(10), for_=for_, severity=Severity.WARNING, clear=clear, sinks=None)


# ── conditions ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_queue_has_a_depth_of_its_own() -> None:
    seen = Seen(queues=[a_queue("a", ready=3, waiting=9), a_queue("b", ready=1)])

    assert QueueDepth(2).values(seen) == {"a": 3, "b": 1}
    assert QueueDepth(2, queue="b").values(seen) == {"b": 1}
    assert QueueDepth(2, queue="c").values(seen) == {}


def test_the_oldest_job_waits_in_a_paused_queue_too() -> None:
    seen = Seen(queues=[a_queue("a", oldest_age=90.0, is_paused=True), a_queue("b")])

    assert OldestWaiting(timedelta(minutes=1)).values(seen) == {"a": 90.0, "b": 0.0}


def test_a_failure_rate_says_nothing_of_a_few_runs() -> None:
    seen = Seen(runs={("queue", "a"): runs(20, 5, queue="a"), ("queue", "b"): runs(19, 19, queue="b")})

    assert FailureRate(0.05).values(seen) == {"a": 0.25}
    assert FailureRate(0.05, at_least=1).values(seen) == {"a": 0.25, "b": 1.0}
    assert FailureRate(0.05, at_least=1, queue="b").values(seen) == {"b": 1.0}


def test_a_failure_rate_is_that_of_a_job_type_where_one_is_named() -> None:
    seen = Seen(runs={("type", "t"): runs(20, 5, type="t"), ("type", "u"): runs(20, 0, type="u")})

    assert FailureRate(0.05, type="t").values(seen) == {"t": 0.25}


def test_dead_letters_are_counted_by_queue() -> None:
    seen = Seen(queues=[a_queue("a", dead=3), a_queue("b")])

    assert DeadLetterSize(2).values(seen) == {"a": 3, "b": 0}


def test_dead_letters_grow_since_the_oldest_sample() -> None:
    condition = DeadLetterGrowth(2)
    seen = Seen(queues=[a_queue("a", dead=3), a_queue("b", dead=9), a_queue("c", dead=1)])

    assert condition.values(seen) == {}
    seen.samples = [Sample(0, {"a": 1, "c": 4}), Sample(1, {"a": 3})]
    assert condition.values(seen) == {"a": 2, "b": 9, "c": 0}


@given(st.lists(st.floats(1, 2000), max_size=60))
def test_samples_reach_as_far_back_as_the_window_and_are_few(steps: list[float]) -> None:
    condition = DeadLetterGrowth(1, window=3600)
    samples: Sequence[Sample] = ()
    now = began = 10**15
    for seconds in [0.0, *steps]:
        now += round(seconds * SECOND)
        samples = sampled(condition, samples, Seen(queues=[a_queue(dead=now - began)]), now)

    ages = [(now - each.at) / SECOND for each in samples]
    assert len(samples) <= SAMPLES + 2
    assert ages == sorted(ages, reverse=True)
    # The oldest is a window old, as soon as there was one.
    assert max(ages) >= 3600 or began in {each.at for each in samples}
    assert all(age < 3600 for age in ages[1:])


def test_samples_from_before_the_clock_was_set_back_are_dropped() -> None:
    seen = Seen(queues=[a_queue(dead=7), a_queue("b")])

    assert sampled(DeadLetterGrowth(1), [Sample(2000, {})], seen, 1000) == (Sample(1000, {"a": 7}),)
    assert sampled(QueueDepth(1), [Sample(0, {})], seen, 1000) == ()


def test_workers_are_missing_that_are_not_healthy_or_serve_other_queues() -> None:
    seen = Seen(workers=[a_worker("a"), a_worker("a", "b"), a_worker("b", healthy=False)])

    assert MissingWorkers(2).values(seen) == {"": 0}
    assert MissingWorkers(3).values(seen) == {"": 1}
    assert MissingWorkers(2, queue="b").values(seen) == {"b": 1}
    assert MissingWorkers(queue="c").values(seen) == {"c": 1}


def test_a_queue_is_stalled_while_nothing_of_it_is_processed() -> None:
    seen = Seen(
        queues=[
            a_queue("still", oldest_age=70.0),
            a_queue("busy", oldest_age=70.0, processing=1),
            a_queue("paused", oldest_age=70.0, is_paused=True),
            a_queue("empty"),
        ]
    )

    assert StalledQueue(60).values(seen) == {"still": 70.0, "busy": 0.0, "paused": 0.0, "empty": 0.0}
    assert StalledQueue(60).clear == 0


def test_slow_jobs_are_told_by_type_and_figure() -> None:
    seen = Seen(runs={("type", "t"): runs(20, type="t", p95=8.0), ("type", "u"): runs(5, type="u", p95=9.0)})

    assert SlowJobs(5).values(seen) == {"t": 8.0}
    assert SlowJobs(5, of="maximum", at_least=1).values(seen) == {"t": 16.0, "u": 18.0}
    assert SlowJobs(5, type="u").values(seen) == {}


@pytest.mark.parametrize(
    ("condition", "words", "found"),
    [
        (QueueDepth(10_000), "ready jobs above 10,000", "queue 'x': 12,345 jobs are ready (limit 10,000)"),
        (OldestWaiting(3600, queue="x"), "oldest ready job of queue 'x' above 3,600 s", "12,345 s (limit 3,600 s)"),
        (FailureRate(type="t"), "failed runs of type 't' above 5% within 600 s", "(limit 5%)"),
        (DeadLetterSize(100), "dead letters above 100", "12,345 dead letters (limit 100)"),
        (DeadLetterGrowth(5), "new dead letters above 5 within 3600 s", "12,345 dead letters more than 3600 s ago"),
        (
            MissingWorkers(12_346, queue="x"),
            "healthy workers of queue 'x' below 12,346",
            "1 healthy worker (wanted 12,346)",
        ),
        (StalledQueue(), "nothing processed for 60 s while jobs are ready", "none is processed (limit 60 s)"),
        (SlowJobs(5), "p95 of the run time above 5 s within 600 s", "p95 of its runs of the last 600 s is"),
        (SlowJobs(5, of="maximum", type="t", queue="q"), "the maximum of the run time of queue 'q' and type 't'", ""),
    ],
)
def test_conditions_are_told_in_words(condition: Condition, words: str, found: str) -> None:
    assert words in str(condition)
    assert found in condition.says("x", 12_345.0)
    assert words in repr(condition)


NEVER: dict[str, tuple[Any, dict[str, Any]]] = {
    "depth below 0": (QueueDepth, {"above": -1}),
    "depth nan": (QueueDepth, {"above": float("nan")}),
    "depth true": (QueueDepth, {"above": True}),
    "depth in words": (QueueDepth, {"above": "many"}),
    "no queue": (QueueDepth, {"above": 1, "queue": "no queue"}),
    "dead letter queue": (QueueDepth, {"above": 1, "queue": "a.dlq"}),
    "waiting below 0": (OldestWaiting, {"above": -1}),
    "rate in percent": (FailureRate, {"above": 5}),
    "rate below 0": (FailureRate, {"above": -0.1}),
    "rate within seconds": (FailureRate, {"window": 30}),
    "rate within weeks": (FailureRate, {"window": 8 * 86_400}),
    "rate of nothing": (FailureRate, {"at_least": 0}),
    "no type": (FailureRate, {"type": "no type"}),
    "dead below 0": (DeadLetterSize, {"above": -1}),
    "growth below 0": (DeadLetterGrowth, {"above": -1}),
    "growth within nothing": (DeadLetterGrowth, {"above": 1, "window": 0}),
    "no workers": (MissingWorkers, {"below": 0}),
    "workers below 0": (MissingWorkers, {"below": -1}),
    "stalled below 0": (StalledQueue, {"above": -1}),
    "slow below 0": (SlowJobs, {"above": -1}),
    "no figure": (SlowJobs, {"above": 1, "of": "p42"}),
    "half a run": (SlowJobs, {"above": 1, "at_least": 1.5}),
}


@pytest.mark.parametrize("what", NEVER)
def test_a_condition_that_cannot_be_is_refused(what: str) -> None:
    make, given = NEVER[what]
    with pytest.raises(InvalidValue, match="give"):
        make(**given)


# ── what a look changes ──────────────────────────────────────────────────────────────────────────────────────────────

LOOKS = st.lists(
    st.tuples(st.floats(1, 100), st.dictionaries(st.sampled_from("ab"), st.floats(0, 20), max_size=2)), max_size=40
)


def replay(
    rule: Rule, looks: list[tuple[float, dict[str, float]]], *, restarts: bool = False
) -> tuple[list[tuple[int, str, AlertState]], dict[str, Active]]:
    """What is told over these looks, and what is active at the end."""
    now, active = 0, dict[str, Active]()
    told: list[tuple[int, str, AlertState]] = []
    for seconds, values in looks:
        now += round(seconds * SECOND)
        active, changes = step(rule, active, values, now)
        told += [(now, change.subject, change.state) for change in changes]
        if restarts:
            active = msgspec.json.decode(msgspec.json.encode(active), type=dict[str, Active])
    return told, active


@given(LOOKS)
def test_firing_and_ending_alternate_and_each_subject_is_by_itself(looks: list[tuple[float, dict[str, float]]]) -> None:
    rule = a_rule(for_=60, clear=5)
    told, active = replay(rule, looks)

    for subject in "ab":
        states = [state for _, name, state in told if name == subject]
        assert states == [AlertState.FIRING, AlertState.RESOLVED] * (len(states) // 2) + states[len(states) // 2 * 2 :]
        assert len(states) % 2 == (subject in active and active[subject].fired_at is not None)
        alone = [
            (seconds, {name: value for name, value in values.items() if name == subject}) for seconds, values in looks
        ]
        assert replay(rule, alone)[0] == [each for each in told if each[1] == subject]


@given(LOOKS)
def test_it_fires_only_after_being_above_at_every_look_for_so_long(looks: list[tuple[float, dict[str, float]]]) -> None:
    told, _ = replay(a_rule(for_=60, clear=5), looks)
    moments = [round(sum(round(s * SECOND) for s, _ in looks[: index + 1])) for index in range(len(looks))]

    for at, subject, state in told:
        index = moments.index(at)
        if state is AlertState.FIRING:
            begun = next(back for back in range(index, -1, -1) if moments[back] <= at - 60 * SECOND)
            assert all(looks[each][1].get(subject, 0) > 10 for each in range(begun, index + 1))
        else:
            assert looks[index][1].get(subject, 0) <= 5


@given(LOOKS)
def test_a_restart_between_looks_changes_nothing(looks: list[tuple[float, dict[str, float]]]) -> None:
    rule = a_rule(for_=60, clear=5)

    assert replay(rule, looks, restarts=True) == replay(rule, looks)


@given(LOOKS)
def test_what_swings_between_clear_and_threshold_is_told_once(looks: list[tuple[float, dict[str, float]]]) -> None:
    swinging = [(seconds, {"a": 5.1 + value / 2}) for seconds, values in looks for value in values.values()]

    told, _ = replay(a_rule(clear=5), swinging)

    assert len(told) <= 1


def test_a_value_at_the_threshold_is_not_above_it_and_one_at_clear_is_well() -> None:
    rule = a_rule(clear=5)

    assert step(rule, {}, {"a": 10.0}, 0) == ({}, [])
    active, changes = step(rule, {}, {"a": 10.1}, 0)
    assert [change.state for change in changes] == [AlertState.FIRING]
    active, changes = step(rule, active, {"a": 5.1}, 1)
    assert (active["a"].value, changes) == (5.1, [])
    assert step(rule, active, {"a": 5.0}, 2)[0] == {}


def test_a_subject_that_is_gone_has_ended() -> None:
    active, _ = step(a_rule(), {}, {"a": 11.0}, 0)

    after, changes = step(a_rule(), active, {}, 1)

    assert (after, [(change.subject, change.state) for change in changes]) == ({}, [("a", AlertState.RESOLVED)])


def test_a_clock_that_was_set_back_begins_anew() -> None:
    rule = a_rule(for_=60)
    active, _ = step(rule, {}, {"a": 11.0}, 1000 * SECOND)

    active, changes = step(rule, active, {"a": 11.0}, 100 * SECOND)
    assert not changes
    assert not step(rule, active, {"a": 11.0}, 159 * SECOND)[1]
    assert step(rule, active, {"a": 11.0}, 160 * SECOND)[1]


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def app() -> Conveyor:
    made = Conveyor("memory://alerts-unit")

    @made.job("page")
    def page(alert: Alert) -> None: ...

    @made.job("other")
    def other(number: int) -> None: ...

    return made


def tell(alert: Alert) -> None:
    """Somebody."""


def test_three_rules_are_there_from_the_beginning(app: Conveyor) -> None:
    assert {rule.name: (str(rule.condition), rule.for_) for rule in app.alerts.rules} == {
        "queue-depth": ("ready jobs above 10,000", 300),
        "failure-rate": ("failed runs above 5% within 600 s", 60),
        "dead-letters": ("dead letters above 100", 60),
    }
    assert [sink.name for sink in app.alerts.sinks_of(app.alerts.rules[0])] == ["log"]


def test_rules_from_the_beginning_can_be_replaced_once_and_taken_away(app: Conveyor) -> None:
    app.alerts.add("queue-depth", QueueDepth(50_000), severity="critical", for_=timedelta(minutes=1))
    app.alerts.remove("failure-rate")

    assert {rule.name: rule.severity for rule in app.alerts.rules} == {
        "queue-depth": Severity.CRITICAL,
        "dead-letters": Severity.WARNING,
    }
    with pytest.raises(DuplicateAlert, match="queue-depth"):
        app.alerts.add("queue-depth", QueueDepth(1))
    with pytest.raises(AlertNotFound, match="failure-rate"):
        app.alerts.remove("failure-rate")
    app.alerts.clear()
    assert app.alerts.rules == ()


@pytest.mark.parametrize(
    "given",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\nb"},
        {"name": 7},
        {"condition": "depth"},
        {"for_": -1},
        {"severity": "bad"},
        {"severity": 3},
        {"clear": 11},
        {"clear": -1},
        {"clear": "none"},
    ],
    ids=repr,
)
def test_a_rule_that_cannot_be_is_refused(app: Conveyor, given: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"name": "r", "condition": QueueDepth(10), **given}
    with pytest.raises(InvalidValue, match="give"):
        app.alerts.add(**arguments)
    assert len(app.alerts.rules) == 3


def test_a_rule_that_tells_nobody_who_can_be_told_is_refused(app: Conveyor) -> None:
    wrong: list[list[Any]] = [[7], [WebhookSink], [tell, tell]]
    for to in wrong:
        with pytest.raises(InvalidValue, match="give"):
            app.alerts.add("r", QueueDepth(10), to=to)
        with pytest.raises(InvalidValue, match="give"):
            app.alerts.send_to(*to)
    assert len(app.alerts.rules) == 3


def test_an_alert_ends_at_nine_tenths_of_its_threshold_unless_it_is_said(app: Conveyor) -> None:
    app.alerts.add("a", QueueDepth(10))
    app.alerts.add("b", QueueDepth(10), clear=0)

    assert [rule.clear for rule in app.alerts.rules[-2:]] == [9, 0]


def test_a_rule_about_an_unknown_job_type_stops_a_worker_from_starting(app: Conveyor) -> None:
    app.alerts.add("slow", SlowJobs(5, type="pag"))

    with pytest.raises(ConfigError, match=r"the alert 'slow' cannot work: no job of type 'pag'"):
        app.alerts.check()


def test_a_rule_about_an_unknown_queue_is_told(app: Conveyor) -> None:
    app.alerts.add("here", QueueDepth(5, queue="default"))
    app.alerts.add("deep", QueueDepth(5, queue="emials"))

    assert app.alerts.check() == [
        "the alert 'deep' is about queue 'emials', which no job goes to and the store has never seen"
    ]
    assert [each.problem for each in app.alerts.list() if each.problem] == list(app.alerts.check())


# ── sinks ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_whatever_can_take_an_alert_can_be_told(app: Conveyor) -> None:
    page = app.job("page2")(tell)

    app.alerts.send_to(page, LogSink(__import__("logging").getLogger("mine")))
    app.alerts.add("r", QueueDepth(1), to=tell)

    assert [sink.name for sink in app.alerts.sinks_of(app.alerts.rules[0])] == ["log", "job page2", "log mine"]
    assert [type(sink) for sink in app.alerts.sinks_of(app.alerts.rules[-1])] == [CallSink]


def test_a_job_that_takes_no_alert_is_refused(app: Conveyor) -> None:
    with pytest.raises(PayloadError):
        JobSink(app, "other")
    with pytest.raises(InvalidValue, match="give"):
        JobSink(app, 7)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    # One that is registered later is looked at later.
    app.alerts.add("r", QueueDepth(1), to=JobSink(app, "later"))
    with pytest.raises(ConfigError, match="later"):
        app.alerts.check()


def test_an_async_function_or_one_without_a_name_is_refused() -> None:
    async def later(alert: Alert) -> None: ...

    with pytest.raises(InvalidValue, match="async"):
        CallSink(later)
    with pytest.raises(InvalidValue, match="name"):
        CallSink(lambda _: None)
    assert CallSink(lambda _: None, name="x").name == "x"


SECRET = b"k" * 32


@pytest.mark.parametrize(
    "given",
    [
        {"url": "example.org"},
        {"url": "ftp://example.org"},
        {"url": "https://"},
        {"url": "https://a b"},
        {"url": "https://a:port"},
        {"url": 7},
        {"secret": "short"},
        {"secret": b"short"},
        {"secret": "whsec_???"},
        {"secret": "whsec_a2V5"},
        {"headers": {"X": "a\r\nb"}},
        {"timeout": 0},
        {"timeout": -1},
    ],
    ids=repr,
)
def test_a_webhook_that_cannot_work_is_refused(given: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"url": "https://example.org/hook?token=hunter2", "secret": SECRET, **given}
    with pytest.raises(InvalidValue, match="give") as refused:
        WebhookSink(**arguments)
    assert "hunter2" not in str(refused.value)


def test_a_webhook_does_not_show_where_it_goes() -> None:
    sink = WebhookSink("https://user:hunter2@example.org:8443/hunter2", secret=SECRET)

    assert sink.name == "webhook example.org:8443"
    assert "hunter2" not in repr(sink)


@pytest.mark.parametrize(
    "given",
    [
        {"to": "nobody"},
        {"to": ()},
        {"to": ["a@b", "c\n@d"]},
        {"sender": "me"},
        {"host": ""},
        {"host": 7},
        {"port": 0},
        {"port": 65_536},
        {"port": "smtp"},
        {"security": "ssl"},
        {"username": "me"},
        {"timeout": 0},
    ],
    ids=repr,
)
def test_a_mail_that_cannot_work_is_refused(given: dict[str, Any]) -> None:
    arguments: dict[str, Any] = {"to": "ops@example.org", "sender": "conveyor@example.org", "host": "mail", **given}
    with pytest.raises(InvalidValue, match="give"):
        EmailSink(**arguments)


def test_a_title_is_one_line() -> None:
    alert = msgspec.structs.replace(sample(), rule="deep", message="queue 'a': 12 jobs", severity=Severity.CRITICAL)

    assert title(alert) == "CRITICAL deep test: queue 'a': 12 jobs"


# ── what is kept ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_waits_for_a_sink_is_bounded_and_what_goes_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    alert = sample()
    now = round(alert.at.timestamp() * SECOND)
    waiting = tuple(
        Waiting(sink=sink, alert=alert, next_at=number)
        for number in range(MOST + 3)
        for sink in ("a", "b")
        if number % 2 or sink == "a"
    )

    kept = bounded(waiting, now)

    assert [each.next_at for each in kept if each.sink == "a"] == list(range(3, MOST + 3))
    assert sum(each.sink == "b" for each in kept) == (MOST + 3) // 2
    assert len(caplog.records) == 3
    assert bounded(waiting, now + round((KEPT + 1) * SECOND)) == ()


def test_a_rule_that_nobody_looks_at_any_more_is_forgotten() -> None:
    state = RuleState(looked_at=0, severity=Severity.INFO, condition="")
    book = Book(rules={"old": state}).changed("new", msgspec.structs.replace(state, looked_at=SECOND))

    assert book.pruned(round(KEPT * SECOND)).rules.keys() == {"new"}
