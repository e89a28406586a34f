"""Schedules as users declare, keep and steer them."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from conveyor import (
    ConfigError,
    Conveyor,
    DuplicateSchedule,
    InvalidValue,
    Job,
    JobPayload,
    PayloadError,
    ScheduleNotFound,
    Schedules,
    UnknownJobType,
)
from conveyor.records import ScheduleRecord
from tests.contract.stores import START, FakeClock


@pytest.fixture
def digest(app: Conveyor) -> Job[..., Any]:
    @app.job("digest", queue="mail")
    def digest(user: int, kind: str = "short") -> None: ...

    return digest


@dataclass(frozen=True)
class Report:
    month: int

    def handle(self) -> None: ...


def test_what_the_code_declares_is_listed_with_when_it_comes_round(app: Conveyor, digest: Job[..., Any]) -> None:
    app.cron("0 8 * * *", digest, 7, timezone="Europe/Berlin", jitter=timedelta(minutes=1), missed="once")
    app.every(digest, 7, "long", minutes=5, name="often", overlap="skip")

    first, second = app.schedules.list()

    assert (first.name, first.timing, first.timezone, first.job_type, first.queue) == (
        "digest",
        "0 8 * * *",
        "Europe/Berlin",
        "digest",
        "mail",
    )
    assert (first.jitter, first.missed, first.overlap) == (60.0, "once", "allow")
    assert (second.name, second.timing, second.missed, second.overlap) == ("often", "every 5 minutes", "skip", "skip")
    assert (first.is_declared, first.is_paused, first.handled_at) == (True, False, None)
    morning = datetime(2026, 9, 22, 6, tzinfo=UTC)
    assert first.next_at == morning
    assert app.schedules.next("digest", 2) == [morning, morning + timedelta(days=1)]


def test_a_payload_a_call_an_instance_and_a_name_can_be_scheduled(app: Conveyor, digest: Job[..., Any]) -> None:
    app.job("report")(Report)
    app.every(JobPayload(digest.call(7), queue="slow", priority="low"), hours=1, name="payload")
    app.every(digest.call(7, kind="long"), hours=1, name="call")
    app.every(Report(3), hours=1)
    app.every("digest", 7, hours=1, name="name")

    payload, call, report, name = (app.schedules.run_now(each).info for each in ("payload", "call", "report", "name"))

    assert (payload.queue, payload.priority) == ("slow", 250)
    assert '"long"' in call.payload
    assert (report.type, name.type) == ("report", "digest")


@pytest.mark.parametrize(
    ("arguments", "options", "error", "says"),
    [
        (("61 * * * *", "digest", 7), {}, InvalidValue, "the cron expression '61 \\* \\* \\* \\*' cannot be"),
        (("@daily", "digest", 7), {"timezone": "Mars/Base"}, InvalidValue, "the time zone 'Mars/Base' is not known"),
        (("@daily", "digest", 7), {"missed": "never"}, InvalidValue, "missed is 'never'"),
        (("@daily", "digest", 7), {"name": ""}, InvalidValue, "a schedule's name is ''"),
        (("@daily", "digest", "seven"), {}, PayloadError, "digest"),
        (("@daily", print), {}, InvalidValue, "job is <built-in function print>"),
        (("@daily", Report(1)), {}, UnknownJobType, "Report"),
    ],
)
def test_what_cannot_be_scheduled_is_refused_where_it_is_declared(
    app: Conveyor,
    digest: Job[..., Any],
    arguments: tuple[Any, ...],
    options: dict[str, Any],
    error: type[Exception],
    says: str,
) -> None:
    with pytest.raises(error, match=says):
        app.cron(*arguments, **options)

    assert app.schedules.list() == []
    assert digest.name == "digest"


def test_a_payload_must_not_say_what_the_schedule_says(app: Conveyor, digest: Job[..., Any]) -> None:
    at = datetime(2026, 12, 24, tzinfo=UTC)

    with pytest.raises(InvalidValue, match="gives its jobs their own"):
        app.every(JobPayload(digest.call(7), delay=5), hours=1)
    with pytest.raises(InvalidValue, match="gives its jobs their own"):
        app.every(JobPayload(digest.call(7), run_at=at), hours=1)
    with pytest.raises(InvalidValue, match="gives its jobs their own"):
        app.every(JobPayload(digest.call(7), id="01890a5d-ac96-774b-bcce-b302099a8057"), hours=1)
    with pytest.raises(InvalidValue, match="give seconds or timedelta"):
        app.every(JobPayload(digest.call(7), expires=at), hours=1)
    with pytest.raises(InvalidValue, match="unique is 'u' and overlap is 'skip'"):
        app.every(JobPayload(digest.call(7), unique="u"), hours=1, overlap="skip")
    with pytest.raises(InvalidValue, match="has its arguments already"):
        app.every(digest.call(7), 8, hours=1)


def test_no_period_is_refused(app: Conveyor, digest: Job[..., Any]) -> None:
    with pytest.raises(InvalidValue, match="give a second or more"):
        app.every(digest, 7)


def test_two_schedules_of_one_name_are_refused(app: Conveyor, digest: Job[..., Any]) -> None:
    app.cron("0 8 * * *", digest, 7)

    with pytest.raises(DuplicateSchedule, match=r"a schedule 'digest' already: 0 8 \* \* \* in the code"):
        app.every(digest, 8, hours=1)
    with pytest.raises(DuplicateSchedule, match="one in the code"):
        app.schedules.add("digest", "@daily", digest, 7)
    app.schedules.add("other", "@daily", digest, 7)
    with pytest.raises(DuplicateSchedule, match="one in the store"):
        app.schedules.add("other", "@hourly", digest, 7)


def test_a_job_type_may_be_named_before_it_is_registered_and_is_checked_at_start(app: Conveyor) -> None:
    app.every("later", 7, hours=1)

    with pytest.raises(ConfigError, match="the schedule 'later' cannot work: no job of type 'later' is registered"):
        app.schedules.check()

    @app.job("later")
    def later(number: str) -> None: ...

    with pytest.raises(ConfigError, match=r"the schedule 'later' cannot work: .*number"):
        app.schedules.check()


def test_a_stored_schedule_of_a_declared_name_is_refused_at_start(app: Conveyor, digest: Job[..., Any]) -> None:
    app.schedules.add("nightly", "@daily", digest, 7)
    app.schedules.check()

    app.every(digest, 7, hours=1, name="nightly")

    with pytest.raises(ConfigError, match=r"two schedules are called 'nightly'.*conveyor schedule remove"):
        app.schedules.check()
    app.driver.remove_schedule("nightly")
    app.schedules.check()


def test_a_stored_schedule_can_be_replaced_and_keeps_its_pause(app: Conveyor, digest: Job[..., Any]) -> None:
    app.schedules.add("nightly", "@daily", digest, 7)
    app.schedules.pause("nightly")

    shown = app.schedules.add("nightly", timedelta(hours=2), digest, 8, replace=True)

    assert (shown.timing, shown.is_paused, shown.next_at) == ("every 2 hours", True, None)
    app.schedules.resume("nightly")
    assert not app.schedules.get("nightly").is_paused
    assert app.schedules.run_now("nightly").info.payload == digest.push(8).info.payload


def test_a_name_that_only_has_a_pause_left_is_free(app: Conveyor, digest: Job[..., Any]) -> None:
    app.driver.add_schedule(ScheduleRecord(name="once declared", paused=True, handled_at=START))

    assert app.schedules.list() == []
    shown = app.schedules.add("once declared", "@daily", digest, 7)

    assert shown.is_paused


def test_what_is_not_there_is_said_by_name(app: Conveyor, digest: Job[..., Any]) -> None:
    app.every(digest, 7, hours=1, name="declared")
    schedules = app.schedules

    for act in (schedules.get, schedules.next, schedules.run_now, schedules.pause, schedules.resume, schedules.remove):
        with pytest.raises(ScheduleNotFound, match="there is no schedule 'nothing'"):
            act("nothing")
    with pytest.raises(InvalidValue, match="stands in the code"):
        schedules.remove("declared")


def test_a_pause_of_what_no_worker_has_seen_is_kept(app: Conveyor, digest: Job[..., Any], clock: FakeClock) -> None:
    app.every(digest, 7, hours=1)

    app.schedules.pause("digest")
    app.schedules.pause("digest")
    assert (app.schedules.get("digest").is_paused, app.schedules.get("digest").next_at) == (True, None)
    clock.step(7200)
    app.schedules.resume("digest")

    shown = app.schedules.get("digest")
    assert shown.handled_at == datetime.fromtimestamp(clock.now // 1_000_000, UTC)
    assert shown.next_at is not None


def test_run_now_without_overlap_answers_the_job_that_is_active(app: Conveyor, digest: Job[..., Any]) -> None:
    app.every(digest, 7, hours=1, overlap="skip")

    assert app.schedules.run_now("digest") == app.schedules.run_now("digest")


def test_everything_has_an_async_twin_of_the_same_signature() -> None:
    names = [name for name in vars(Schedules) if f"a{name}" in vars(Schedules)]

    assert sorted(names) == ["add", "get", "list", "next", "pause", "remove", "resume", "run_now"]
    for name in names:
        assert inspect.signature(getattr(Schedules, name)) == inspect.signature(getattr(Schedules, f"a{name}")), name


def test_the_async_twins_do_what_the_others_do(app: Conveyor, digest: Job[..., Any]) -> None:
    async def story() -> None:
        await app.schedules.aadd("nightly", "@daily", digest, 7, missed="all", jitter=5)
        await app.schedules.apause("nightly")
        assert (await app.schedules.aget("nightly")).is_paused
        await app.schedules.aresume("nightly")
        (shown,) = await app.schedules.alist()
        assert (shown.missed, shown.jitter) == ("all", 5.0)
        assert len(await app.schedules.anext("nightly", 3)) == 3
        assert (await app.schedules.arun_now("nightly")).info.type == "digest"
        await app.schedules.aremove("nightly")

    asyncio.run(story())

    assert app.schedules.list() == []
