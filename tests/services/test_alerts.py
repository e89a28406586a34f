"""Alerts on every store: what is looked at, kept and told."""

from __future__ import annotations

import asyncio
import base64
import hmac
import inspect
import logging
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

from conveyor import (
    Alert,
    AlertNotFound,
    Alerts,
    AlertState,
    CallSink,
    Condition,
    Conveyor,
    DeadLetterGrowth,
    DeadLetterSize,
    EmailSink,
    FailureRate,
    JobSink,
    MissingWorkers,
    OldestWaiting,
    QueueDepth,
    Severity,
    SlowJobs,
    StalledQueue,
    WebhookSink,
)
from conveyor.alerts.lookout import EVERY, LOCK, Lookout
from conveyor.alerts.sight import Sight
from conveyor.alerts.state import KEPT, read_book
from conveyor.lifecycle import after_failure
from conveyor.measures import JobMetrics
from conveyor.records import Filter, WorkerRecord
from conveyor.retry import NoRetry
from conveyor.sketch import bucket_of
from conveyor.times import SECOND
from tests.contract.stores import FakeClock, a_failure, jobs, take, take_one
from tests.receiver import Postbox, Receiver, postbox, receiving

SECRET = b"0123456789abcdef0123456789abcdef"


@pytest.fixture
def told() -> list[Alert]:
    return []


@pytest.fixture
def app(app: Conveyor, told: list[Alert]) -> Conveyor:
    """An application without rules, which tells a list."""
    app.alerts.clear()
    app.alerts.send_to(CallSink(told.append, name="list"))
    return app


@pytest.fixture
def receiver() -> Generator[Receiver]:
    with receiving() as made:
        yield made


@pytest.fixture
def box() -> Generator[Postbox]:
    with postbox() as made:
        yield made


def brief(told: list[Alert]) -> list[tuple[str, str, str, float]]:
    return [(alert.rule, alert.subject, alert.state.value, alert.value) for alert in told]


def look(app: Conveyor, who: str = "w1") -> float:
    """As a worker that has just started."""
    return Lookout(app, who).run_once()


def bury(app: Conveyor, number: int, queue: str = "a") -> None:
    app.driver.push(jobs(number, queue))
    claims = take(app.driver, queue, limit=number)
    app.driver.settle([after_failure(claim, a_failure(claim), NoRetry()) for claim in claims])


def ran(app: Conveyor, clock: FakeClock, runs: int, failed: int = 0, seconds: float = 0.1, **names: str) -> None:
    where: dict[str, Any] = {"type": "t", "queue": "a", **names}
    took = round(seconds * 1_000_000)
    app.driver.add_metrics(
        [
            JobMetrics(
                minute=clock.now // 60_000_000,
                completed=runs - failed,
                failed=failed,
                duration_us=runs * took,
                buckets={bucket_of(took): runs},
                **where,
            )
        ]
    )


# ── the story of one alert ───────────────────────────────────────────────────────────────────────────────────────────


def test_an_alert_fires_once_and_ends_once(app: Conveyor, clock: FakeClock, told: list[Alert]) -> None:
    app.alerts.add("deep", QueueDepth(2), for_=60, severity="critical")
    app.driver.push(jobs(3))

    look(app)
    (status,) = app.alerts.list()
    assert (status.state, brief(told)) == ("pending", [])
    for _ in range(8):
        clock.step(EVERY)
        look(app)

    (alert,) = told
    assert (alert.rule, alert.subject, alert.state) == ("deep", "a", AlertState.FIRING)
    assert (alert.severity, alert.value, alert.threshold) == (Severity.CRITICAL, 3, 2)
    assert alert.message == "queue 'a': 3 jobs are ready (limit 2)"
    assert (alert.at - alert.since).total_seconds() == 60
    assert alert.store == app.driver.url
    (status,) = app.alerts.list()
    assert (status.state, [each.subject for each in status.subjects]) == ("firing", ["a"])
    take(app.driver)
    for _ in range(3):
        clock.step(EVERY)
        look(app)
    assert brief(told) == [("deep", "a", "firing", 3), ("deep", "a", "resolved", 0)]
    assert [each.state for each in app.alerts.list()] == ["ok"]


