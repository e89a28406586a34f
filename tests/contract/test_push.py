from __future__ import annotations

import threading

import pytest

from conveyor.drivers.base import Driver
from conveyor.errors import InvalidValue
from conveyor.lifecycle import after_failure, after_success, cancelled
from conveyor.records import Edits, Filter, JobStatus, Slot
from conveyor.retry import NoRetry, RetrySchedule
from conveyor.times import SECOND
from tests.contract.stores import (
    START,
    FakeClock,
    Store,
    a_failure,
    a_job,
    an_id,
    is_kept,
    jobs,
    one,
    push_one,
    take,
    take_one,
    taken_ids,
)


def test_push_answers_the_ids_in_order(driver: Driver) -> None:
    new = [a_job("b"), a_job("a"), a_job("b")]

    assert driver.push(new) == [job.id for job in new]


def test_pushing_nothing_changes_nothing(driver: Driver) -> None:
    assert driver.push([]) == []
    assert driver.counts() == []


def test_a_connection_that_the_store_cannot_join_is_refused_and_nothing_is_stored(driver: Driver) -> None:
    with pytest.raises(InvalidValue, match="connection is <object"):
        driver.push([a_job()], connection=object())

    assert driver.counts() == []


def test_a_pushed_job_is_kept_as_it_was_given(driver: Driver) -> None:
    new = a_job("b", type="mail", payload='{"to":7}', options='{"timeout":5}', priority=750, max_crashes=9, unique="u")

    driver.push([new])

    job = one(driver, new.id)
    assert (job.id, job.queue, job.type, job.payload, job.options) == (
        new.id,
        "b",
        "mail",
        '{"to":7}',
        '{"timeout":5}',
    )
    assert (job.status, job.priority, job.max_crashes, job.unique) == (JobStatus.PENDING, 750, 9, "u")
    assert (job.attempt, job.failures, job.crashes, job.pushed_at, job.due_at) == (0, 0, 0, START, START)
    assert (job.expires_at, job.lease_until, job.worker, job.started_at, job.finished_at) == (None,) * 5
    assert (job.result, job.reason, job.note) == (None, None, None)
    assert not job.cancel_requested
    assert not job.held
    assert job.errors == ()


@pytest.mark.in_order
def test_a_batch_is_stored_all_or_none(store: Store) -> None:
    driver, reader = store.open(), store.open()
    done = threading.Event()
    seen: set[int] = set()

    def look() -> None:
        while not done.is_set():
            seen.update(counts.pushed for queue in reader.counts() for counts in queue.by_priority.values())

    looking = threading.Thread(target=look)
    looking.start()
    for _ in range(20):
        driver.push(jobs(25))
    done.set()
    looking.join()

    assert {pushed % 25 for pushed in seen} <= {0}
    assert len(taken_ids(driver, limit=1000)) == 500


def test_a_job_due_at_once_is_ready(driver: Driver) -> None:
    job_id = push_one(driver)

    assert driver.counts(["a"])[0].by_priority[500].ready == 1
    assert taken_ids(driver) == [job_id]


def test_a_job_with_a_delay_waits_until_it_is_over(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver, delay=1.5)

    assert one(driver, job_id).due_at == START + 1_500_000
    assert driver.counts(["a"])[0].by_priority[500].delayed == 1
    clock.step(1.499999)
    assert taken_ids(driver) == []
    clock.step(0.000001)
    assert taken_ids(driver) == [job_id]


def test_a_job_with_a_run_at_waits_until_that_moment(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver, run_at=START + 10 * SECOND)

    clock.step(9.999999)
    assert taken_ids(driver) == []
    clock.step(0.000001)
    assert taken_ids(driver) == [job_id]


def test_run_at_wins_over_delay(driver: Driver) -> None:
    job_id = push_one(driver, run_at=START + 5 * SECOND, delay=60)

    assert one(driver, job_id).due_at == START + 5 * SECOND


@pytest.mark.in_order
def test_a_run_at_in_the_past_means_now_and_gains_no_place(driver: Driver) -> None:
    first = push_one(driver)
    second = push_one(driver, run_at=START - 3600 * SECOND)

    assert one(driver, second).due_at == START
    assert taken_ids(driver) == [first, second]


def test_expires_counts_from_the_push_and_expires_at_wins_over_it(driver: Driver) -> None:
    relative = push_one(driver, expires=60.0)
    absolute = push_one(driver, expires=60.0, expires_at=START + 5 * SECOND)

    assert one(driver, relative).expires_at == START + 60 * SECOND
    assert one(driver, absolute).expires_at == START + 5 * SECOND


