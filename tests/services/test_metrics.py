from __future__ import annotations

import asyncio
import inspect
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from conveyor import Conveyor, InvalidValue, JobNotFound, JobStatus, Metrics
from conveyor.ids import new_id
from conveyor.lifecycle import after_success
from conveyor.measurements import MINUTE, Measurements
from conveyor.measures import JobMetrics, Memory
from conveyor.sketch import bucket_of
from conveyor.times import SECOND, moment
from tests.contract.stores import KINDS, START, FakeClock, Kind, a_job


def ran(
    app: Conveyor,
    ago: float = 0.0,
    *,
    type: str = "t",
    queue: str = "q",
    durations: tuple[int, ...] = (SECOND,),
    failed: bool = False,
    retried: bool = False,
    peak: int = 0,
) -> None:
    """Runs of so many microseconds, which waited twice as long, have ended so many seconds ago."""
    measured = Measurements()
    tally = measured.tally(type, queue, (app.driver.now() - round(ago * SECOND)) // MINUTE)
    tally.runs(durations, [2 * each for each in durations], failed=failed, retried=retried)
    if peak:
        tally.weigh(peak)
    app.driver.add_metrics(measured.take())


def about(value: float) -> Any:
    return pytest.approx(value, rel=0.0201)


def test_figures_say_how_many_how_long_and_how_well(app: Conveyor) -> None:
    ran(app, durations=tuple(range(1000, 101_000, 1000)), peak=100 << 20)
    ran(app, durations=(SECOND,) * 20, failed=True, retried=True, peak=300 << 20)
    ran(app, durations=(SECOND,) * 5, failed=True)

    figures = app.metrics.total()

    assert (figures.executions, figures.completed, figures.failed, figures.retried) == (125, 100, 25, 20)
    assert figures.success_rate == 0.8
    assert figures.throughput == pytest.approx(125 / figures.window)
    assert figures.run.average == pytest.approx((5.05 + 25) / 125)
    assert figures.run.p50 == about(0.063)
    assert (figures.run.p95, figures.run.p99, figures.run.maximum) == (about(1), about(1), about(1))
    assert figures.wait.average == pytest.approx(2 * (5.05 + 25) / 125)
    assert figures.wait.p50 == about(0.126)
    assert figures.average_memory == about(200 << 20)
    assert figures.peak_memory == about(300 << 20)


@given(st.lists(st.integers(1, 10**11), min_size=1, max_size=20), st.integers(1, 50))
def test_no_figure_is_above_the_maximum_and_none_is_more_than_2_percent_off(durations: list[int], times: int) -> None:
    app = Conveyor("memory://figures")
    try:
        ran(app, durations=tuple(durations) * times)

        run = app.metrics.total().run
    finally:
        app.close()

    assert run.average is not None
    assert run.maximum is not None
    assert run.p50 is not None
    assert run.p95 is not None
    assert run.p99 is not None
    assert run.average <= run.maximum * (1 + 1e-12)
    assert run.p50 <= run.p95 <= run.p99 <= run.maximum
    assert run.average == pytest.approx(sum(durations) / len(durations) / SECOND)
    assert run.maximum == about(max(durations) / SECOND)


def test_figures_are_told_by_type_and_by_queue(app: Conveyor) -> None:
    for type, queue in (("t", "q"), ("t", "r"), ("s", "q")):
        ran(app, type=type, queue=queue)

    metrics = app.metrics

    assert [(one.type, one.queue, one.executions) for one in metrics.types()] == [("s", None, 1), ("t", None, 2)]
    assert [(one.type, one.queue, one.executions) for one in metrics.queues()] == [(None, "q", 2), (None, "r", 1)]
    assert [(one.type, one.queue) for one in metrics.types(queue="r")] == [("t", "r")]
    assert [(one.type, one.queue) for one in metrics.queues(type="s")] == [("s", "q")]
    assert metrics.total(type="t", queue="q").executions == 1
    assert metrics.total(type="none").executions == 0


def test_without_runs_there_is_nothing_to_say(app: Conveyor) -> None:
    figures = app.metrics.total("day")

    assert (figures.executions, figures.success_rate, figures.throughput) == (0, None, 0)
    assert (figures.run.average, figures.run.p99, figures.peak_memory) == (None, None, None)
    assert app.metrics.types() == []


@pytest.mark.parametrize(
    ("window", "count"),
    [
        ("minute", 1),
        (60, 1),
        (61, 2),
        ("hour", 3),
        (timedelta(hours=3), 4),
        ("day", 5),
        (timedelta(days=3), 6),
        (timedelta(days=8), 7),
    ],
)
def test_a_window_is_counted_by_minutes_hours_or_days(app: Conveyor, clock: FakeClock, window: Any, count: int) -> None:
    clock.now = START // (1440 * MINUTE) * 1440 * MINUTE + 12 * 3600 * SECOND
    for ago in (0, 60, 3000, 9000, 11 * 3600, 2 * 86_400, 7 * 86_400):
        ran(app, ago)

    figures = app.metrics.total(window)

    assert figures.executions == count
    length = {"minute": 60.0, "hour": 3600.0, "day": 86_400.0}.get(window) if isinstance(window, str) else window
    asked = length.total_seconds() if isinstance(length, timedelta) else length
    assert asked is not None
    # The present span is not over yet, so it is looked at in place of one that is.
    span = 60 if asked <= 3 * 3600 else 3600 if asked <= 3 * 86_400 else 86_400
    assert asked - span <= figures.window <= asked + span


@pytest.mark.parametrize(
    ("window", "problem"),
    [("week", "give minute, hour, day"), (0, "window is 0"), (-1, "window is -1"), ([], "window")],
)
def test_a_window_that_cannot_be_is_refused(app: Conveyor, window: Any, problem: str) -> None:
    with pytest.raises(InvalidValue, match=problem):
        app.metrics.total(window)


def test_one_job_in_numbers(app: Conveyor, clock: FakeClock) -> None:
    @app.job("work")
    def work() -> None:
        """Work."""

    handle = work.push()
    waiting = app.metrics.job(handle.id)
    assert (waiting.status, waiting.attempts) == (JobStatus.PENDING, 0)
    assert (waiting.wait_time, waiting.execution_time, waiting.last_attempt) == (None, None, None)
    clock.step(5)
    (claim,) = app.driver.claim(["default"], limit=1, lease=30, worker="w")
    assert app.metrics.job(handle.id).wait_time == 5
    clock.step(3)
    memory = Memory(1 << 20, 2 << 20, 3 << 20)
    app.driver.settle([replace(after_success(claim, None, started_at=clock.now - 2 * SECOND), memory=memory)])

    figures = app.metrics.job(str(handle.id))

    assert (figures.status, figures.attempts, figures.failures) == (JobStatus.COMPLETED, 1, 0)
    assert (figures.execution_time, figures.wait_time) == (2, 6)
    assert figures.last_attempt == moment(START + 6 * SECOND)
    assert figures.memory == memory
    with pytest.raises(JobNotFound):
        app.metrics.job(new_id())


def test_a_job_whose_worker_had_a_clock_of_its_own_took_no_less_than_no_time(app: Conveyor, clock: FakeClock) -> None:
    (id,) = app.driver.push([a_job()])
    (claim,) = app.driver.claim(["a"], limit=1, lease=30, worker="w")
    app.driver.settle([after_success(claim, None, started_at=clock.now + 60 * SECOND)])

    assert app.metrics.job(id).execution_time == 0


PAGES = ("page_count", "freelist_count", "page_size")


def room_of_sqlite(url: str) -> int:
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
        pages, free, each = (file.execute(f"PRAGMA {name}").fetchone()[0] for name in PAGES)
        return int((pages - free) * each)


def room_of_redis(url: str) -> int:
    client: Any = redis.Redis(port=urlsplit(url).port or 0, protocol=2)
    with closing(client):
        keys = list(client.scan_iter(f"{url.partition('prefix=')[2]}:metrics:*", count=10_000))
        return sum(client.memory_usage(key, samples=0) or 0 for key in keys)


def room_of_postgres(url: str) -> int:
    plain, _, schema = url.partition("&schema=")
    with closing(psycopg.connect(plain)) as connection:
        row = connection.execute(
            "SELECT pg_total_relation_size(%s::regclass)", [f"{schema or 'conveyor'}.metric"]
        ).fetchone()
        assert row is not None
        return int(row[0])


ROOM: dict[str, Callable[[str], int]] = {
    "sqlite": room_of_sqlite,
    "valkey": room_of_redis,
    "redis": room_of_redis,
    "postgres": room_of_postgres,
    "system-postgres": room_of_postgres,
}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.name in ROOM], ids=lambda kind: kind.name)
def test_a_store_gives_a_type_and_day_20_kib_at_most(kind: Kind, tmp_path: Path) -> None:
    """A busy day: durations and waits from a millisecond to a quarter of an hour, peaks from 50 MiB to 2 GiB."""
    types, day = 50, START // MINUTE // 1440 * 1440
    app = Conveyor(url := kind.url(tmp_path))
    times = dict.fromkeys(range(bucket_of(1000), bucket_of(900 * SECOND)), 12_345)
    peaks = dict.fromkeys(range(bucket_of(50 << 20), bucket_of(2 << 30)), 12_345)
    try:
        assert app.driver.counts() == []
        before = ROOM[kind.name](url)
        app.driver.add_metrics(
            [
                JobMetrics(
                    minute=day,
                    span=1440,
                    type=f"some.job.type.{number}",
                    queue="some-queue",
                    completed=10**7,
                    failed=10**6,
                    duration_us=10**13,
                    waited_us=10**13,
                    buckets=times,
                    waits=times,
                    memory=peaks,
                )
                for number in range(types)
            ]
        )
        taken = (ROOM[kind.name](url) - before) / types
    finally:
        app.close()

    assert 100 < taken < 20 * 1024, taken


def test_every_method_has_an_async_twin_of_the_same_signature(app: Conveyor) -> None:
    names = [name for name in vars(Metrics) if not name.startswith("_")]
    sync = [name for name in names if not inspect.iscoroutinefunction(getattr(Metrics, name))]
    assert sorted(names) == sorted([*sync, *[f"a{name}" for name in sync]])
    for name in sync:
        assert inspect.signature(getattr(Metrics, name)) == inspect.signature(getattr(Metrics, f"a{name}")), name
    ran(app)

    async def work() -> None:
        assert (await app.metrics.atotal()).executions == 1
        assert [one.type for one in await app.metrics.atypes()] == ["t"]
        assert [one.queue for one in await app.metrics.aqueues()] == ["q"]
        with pytest.raises(JobNotFound):
            await app.metrics.ajob(new_id())

    asyncio.run(work())
