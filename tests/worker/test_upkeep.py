"""Maintenance: what a worker does on the side."""

from __future__ import annotations

import threading
from collections.abc import Generator

import pytest

from conveyor import Conveyor, JobStatus, Reason
from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.ids import new_id
from conveyor.maintenance import IDLE_PAUSE, PAUSE, Tending, rescue
from conveyor.records import Claim, ClaimKey, NewJob, Outcome, WorkerRecord
from conveyor.times import SECOND
from conveyor.worker.health import Health
from conveyor.worker.queues import Queues
from conveyor.worker.settings import QueueShare
from conveyor.worker.upkeep import BEAT_BUSY, Upkeep
from tests.worker.tree import wait_until


class Clock:
    def __init__(self) -> None:
        self.now = 1_790_000_000 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def driver(clock: Clock) -> Generator[Driver]:
    opened = open_driver("memory://upkeep", clock=clock)
    yield opened
    opened.close()


def claimed(driver: Driver, count: int, max_crashes: int = 3) -> list[Claim]:
    driver.push([NewJob(id=new_id(), queue="q", type="t", payload="{}", max_crashes=max_crashes) for _ in range(count)])
    return driver.claim(["q"], limit=count, lease=10, worker="w")


def test_what_a_dead_worker_held_is_offered_again_and_counts_a_crash(driver: Driver, clock: Clock) -> None:
    claims = claimed(driver, 3)
    assert rescue(driver) == []

    clock.now += 11 * SECOND
    rescued = rescue(driver)

    assert {outcome.claim.id for outcome in rescued} == {claim.id for claim in claims}
    for job in driver.get([claim.id for claim in claims]):
        assert job is not None
        assert (job.status, job.crashes) == (JobStatus.PENDING, 1)
        assert job.errors[0].reason is Reason.CRASHED
        assert "lease lapsed" in job.errors[0].message
    assert rescue(driver) == []


def test_the_last_crash_that_is_allowed_buries_the_job(driver: Driver, clock: Clock) -> None:
    (claim,) = claimed(driver, 1, max_crashes=1)

    clock.now += 11 * SECOND
    rescue(driver)

    (job,) = driver.get([claim.id])
    assert job is not None
    assert (job.status, job.reason) == (JobStatus.FAILED, Reason.CRASHED)


def test_claims_in_good_hands_are_left_alone(driver: Driver, clock: Clock) -> None:
    first, second = claimed(driver, 2)

    clock.now += 11 * SECOND
    rescued = rescue(driver, keep=lambda _: {ClaimKey(first.id, first.attempt)})

    assert [outcome.claim.id for outcome in rescued] == [second.id]


def test_a_round_of_tending_rescues_promotes_and_offers_what_was_held(driver: Driver, clock: Clock) -> None:
    claimed(driver, 1)
    seen: list[Outcome] = []
    tending = Tending(driver, ["t"], on_rescued=seen.append)
    driver.push([NewJob(id=new_id(), queue="q", type="t", payload="{}", delay=5.0)])

    clock.now += 11 * SECOND
    assert tending.run_once() == PAUSE
    assert tending.run_once() == IDLE_PAUSE

    assert len(seen) == 1
    assert len(driver.claim(["q"], limit=10, lease=10, worker="w")) == 2


def test_nothing_is_rescued_while_others_extend_their_leases(driver: Driver, clock: Clock) -> None:
    claimed(driver, 1)
    seen: list[Outcome] = []
    tending = Tending(driver, ["t"], on_rescued=seen.append)
    clock.now += 11 * SECOND

    tending.spare(60.0)
    tending.run_once()
    assert seen == []
    tending.spare(0.0)
    tending.run_once()

    assert len(seen) == 1


# ── heartbeats ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_announced_during_a_beat_is_said_by_the_next_one_at_once(driver: Driver) -> None:
    said: list[str] = []
    under_way, go_on = threading.Event(), threading.Event()
    beat = driver.beat

    def slow_beat(worker: WorkerRecord) -> list[ClaimKey]:
        said.append(worker.state)
        under_way.set()
        go_on.wait(20)
        return beat(worker)

    driver.beat = slow_beat  # type: ignore[method-assign]
    health = Health(name="w", lease=30.0, processes=1, places=1, children=tuple, queues=lambda: ["q"])
    upkeep = Upkeep(
        driver,
        {},
        lease=30.0,
        name="w",
        health=health,
        queues=Queues(Conveyor("memory://upkeep"), [QueueShare("q")]),
        children=tuple,
        on_lost=lambda: None,
        on_cancel=lambda _: None,
    )
    upkeep.start()
    under_way.wait(20)

    upkeep.announce("draining")
    go_on.set()

    wait_until(lambda: said == ["starting", "draining"], BEAT_BUSY / 2)
    upkeep.stop(20)
