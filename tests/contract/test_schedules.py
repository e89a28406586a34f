"""The schedules that a store keeps."""

from __future__ import annotations

from conveyor.drivers.base import Driver
from conveyor.records import ScheduleBook, ScheduleRecord, Slot
from tests.contract.stores import START, FakeClock, Store, a_job, push_one


def a_schedule(name: str = "nightly", spec: str = '{"cron":"0 8 * * *"}') -> ScheduleRecord:
    return ScheduleRecord(name=name, spec=spec, handled_at=START)


def only(driver: Driver) -> ScheduleRecord:
    (schedule,) = driver.schedules().schedules
    return schedule


def test_a_store_begins_without_schedules_and_tells_the_time(driver: Driver, clock: FakeClock) -> None:
    clock.step(1.5)

    assert driver.schedules() == ScheduleBook(now=START + 1_500_000, schedules=[])


def test_schedules_are_kept_as_given_and_answered_by_name(driver: Driver) -> None:
    given = [a_schedule("b"), ScheduleRecord(name="a ü", paused=True, handled_at=7), a_schedule("c", "")]

    assert [driver.add_schedule(schedule) for schedule in given] == [True] * 3

    assert driver.schedules().schedules == [given[1], given[0], given[2]]


def test_everybody_sees_them(store: Store) -> None:
    driver, other = store.open(), store.open()

    driver.add_schedule(a_schedule())

    assert only(other) == a_schedule()


def test_a_name_that_is_taken_stays_as_it_is(driver: Driver) -> None:
    driver.add_schedule(a_schedule())

    assert not driver.add_schedule(ScheduleRecord(name="nightly", spec="other", paused=True, handled_at=START + 1))
    assert only(driver) == a_schedule()


def test_only_what_is_given_changes(driver: Driver) -> None:
    driver.add_schedule(a_schedule("other"))
    driver.add_schedule(a_schedule())

    assert driver.change_schedule("nightly", paused=True)
    assert driver.schedules().schedules[0].paused
    assert driver.change_schedule("nightly", spec="new")
    assert driver.change_schedule("nightly", handled_at=START + 5)
    assert driver.change_schedule("nightly")

    changed = ScheduleRecord(name="nightly", spec="new", paused=True, handled_at=START + 5)
    assert driver.schedules().schedules == [changed, a_schedule("other")]
    driver.change_schedule("nightly", paused=False, spec="")
    assert driver.schedules().schedules[0] == ScheduleRecord(name="nightly", handled_at=START + 5)


def test_the_handled_moment_only_grows(driver: Driver) -> None:
    driver.add_schedule(a_schedule())
    driver.change_schedule("nightly", handled_at=START + 5)

    assert driver.change_schedule("nightly", handled_at=START + 4, paused=True)

    assert (only(driver).handled_at, only(driver).paused) == (START + 5, True)


def test_a_schedule_that_is_removed_is_gone_and_its_slots_stay_taken(driver: Driver) -> None:
    driver.add_schedule(a_schedule())
    driver.add_schedule(a_schedule("other"))
    first = push_one(driver, slot=Slot("nightly", START))

    assert driver.remove_schedule("nightly")

    assert only(driver).name == "other"
    assert driver.push([a_job(slot=Slot("nightly", START))]) == [first]


def test_what_is_not_kept_can_be_neither_changed_nor_removed(driver: Driver) -> None:
    assert not driver.change_schedule("nightly", paused=True)
    assert not driver.remove_schedule("nightly")
    assert driver.schedules().schedules == []