def test_an_alert_goes_on_until_it_is_well_below_its_threshold(
    app: Conveyor, clock: FakeClock, told: list[Alert]
) -> None:
    app.alerts.add("deep", QueueDepth(5), for_=0, clear=2)
    app.driver.push(jobs(6))
    for leave in (6, 5, 3, 6, 4, 2):
        app.driver.push(jobs(max(0, leave - app.driver.counts(["a"])[0].by_priority[500].ready)))
        while app.driver.counts(["a"])[0].by_priority[500].ready > leave:
            take_one(app.driver)
        look(app)
        clock.step(EVERY)

    assert brief(told) == [("deep", "a", "firing", 6), ("deep", "a", "resolved", 2)]


def test_a_worker_that_starts_neither_repeats_nor_forgets(app: Conveyor, clock: FakeClock, told: list[Alert]) -> None:
    app.alerts.add("deep", QueueDepth(2), for_=60)
    app.driver.push(jobs(3))
    for number in range(10):
        # Each look is by a worker that knows nothing of those before.
        look(app, f"w{number}")
        clock.step(EVERY)

    assert brief(told) == [("deep", "a", "firing", 3)]


def test_looks_are_half_a_minute_apart_however_many_workers_there_are(app: Conveyor, clock: FakeClock) -> None:
    seen: list[int] = []

    class Counted(QueueDepth):
        def values(self, sight: Sight) -> dict[str, float]:
            seen.append(clock.now)
            return {}

    app.alerts.add("deep", Counted(2))
    workers = [Lookout(app, f"w{number}") for number in range(4)]

    for _ in range(60):
        for worker in workers:
            assert worker.run_once() <= EVERY + 0.5
        clock.step(1)

    assert len(seen) == 2
    # A clock that was set back does not stop the looking.
    clock.step(-3600)
    look(app)
    assert len(seen) == 3


def test_one_worker_looks_at_a_time(app: Conveyor, clock: FakeClock, told: list[Alert]) -> None:
    app.alerts.add("deep", QueueDepth(2), for_=0)
    app.driver.push(jobs(3))
    app.driver.acquire_lock(LOCK, "another", 30)

    look(app)
    assert told == []
    clock.step(30)
    look(app)

    assert len(told) == 1
    assert app.locks() == []


# ── what is looked at ────────────────────────────────────────────────────────────────────────────────────────────────


def fires(app: Conveyor, clock: FakeClock, condition: Condition) -> set[str]:
    """For which subjects it fires."""
    name = f"r{len(app.alerts.rules)}"
    app.alerts.add(name, condition, for_=0)
    clock.step(EVERY)
    look(app)
    (status,) = [each for each in app.alerts.list() if each.name == name]
    return {each.subject for each in status.subjects}


def test_queues_are_looked_at(app: Conveyor, clock: FakeClock) -> None:
    app.driver.push(jobs(3, "a"))
    app.driver.push(jobs(1, "b"))
    take_one(app.driver, "b")
    app.driver.push(jobs(1, "b"))
    clock.step(100)

    assert fires(app, clock, QueueDepth(2)) == {"a"}
    assert fires(app, clock, OldestWaiting(90)) == {"a", "b"}
    assert fires(app, clock, OldestWaiting(90, queue="b")) == {"b"}
    assert fires(app, clock, StalledQueue(60)) == {"a"}


