"""One job a slot on every store, however many workers look, whatever their clocks say, and whenever they die."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import pytest

from conveyor import Conveyor, DuplicateSchedule, ScheduleNotFound, StoreUnavailable
from conveyor.drivers.base import Driver
from conveyor.lifecycle import after_success
from conveyor.records import JobId, ScheduleBook, ScheduleRecord
from conveyor.scheduler import LOOK, SPREAD, Scheduler
from conveyor.times import SECOND, moment
from tests.contract.stores import START, FakeClock, Store, every, take_one

MINUTE = 60 * SECOND
FIRST = (START // MINUTE + 1) * MINUTE
"""The first whole minute of a test."""


@pytest.fixture
def make(store: Store) -> Generator[Callable[..., Conveyor]]:
    """Applications on the store, one for each worker; each may have a clock of its own."""
    made: list[Conveyor] = []

    def application(clock: FakeClock | None = None, **schedule: Any) -> Conveyor:
        app = Conveyor(store.url, clock=clock or store.clock, queue="a")

        @app.job("tick")
        def tick() -> None: ...

        if schedule:
            app.every(tick, minutes=1, name="minutely", **schedule)
        made.append(app)
        return app

    # The store lives as long as the test, whoever closes it.
    store.open()
    yield application
    for app in made:
        app.close()


def together(apps: list[Conveyor], schedulers: list[Scheduler]) -> None:
    """A round of all at once: everybody has read the schedules before anybody pushes."""
    have_read = threading.Barrier(len(apps))

    def look(app: Conveyor, scheduler: Scheduler) -> None:
        driver = app.driver
        read = driver.schedules

        def read_and_wait() -> ScheduleBook:
            book = read()
            have_read.wait(10)
            return book

        driver.schedules = read_and_wait  # type: ignore[method-assign]
        try:
            scheduler.run_once()
        finally:
            driver.schedules = read  # type: ignore[method-assign]

    threads = [threading.Thread(target=look, args=pair) for pair in zip(apps, schedulers, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_ten_workers_push_one_job_for_each_slot(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock, missed: str
) -> None:
    apps = [make(missed=missed) for _ in range(10)]
    schedulers = [Scheduler(app) for app in apps]

    together(apps, schedulers)
    for _ in range(5):
        clock.step(60)
        together(apps, schedulers)

    assert len(every(driver)) == 5
    (record,) = driver.schedules().schedules
    assert record.handled_at == FIRST + 4 * MINUTE


@pytest.mark.parametrize("missed", ["skip", "once", "all"])
def test_clocks_that_differ_by_a_minute_push_one_job_for_each_slot(
    make: Callable[..., Conveyor], driver: Driver, missed: str
) -> None:
    clocks = [FakeClock(START + ahead * 20 * SECOND) for ahead in range(4)]
    apps = [make(clock, missed=missed) for clock in clocks]
    schedulers = [Scheduler(app) for app in apps]

    together(apps, schedulers)
    for _ in range(60):
        for clock in clocks:
            clock.step(7.3)
        together(apps, schedulers)

    # From what the last clock saw come to what the first one did.
    expected = range((START // MINUTE + 2) * MINUTE, clocks[0].now, MINUTE)
    by_slot = Counter(job_slot(job.due_at) for job in every(driver))
    assert len(expected) >= 5
    assert set(by_slot.values()) == {1}
    assert set(expected) <= set(by_slot)


@pytest.mark.parametrize("missed", ["skip", "all"])
def test_ten_workers_that_die_and_whose_clocks_differ_push_one_job_for_each_slot(
    make: Callable[..., Conveyor], driver: Driver, missed: str
) -> None:
    """Of ten workers a round, each dies at the worst moments now and then; those that come after look on."""
    chance = random.Random(7)
    clocks = [FakeClock(START + round(ahead * 60 / 9) * SECOND) for ahead in range(10)]
    apps = [make(clock, missed=missed) for clock in clocks]
    schedulers = [Scheduler(app) for app in apps]

    def die(*_: object, **__: object) -> Any:
        raise StoreUnavailable("the worker dies here")

    together(apps, schedulers)
    for _ in range(30):
        for clock in clocks:
            clock.step(11)
        for app, scheduler in zip(apps, schedulers, strict=True):
            # Before its push, after it, or not at all.
            name = chance.choice(["push", "change_schedule", ""])
            with pytest.MonkeyPatch.context() as patch, suppress(StoreUnavailable):
                if name:
                    patch.setattr(app.driver, name, die)
                scheduler.run_once()

    by_slot = Counter(job_slot(job.due_at) for job in every(driver))
    expected = range((START // MINUTE + 2) * MINUTE, clocks[0].now, MINUTE)
    assert len(expected) >= 4
    assert set(by_slot.values()) == {1}
    assert set(expected) <= set(by_slot)


def test_stored_schedules_are_added_listed_foretold_paused_run_and_removed(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock
) -> None:
    schedules = make().schedules

    added = schedules.add("five", 300, "tick", jitter=1, missed="once", overlap="skip")
    assert schedules.list() == [added] == [schedules.get("five")]
    assert (added.timing, added.missed, added.overlap, added.is_paused) == ("every 5 minutes", "once", "skip", False)
    first = (START // (5 * MINUTE) + 1) * 5 * MINUTE
    assert schedules.next("five", 2) == [moment(first), moment(first + 5 * MINUTE)]
    with pytest.raises(DuplicateSchedule):
        schedules.add("five", 60, "tick")
    assert schedules.add("five", "0 8 * * *", "tick", replace=True).timing == "0 8 * * *"

    handle = schedules.run_now("five")
    assert [job.id for job in every(driver)] == [handle.id]
    schedules.pause("five")
    assert (schedules.get("five").is_paused, schedules.get("five").next_at) == (True, None)
    schedules.resume("five")
    assert not schedules.get("five").is_paused
    schedules.remove("five")
    assert schedules.list() == []
    for gone in (schedules.get, schedules.next, schedules.run_now, schedules.pause, schedules.resume, schedules.remove):
        with pytest.raises(ScheduleNotFound):
            gone("five")


def job_slot(due_at: int) -> int:
    """The minute that a job was pushed for: it became due then, or when it was pushed, some seconds later."""
    return due_at // MINUTE * MINUTE


def test_a_worker_that_dies_after_its_push_leaves_no_second_job(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock
) -> None:
    dying, other = make(missed="all"), make(missed="all")
    Scheduler(dying).run_once()
    clock.step(60)

    def die(*_: object, **__: object) -> bool:
        raise StoreUnavailable("the worker dies here")

    dying.driver.change_schedule = die  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        Scheduler(dying).run_once()
    assert len(every(driver)) == 1
    Scheduler(other).run_once()

    assert len(every(driver)) == 1
    assert driver.schedules().schedules[0].handled_at == FIRST


def test_a_worker_that_dies_before_its_push_is_made_up_for(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock
) -> None:
    dying, other = make(missed="skip"), make(missed="skip")
    Scheduler(dying).run_once()
    clock.step(60)

    def die(*_: object, **__: object) -> list[JobId]:
        raise StoreUnavailable("the worker dies here")

    dying.driver.push = die  # type: ignore[method-assign]
    with pytest.raises(StoreUnavailable):
        Scheduler(dying).run_once()
    Scheduler(other).run_once()

    assert len(every(driver)) == 1


def test_a_round_ends_when_the_next_slot_comes(make: Callable[..., Conveyor], clock: FakeClock) -> None:
    scheduler = Scheduler(make(missed="skip"))
    clock.now = FIRST - 3 * SECOND

    assert 3.0 <= scheduler.run_once() <= 3.0 + SPREAD
    clock.now = FIRST - 30 * SECOND
    assert LOOK <= scheduler.run_once() <= LOOK + SPREAD


def test_the_time_of_a_schedule_begins_when_a_worker_first_sees_it(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock
) -> None:
    scheduler = Scheduler(make(missed="all"))

    scheduler.run_once()
    assert every(driver) == []
    clock.step(60)
    scheduler.run_once()

    assert len(every(driver)) == 1


def test_a_job_is_due_at_its_slot_with_its_jitter(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock
) -> None:
    app = make(jitter=3600)
    Scheduler(app).run_once()
    clock.now = FIRST
    Scheduler(app).run_once()

    (job,) = every(driver)
    assert FIRST < job.due_at < FIRST + 3600 * SECOND


def test_what_was_missed_is_passed_over_or_made_up_for(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock
) -> None:
    app = make()
    for missed in ("skip", "once", "all"):
        app.cron("0 * * * *", "tick", name=missed, missed=missed, overlap="allow")
    Scheduler(app).run_once()

    clock.now = (START // (3600 * SECOND) + 3) * 3600 * SECOND + 120 * SECOND
    Scheduler(app).run_once()
    Scheduler(app).run_once()

    assert len(every(driver)) == 0 + 1 + 3


def test_without_overlap_a_slot_is_passed_over_while_an_earlier_job_is_active(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock
) -> None:
    scheduler = Scheduler(make(overlap="skip"))
    scheduler.run_once()
    for _ in range(3):
        clock.step(60)
        scheduler.run_once()
    (first,) = every(driver)

    driver.settle([after_success(take_one(driver), None)])
    scheduler.run_once()
    assert [job.id for job in every(driver)] == [first.id]
    clock.step(60)
    scheduler.run_once()

    assert len(every(driver)) == 2


def test_a_paused_schedule_pushes_nothing_and_goes_on_with_the_next_slot_after_its_pause(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock
) -> None:
    app = make(missed="all")
    scheduler = Scheduler(app)
    app.schedules.pause("minutely")

    for _ in range(3):
        clock.step(60)
        scheduler.run_once()
    assert every(driver) == []
    app.schedules.resume("minutely")
    scheduler.run_once()
    assert every(driver) == []
    clock.step(60)
    scheduler.run_once()

    assert len(every(driver)) == 1


def test_a_stored_schedule_is_pushed_by_workers_that_do_not_know_its_job(
    make: Callable[..., Conveyor], driver: Driver, store: Store, clock: FakeClock
) -> None:
    app = make()
    shown = app.schedules.add("digest", "* * * * *", "tick", overlap="skip", missed="once")
    stranger = Conveyor(store.url, clock=clock)

    assert (shown.timing, shown.job_type, shown.is_declared, shown.next_at) == (
        "* * * * *",
        "tick",
        False,
        moment(FIRST),
    )
    clock.step(60)
    Scheduler(stranger).run_once()
    stranger.close()

    (job,) = every(driver)
    assert (job.type, job.queue, job.unique) == ("tick", "a", "schedule:digest")
    app.schedules.remove("digest")
    clock.step(60)
    Scheduler(app).run_once()
    assert len(every(driver)) == 1


def test_one_schedule_that_cannot_push_is_said_once_and_does_not_hold_up_the_others(
    make: Callable[..., Conveyor], driver: Driver, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    driver.add_schedule(ScheduleRecord(name="a broken one", spec="{}", handled_at=START))
    app = make(missed="skip")
    scheduler = Scheduler(app)
    scheduler.run_once()
    clock.step(60)

    assert scheduler.run_once() <= LOOK + SPREAD

    assert len(every(driver)) == 1
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert len(said) == 1
    assert "the schedule 'a broken one' cannot push" in said[0]
    assert [(each.name, each.timing) for each in app.schedules.list()] == [
        ("a broken one", "unreadable"),
        ("minutely", "every minute"),
    ]


def test_a_push_by_hand_touches_no_slot(make: Callable[..., Conveyor], driver: Driver, clock: FakeClock) -> None:
    app = make(missed="skip")
    Scheduler(app).run_once()

    by_hand = app.schedules.run_now("minutely")
    clock.step(60)
    Scheduler(app).run_once()

    jobs = every(driver)
    assert len(jobs) == 2
    assert by_hand.id in {job.id for job in jobs}
