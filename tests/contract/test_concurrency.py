from __future__ import annotations

import itertools
from functools import partial
from uuid import UUID

import pytest

from conveyor.drivers.base import Driver
from conveyor.lifecycle import after_success, handed_back
from conveyor.records import CancelAnswer, Claim, JobId, LockRecord, NewJob, Slot
from conveyor.times import system_clock
from tests.contract.racer import claim_all, push_unique
from tests.contract.racing import at_once, racers
from tests.contract.recount import check_counters
from tests.contract.stores import SPANNING, START, Store, a_job, jobs, one, push_one, take, take_one


@pytest.mark.parametrize("opened", ["one driver", "a driver each"])
def test_two_threads_never_claim_the_same_id_and_attempt(store: Store, opened: str) -> None:
    shared = store.open()
    drivers = [shared, shared] if opened == "one driver" else [shared, store.open()]
    new = jobs(300)
    shared.push(new)

    taken = at_once(2, lambda place: claim_all(drivers[place], f"w{place}"))

    claimed = [(claim.id, claim.attempt) for claims in taken for claim in claims]
    assert sorted(claimed) == [(job.id, 1) for job in new]
    assert shared.counts(["a"])[0].by_priority[500].completed == 300
    check_counters(shared)


def test_threads_that_hand_back_and_claim_never_hold_one_attempt_together(store: Store) -> None:
    driver = store.open()
    driver.push(jobs(3))

    def churn(place: int) -> list[tuple[JobId, int]]:
        held: list[tuple[JobId, int]] = []
        for _ in range(60):
            claims = take(driver, limit=2, worker=f"w{place}")
            held += [(claim.id, claim.attempt) for claim in claims]
            assert all(driver.settle([handed_back(claim) for claim in claims]))
        return held

    held = list(itertools.chain(*at_once(3, churn)))

    assert len(held) == len(set(held))
    check_counters(driver)


@pytest.mark.parametrize("kind", SPANNING, ids=lambda kind: kind.name, indirect=True)
def test_two_processes_never_claim_the_same_id_and_attempt(store: Store) -> None:
    driver = store.open(clock=system_clock)
    new = jobs(300)
    driver.push(new)

    with racers(2, "claim", store.url, lambda place: (f"w{place}",)) as started:
        for racer in started:
            racer.go()
        claimed = [(JobId(UUID(job_id)), attempt) for racer in started for job_id, attempt in racer.answer()]

    assert sorted(claimed) == [(job.id, 1) for job in new]
    check_counters(driver)


def complete(driver: Driver, claim: Claim, follow_ups: list[NewJob], place: int) -> list[bool]:
    return driver.settle([after_success(claim, str(place), follow_ups=(follow_ups[place],))])


def test_one_claim_is_settled_once_however_many_try(store: Store) -> None:
    driver = store.open()
    for _ in range(20):
        job_id = push_one(driver)
        claim = take_one(driver)
        follow_ups = jobs(4, "b")

        answers = at_once(4, partial(complete, driver, claim, follow_ups))

        (winner,) = [place for place, answer in enumerate(answers) if answer == [True]]
        assert one(driver, job_id).result == str(winner)
        assert [claim.id for claim in take(driver, "b")] == [follow_ups[winner].id]


def claim_or_cancel(driver: Driver, job_id: JobId, place: int) -> list[JobId] | list[CancelAnswer]:
    return driver.cancel([job_id]) if place else [claim.id for claim in take(driver)]


def test_a_job_is_either_claimed_or_cancelled_while_both_are_tried(store: Store) -> None:
    driver = store.open()
    for _ in range(20):
        job_id = push_one(driver)

        claims, answers = at_once(2, partial(claim_or_cancel, driver, job_id))

        assert (claims, answers) in [([], [CancelAnswer.CANCELLED]), ([job_id], [CancelAnswer.REQUESTED])]


def test_of_pushes_with_one_key_at_once_one_is_stored(store: Store) -> None:
    drivers = [store.open() for _ in range(3)]

    answers = at_once(3, lambda place: push_unique(drivers[place], 1_000_000 * (place + 1), 50))

    assert answers[0] == answers[1] == answers[2]
    assert sorted(claim.id for claim in take(drivers[0])) == sorted(answers[0])
    check_counters(drivers[0])


@pytest.mark.parametrize("kind", SPANNING, ids=lambda kind: kind.name, indirect=True)
def test_of_pushes_with_one_key_in_many_processes_one_is_stored(store: Store) -> None:
    driver = store.open(clock=system_clock)

    with racers(2, "unique", store.url, lambda place: (1_000_000 * (place + 1), 100)) as started:
        for racer in started:
            racer.go()
        first, second = (racer.answer() for racer in started)

    assert first == second
    assert sorted(str(claim.id) for claim in take(driver)) == sorted(first)


def test_of_pushes_with_one_slot_at_once_one_is_stored(store: Store) -> None:
    drivers = [store.open() for _ in range(3)]
    slots = [Slot("nightly", START + number) for number in range(50)]

    answers = at_once(3, lambda place: [drivers[place].push([a_job(slot=slot)])[0] for slot in slots])

    assert answers[0] == answers[1] == answers[2]
    assert sorted(claim.id for claim in take(drivers[0])) == sorted(answers[0])


def acquire(drivers: list[Driver], name: str, place: int) -> LockRecord | None:
    return drivers[place].acquire_lock(name, f"owner {place}", 30)


def test_a_lock_is_held_by_one_of_many_who_want_it(store: Store) -> None:
    drivers = [store.open() for _ in range(4)]
    fences: list[int] = []

    for _ in range(20):
        (held,) = [lock for lock in at_once(4, partial(acquire, drivers, "l")) if lock is not None]
        fences.append(held.fence)
        assert drivers[0].release_lock("l", held.owner)

    assert fences == sorted(set(fences))