def test_dead_letters_are_looked_at(app: Conveyor, clock: FakeClock) -> None:
    bury(app, 3)
    bury(app, 1, "b")

    assert fires(app, clock, DeadLetterSize(2)) == {"a"}
    assert fires(app, clock, DeadLetterGrowth(2, window=600)) == set()
    bury(app, 3, "b")
    clock.step(EVERY)
    look(app)
    assert [each.subject for each in app.alerts.list()[-1].subjects] == ["b"]
    # After the window it is as it was.
    for _ in range(12):
        clock.step(60)
        look(app)
    assert app.alerts.list()[-1].subjects == ()


def test_runs_are_looked_at(app: Conveyor, clock: FakeClock) -> None:
    ran(app, clock, 100, failed=6)
    ran(app, clock, 100, failed=4, seconds=9, type="slow", queue="b")

    assert fires(app, clock, FailureRate(0.05)) == {"a"}
    assert fires(app, clock, FailureRate(0.01, queue="b")) == {"b"}
    assert fires(app, clock, FailureRate(0.05, type="t")) == {"t"}
    assert fires(app, clock, SlowJobs(5)) == {"slow"}
    # Who reads no more of them ends, when the window is over.
    for _ in range(12):
        clock.step(60)
        look(app)
    assert {each.state for each in app.alerts.list()} == {"ok"}


def test_workers_are_looked_at(app: Conveyor, clock: FakeClock) -> None:
    assert fires(app, clock, MissingWorkers(1)) == {""}
    app.driver.beat(WorkerRecord(name="w", queues=("a",), host="h", pid=7, started_at=clock.now, state="running"))
    assert fires(app, clock, MissingWorkers(1, queue="b")) == {"b"}
    assert {each.name: each.state for each in app.alerts.list()} == {"r0": "ok", "r1": "firing"}