@pytest.mark.one_partition
def test_an_id_kept_already_is_left_as_it_is_whatever_its_state(driver: Driver) -> None:
    waiting, running, finished, dead, gone = jobs(5)
    driver.push([running, finished, dead, gone])
    claims = {claim.id: claim for claim in take(driver)}
    driver.settle(
        [
            after_success(claims[finished.id], "1"),
            after_failure(claims[dead.id], a_failure(claims[dead.id]), NoRetry()),
            cancelled(claims[gone.id], "why"),
        ]
    )
    driver.push([waiting])
    ids = [waiting.id, running.id, finished.id, dead.id, gone.id]
    before = driver.get(ids)

    again = driver.push([a_job("b", id=job_id, payload='"other"', priority=1000, unique="u") for job_id in ids])

    assert again == ids
    assert driver.get(ids) == before
    assert sum(counts.pushed for queue in driver.counts() for counts in queue.by_priority.values()) == 5


def test_an_id_repeated_within_one_batch_is_stored_once(driver: Driver) -> None:
    new = a_job()

    assert driver.push([new, new]) == [new.id, new.id]
    assert taken_ids(driver) == [new.id]


@pytest.mark.parametrize("state", ["ready", "delayed", "processing", "retrying"])
def test_a_unique_key_of_an_active_job_answers_that_job(driver: Driver, state: str) -> None:
    holder = push_one(driver, unique="u", delay=9 if state == "delayed" else 0)
    if state in {"processing", "retrying"}:
        claim = take_one(driver)
        if state == "retrying":
            driver.settle([after_failure(claim, a_failure(claim), RetrySchedule([60]))])
    rival = a_job(unique="u")

    assert driver.push([rival]) == [holder]
    assert not is_kept(driver, rival.id)
    assert driver.counts(["a"])[0].by_priority[500].pushed == 1


def test_a_unique_key_counts_within_one_batch(driver: Driver) -> None:
    first, second = jobs(2, unique="u")

    assert driver.push([first, second]) == [first.id, first.id]


def test_a_unique_key_belongs_to_its_queue(driver: Driver) -> None:
    first, second = a_job("a", unique="u"), a_job("b", unique="u")

    assert driver.push([first, second]) == [first.id, second.id]


@pytest.mark.parametrize("end", ["completed", "failed", "cancelled", "expired", "cleared"])
def test_a_unique_key_is_free_once_the_job_has_ended(driver: Driver, clock: FakeClock, end: str) -> None:
    holder = push_one(driver, unique="u", expires=5.0)
    match end:
        case "completed":
            driver.settle([after_success(take_one(driver), None)])
        case "failed":
            claim = take_one(driver)
            driver.settle([after_failure(claim, a_failure(claim), NoRetry())])
        case "cancelled":
            driver.cancel([holder])
        case "expired":
            clock.step(6)
            driver.tend()
        case _:
            driver.clear("a")
    successor = a_job(unique="u")

    assert driver.push([successor]) == [successor.id]


def test_a_dead_letter_that_came_back_holds_its_key_again(driver: Driver) -> None:
    holder = push_one(driver, unique="u")
    claim = take_one(driver)
    driver.settle([after_failure(claim, a_failure(claim), NoRetry())])

    driver.redrive(Filter(), edits=Edits(queue="b"))

    rival = a_job("a", unique="u")
    assert driver.push([a_job("b", unique="u")]) == [holder]
    assert driver.push([rival]) == [rival.id]


@pytest.mark.one_partition
def test_a_slot_is_taken_once_whatever_the_id_and_for_good(driver: Driver) -> None:
    slot = Slot("nightly", START)
    first = push_one(driver, slot=slot)
    second = a_job("b", slot=slot)

    assert driver.push([second]) == [first]
    driver.settle([after_success(take_one(driver), None)])
    assert driver.push([second]) == [first]
    driver.forget(Filter())
    assert driver.push([second]) == [first]
    assert not is_kept(driver, second.id)


def test_a_job_that_was_forgotten_does_not_come_back_by_its_slot(driver: Driver) -> None:
    new = a_job(slot=Slot("nightly", START))
    driver.push([new])
    driver.clear("a")

    assert driver.push([new]) == [new.id]
    assert not is_kept(driver, new.id)