def test_a_condition_that_breaks_stops_no_other(
    app: Conveyor, clock: FakeClock, told: list[Alert], caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(QueueDepth):
        def values(self, sight: Sight) -> dict[str, float]:
            raise ZeroDivisionError

    app.alerts.add("a broken one", Broken(1))
    app.alerts.add("deep", QueueDepth(2), for_=0)
    app.driver.push(jobs(3))
    worker = Lookout(app, "w")
    for _ in range(3):
        worker.run_once()
        clock.step(EVERY)

    assert brief(told) == [("deep", "a", "firing", 3)]
    assert [record.getMessage() for record in caplog.records if record.exc_info] == [
        "the alert 'a broken one' cannot be looked at, and stays as it is"
    ]


# ── who is told ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_webhook_is_signed_and_stamped(app: Conveyor, receiver: Receiver) -> None:
    app.alerts.add("deep", QueueDepth(2), for_=0, to=WebhookSink(receiver.url, secret=SECRET, headers={"X-Team": "7"}))
    app.driver.push(jobs(3))

    look(app)

    (got,) = receiver.got
    assert got.alert["message"] == "queue 'a': 3 jobs are ready (limit 2)"
    assert (got.headers["content-type"], got.headers["x-team"]) == ("application/json", "7")
    assert got.headers["webhook-id"] == got.alert["id"]
    stamp = got.headers["webhook-timestamp"]
    assert abs(int(stamp) - time.time()) < 60
    signed = f"{got.alert['id']}.{stamp}.".encode() + got.body
    expected = base64.b64encode(hmac.digest(SECRET, signed, "sha256")).decode()
    assert got.headers["webhook-signature"] == f"v1,{expected}"


def test_a_sink_that_fails_is_tried_again_ever_more_slowly_and_nothing_is_lost(
    app: Conveyor, clock: FakeClock, told: list[Alert], receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [503, 302, 404]
    app.alerts.send_to(WebhookSink(receiver.url, name="hook"))
    app.alerts.add("deep", QueueDepth(2), for_=0)
    app.driver.push(jobs(3))

    began = clock.now
    look(app)
    # The other sink has had it at once.
    assert brief(told) == [("deep", "a", "firing", 3)]
    (status,) = app.alerts.list()
    assert (status.untold, status.error) == (1, "WebhookRefused: hook answered 503 Service Unavailable")
    take(app.driver)
    while not receiver.got:
        clock.step(1)
        look(app)

    # After 5, 10 and 20 s; and what came meanwhile waited for its turn.
    assert (clock.now - began) / SECOND == 5 + 10 + 20
    assert receiver.told == [("deep", "a", "firing"), ("deep", "a", "resolved")]
    assert brief(told) == [("deep", "a", "firing", 3), ("deep", "a", "resolved", 0)]
    assert [each.untold for each in app.alerts.list()] == [0]
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [text.partition(": ")[0] for text in warnings if "hook" in text] == [
        f"cannot tell hook, trying again in {pause} s" for pause in (5, 10, 20)
    ]


def test_a_sink_that_hangs_is_left_after_its_time(app: Conveyor, clock: FakeClock, receiver: Receiver) -> None:
    receiver.hang = threading.Event()
    app.alerts.add("deep", QueueDepth(2), for_=0, to=WebhookSink(receiver.url, timeout=0.2, name="hook"))
    app.driver.push(jobs(3))
    worker = Lookout(app, "w")

    began = time.monotonic()
    worker.run_once()
    assert time.monotonic() - began < 5
    assert app.alerts.list()[0].untold == 1
    receiver.hang.set()
    for _ in range(100):
        clock.step(5)
        worker.run_once()
        if app.alerts.list()[0].untold == 0:
            break
        time.sleep(0.01)

    assert app.alerts.list()[0].untold == 0
    assert {each.alert["id"] for each in receiver.got} == {receiver.got[0].alert["id"]}


def test_an_alert_that_a_worker_died_with_is_told_by_the_next(
    app: Conveyor, clock: FakeClock, told: list[Alert]
) -> None:
    class Deadly(BaseException):
        pass

    class Dying(Lookout):
        def _written(self, book: Any) -> Any:
            super()._written(book)
            # It has written that it tries, and dies before it does.
            raise Deadly

    app.alerts.add("deep", QueueDepth(2), for_=0)
    app.driver.push(jobs(3))
    with pytest.raises(Deadly):
        Dying(app, "w1").run_once()

    assert told == []
    clock.step(5)
    look(app, "w2")
    assert brief(told) == [("deep", "a", "firing", 3)]


def test_a_mail_says_it_all(app: Conveyor, clock: FakeClock, box: Postbox) -> None:
    sink = EmailSink("ops@example.org", sender="conveyor@example.org", host="127.0.0.1", port=box.port, security="none")
    app.alerts.add("deep", QueueDepth(2), for_=0, severity="critical", to=sink)
    app.driver.push(jobs(3))
    box.refuses = True
    look(app)
    assert box.mails == []
    assert "550" in app.alerts.list()[0].error

    box.refuses = False
    clock.step(5)
    look(app)

    (mail,) = box.mails
    assert "Subject: CRITICAL deep firing: queue 'a': 3 jobs are ready (limit 2)\r\n" in mail
    assert "To: ops@example.org\r\n" in mail
    assert "severity: critical\r\n" in mail


def test_the_log_is_told_at_the_level_of_the_severity(
    app: Conveyor, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "conveyor.alerts")
    app.alerts.add("deep", QueueDepth(2), for_=0, severity="critical")
    app.driver.push(jobs(3))
    look(app)
    take(app.driver)
    clock.step(EVERY)
    look(app)

    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("CRITICAL", "CRITICAL deep firing: queue 'a': 3 jobs are ready (limit 2)"),
        ("INFO", "CRITICAL deep resolved: queue 'a': 0 jobs are ready (limit 2)"),
    ]
    assert vars(caplog.records[0])["alert"]["subject"] == "a"


@pytest.mark.parametrize("takes", ["alert", "dict"])
def test_a_job_is_pushed_once_with_the_alert(app: Conveyor, clock: FakeClock, takes: str) -> None:
    def page(alert: Any) -> None: ...

    page.__annotations__ = {"alert": Alert if takes == "alert" else dict[str, Any], "return": None}
    app.alerts.add("deep", QueueDepth(2, queue="a"), for_=0, to=app.job("page", queue="ops")(page))
    app.driver.push(jobs(3))
    look(app)
    (sink,) = app.alerts.sinks_of(app.alerts.rules[0])
    assert isinstance(sink, JobSink)

    (job,) = app.driver.find(Filter(queues=("ops",))).jobs
    assert "jobs are ready" in job.payload


def test_a_job_sink_that_is_told_twice_pushes_once(app: Conveyor) -> None:
    @app.job("page", queue="ops")
    def page(alert: Alert) -> None: ...

    from conveyor.alerts.sinks import sample

    sink = JobSink(app, page)
    sink.send(sample())
    sink.send(sample())

    (job,) = app.driver.find(Filter(queues=("ops",))).jobs
    assert str(job.id) == sample().id


# ── tests and lists ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_test_goes_through_all_sinks_and_tells_how(app: Conveyor, told: list[Alert], receiver: Receiver) -> None:
    receiver.answers = [500]
    app.alerts.send_to(WebhookSink(receiver.url, name="hook"))
    app.alerts.add("deep", QueueDepth(2), severity="info")

    answers = app.alerts.test("deep")

    assert [(each.sink, each.error) for each in answers] == [
        ("log", ""),
        ("list", ""),
        ("hook", "WebhookRefused: hook answered 500 Internal Server Error"),
    ]
    assert told[0].state is AlertState.TEST
    assert told[0].message == "a test of the alert on ready jobs above 2; nothing has happened"
    assert read_book(app.driver).rules == {}
    with pytest.raises(AlertNotFound, match=r"'depe' \(there are: 'deep'\)"):
        app.alerts.test("depe")


def test_rules_of_other_applications_are_listed_and_left_alone(
    app: Conveyor, clock: FakeClock, told: list[Alert]
) -> None:
    app.alerts.add("deep", QueueDepth(2), for_=0, severity="critical")
    app.driver.push(jobs(3))
    look(app)
    other = Conveyor(app.url, clock=clock)
    other._driver = app.driver
    other.alerts.clear()
    other.alerts.add("dead", DeadLetterSize(1))
    clock.step(EVERY)
    other.alerts.look()

    found = {each.name: each for each in other.alerts.list()}
    assert (found["deep"].state, found["deep"].severity, found["deep"].condition) == (
        "firing",
        Severity.CRITICAL,
        "ready jobs above 2",
    )
    assert found["dead"].state == "ok"
    assert len(told) == 1
    # Nobody has looked at it for a week: it is forgotten.
    clock.step(KEPT)
    other.alerts.look()
    assert [each.name for each in other.alerts.list()] == ["dead"]


def test_what_cannot_be_read_begins_anew(app: Conveyor, told: list[Alert], caplog: pytest.LogCaptureFixture) -> None:
    app.driver.write_memo("alerts", '{"rules": 7}')
    app.alerts.add("deep", QueueDepth(2), for_=0)
    app.driver.push(jobs(3))

    look(app)

    assert len(told) == 1
    assert "begin anew" in caplog.text


def test_every_method_that_asks_the_store_has_an_async_twin(app: Conveyor) -> None:
    for name in ("list", "test", "look"):
        assert inspect.signature(getattr(Alerts, name)) == inspect.signature(getattr(Alerts, f"a{name}")), name
    app.alerts.add("deep", QueueDepth(2))

    async def work() -> None:
        assert [each.state for each in await app.alerts.alist()] == ["new"]
        assert [each.error for each in await app.alerts.atest("deep")] == ["", ""]
        assert [each.state for each in await app.alerts.alook()] == ["ok"]

    asyncio.run(work())