def test_slots_differ_by_name_and_by_moment(driver: Driver) -> None:
    new = [a_job(slot=Slot(name, at)) for name in ("x", "y") for at in (START, START + 1)]

    assert driver.push(new) == [job.id for job in new]


def test_a_slot_counts_within_one_batch(driver: Driver) -> None:
    first, second = jobs(2, slot=Slot("nightly", START))

    assert driver.push([first, second]) == [first.id, first.id]


@pytest.mark.in_order
def test_a_kept_id_comes_before_the_key_and_the_key_before_the_slot(driver: Driver) -> None:
    slot = Slot("nightly", START)
    kept = push_one(driver)
    by_key = push_one(driver, unique="u")
    by_slot = push_one(driver, slot=slot)

    assert driver.push([a_job(id=kept, unique="u", slot=slot)]) == [kept]
    assert driver.push([a_job(unique="u", slot=slot)]) == [by_key]
    assert driver.push([a_job(slot=slot)]) == [by_slot]


def test_a_job_that_is_not_stored_takes_no_slot(driver: Driver) -> None:
    slot = Slot("nightly", START)
    holder = push_one(driver, unique="u")

    assert driver.push([a_job(unique="u", slot=slot)]) == [holder]

    later = a_job(slot=slot)
    assert driver.push([later]) == [later.id]


@pytest.mark.in_order
def test_ids_need_not_arrive_in_order(driver: Driver) -> None:
    low, high = an_id(), an_id()

    driver.push([a_job(id=high), a_job(id=low)])

    assert taken_ids(driver) == [high, low]


@pytest.mark.parametrize(
    "text",
    [
        "é ü ß 漢字 😀 \U0010ffff",
        "e\u0301 and \u00e9 stay apart",
        "\u2028 \u2029 \u200b \u202e \ufeff \ufffe",
        "\x01 \x1f \x7f \t \r\n",
        "' \" \\ ; -- /* % _ $1 ? :name {} []",
        "x" * (1 << 20),
        "漢" * (1 << 19),
    ],
    ids=["beyond-ascii", "combining", "separators", "controls", "quotes", "1-MiB", "wide"],
)
def test_text_comes_back_as_it_went_in(driver: Driver, text: str) -> None:
    short = text[:100]
    new = a_job("q " + short, type="t " + short, payload=text, unique=short, slot=Slot(short, START))
    driver.push([new])

    (claim,) = driver.claim([new.queue], limit=1, lease=30, worker="w " + short)

    assert (claim.queue, claim.type, claim.payload) == (new.queue, new.type, new.payload)
    failure = a_failure(claim, short, traceback=text)
    driver.settle([after_failure(claim, failure, RetrySchedule([0]))])
    (claim,) = driver.claim([new.queue], limit=1, lease=30, worker="w")
    assert one(driver, new.id).errors == (failure,)
    driver.settle([after_success(claim, text)])
    assert one(driver, new.id).result == text
    assert driver.find(Filter(queues=(new.queue,), types=(new.type,))).jobs == [one(driver, new.id)]
    assert driver.counts([new.queue])[0].by_priority[500].completed == 1


def test_a_job_that_a_store_has_lost_goes_on_counting_from_there(driver: Driver) -> None:
    lost = a_job("a", attempt=4, failures=2, crashes=1, max_crashes=3)
    later = a_job("a", attempt=1, run_at=START + 60 * SECOND)

    assert driver.push([lost, later]) == [lost.id, later.id]

    kept = one(driver, lost.id)
    assert (kept.status, kept.attempt, kept.failures, kept.crashes) == (JobStatus.PENDING, 4, 2, 1)
    assert one(driver, later.id).due_at == START + 60 * SECOND
    claim = take_one(driver)
    assert (claim.id, claim.attempt, claim.failures, claim.crashes) == (lost.id, 5, 2, 1)
    assert driver.counts()[0].by_priority[500].delayed == 1


@pytest.mark.in_order
def test_a_lost_job_that_is_kept_or_that_another_stands_for_is_not_stored(driver: Driver) -> None:
    first = a_job("a", attempt=2, unique="u", slot=Slot("s", 1))
    driver.push([first])
    same_key, same_slot = a_job("a", attempt=1, unique="u"), a_job("a", attempt=1, slot=Slot("s", 1))

    assert driver.push([first, same_key, same_slot]) == [first.id] * 3

    assert driver.get([same_key.id, same_slot.id]) == [None, None]
    assert driver.counts()[0].by_priority[500].pushed == 1
