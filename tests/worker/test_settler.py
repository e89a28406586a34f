from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import cast

import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.errors import StoreUnavailable
from conveyor.ids import new_id
from conveyor.lifecycle import after_success, handed_back
from conveyor.measures import JobMetrics
from conveyor.records import Claim, Filter, JobId, JobStatus, NewJob, Outcome, Reason, StoredJob
from conveyor.worker.estimates import Estimates
from conveyor.worker.settler import Settler
from tests.worker.tree import wait_until


class Flaky:
    """A store that can be away, and that remembers how it was asked."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.is_away = False
        self.loses_answers = False
        self.breaks_on: Callable[[Outcome], bool] = lambda _outcome: False
        self.batches: list[int] = []

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        if self.is_away:
            raise StoreUnavailable("away")
        if any(map(self.breaks_on, outcomes)):
            raise ZeroDivisionError("a defect")
        self.batches.append(len(outcomes))
        held = self.driver.settle(outcomes)
        if self.loses_answers:
            self.loses_answers = False
            raise StoreUnavailable("the answer was lost")
        return held

    def get(self, ids: Sequence[JobId]) -> list[StoredJob | None]:
        if self.is_away:
            raise StoreUnavailable("away")
        return self.driver.get(ids)

    def add_metrics(self, metrics: Sequence[JobMetrics]) -> None:
        if self.is_away:
            raise StoreUnavailable("away")
        self.driver.add_metrics(metrics)


@pytest.fixture
def store() -> Generator[Flaky]:
    driver = open_driver("memory://settler")
    yield Flaky(driver)
    driver.close()


@pytest.fixture
def settler(store: Flaky) -> Generator[Settler]:
    made = Settler(cast("Driver", store), Estimates())
    made.start()
    yield made
    store.is_away = False
    made.stop()


def claims(store: Flaky, count: int) -> list[Claim]:
    store.driver.push([NewJob(id=new_id(), queue="q", type="t", payload="{}") for _ in range(count)])
    return store.driver.claim(["q"], limit=count, lease=30, worker="w")


def ended(claim: Claim) -> Outcome:
    now = time.time_ns() // 1000
    return after_success(claim, None, started_at=now - 100, ended_at=now)


def completed(store: Flaky) -> int:
    return sum(counts.completed for queue in store.driver.counts() for counts in queue.by_priority.values())


def buried(store: Flaky, claim: Claim) -> StoredJob | None:
    (job,) = store.driver.get([claim.id])
    return job if job is not None and job.status.is_failure else None


def test_outcomes_are_settled_in_batches_within_a_moment(store: Flaky, settler: Settler) -> None:
    held = claims(store, 200)

    for claim in held:
        settler.add(ended(claim))
    wait_until(lambda: completed(store) == 200, 2.0)

    assert len(store.batches) < 50
    wait_until(lambda: settler.held == 0)


def test_an_outcome_that_nothing_else_runs_beside_is_settled_at_once(store: Flaky, settler: Settler) -> None:
    held = claims(store, 20)

    begun = time.monotonic()
    for claim in held:
        settler.settle_now(ended(claim))

    # Each alone; with 10 ms of waiting for company it would be 0.2 s.
    assert store.batches == [1] * 20
    assert time.monotonic() - begun < 0.15


def test_while_the_store_is_away_outcomes_are_kept_and_it_is_said_once(
    store: Flaky, settler: Settler, caplog: pytest.LogCaptureFixture
) -> None:
    held = claims(store, 10)
    store.is_away = True

    for claim in held:
        settler.add(ended(claim))
    wait_until(lambda: "cannot settle jobs" in caplog.text)
    assert settler.held == 10
    store.is_away = False

    wait_until(lambda: completed(store) == 10)
    wait_until(lambda: "the store is back" in caplog.text)
    assert caplog.text.count("cannot settle jobs") == 1


def test_an_outcome_whose_answer_was_lost_is_not_called_refused(
    store: Flaky, settler: Settler, caplog: pytest.LogCaptureFixture
) -> None:
    (claim,) = claims(store, 1)
    store.loses_answers = True

    settler.settle_now(ended(claim))

    assert completed(store) == 1
    assert "refused" not in caplog.text


def test_an_outcome_that_is_refused_is_said(store: Flaky, settler: Settler, caplog: pytest.LogCaptureFixture) -> None:
    (claim,) = claims(store, 1)
    store.driver.settle([ended(claim)])

    settler.settle_now(ended(claim))

    assert "no longer ours" in caplog.text
    assert str(claim.id) in caplog.text


def test_an_outcome_that_cannot_be_settled_buries_its_job_and_its_neighbours_are_settled(
    store: Flaky, settler: Settler, caplog: pytest.LogCaptureFixture
) -> None:
    held = claims(store, 5)
    outcomes = [ended(claim) for claim in held]
    store.breaks_on = lambda outcome: outcome is outcomes[2]

    settler.add_all(outcomes)

    wait_until(lambda: completed(store) == 4)
    job = wait_until(lambda: buried(store, held[2]))
    assert (job.status, job.reason, job.failures) == (JobStatus.FAILED, Reason.FAILED, 1)
    (failure,) = job.errors
    assert failure.error_type == "builtins.ZeroDivisionError"
    assert failure.message == "what its run came to could not be stored: a defect"
    assert "cannot be settled" in caplog.text
    wait_until(lambda: settler.held == 0)


def test_what_the_driver_cannot_write_is_buried(tmp_path: Path) -> None:
    driver = open_driver(f"sqlite:///{tmp_path / 'conveyor.db'}")
    store = Flaky(driver)
    settler = Settler(driver, Estimates())
    settler.start()
    odd, even = claims(store, 2)
    now = time.time_ns() // 1000

    settler.add_all([after_success(odd, '"\ud800"', started_at=now - 100, ended_at=now), ended(even)])
    settler.stop()

    assert completed(store) == 1
    job = buried(store, odd)
    assert job is not None
    assert job.errors[0].error_type == "builtins.UnicodeEncodeError"
    driver.close()


def test_a_job_that_can_be_neither_settled_nor_buried_is_left_to_its_lease_and_holds_up_nobody(
    store: Flaky, settler: Settler, caplog: pytest.LogCaptureFixture
) -> None:
    held = claims(store, 5)
    store.breaks_on = lambda outcome: outcome.claim is held[2]

    settler.settle_now(ended(held[2]))
    settler.add_all([ended(claim) for claim in held if claim is not held[2]])

    wait_until(lambda: completed(store) == 4)
    assert "neither settled nor buried" in caplog.text
    wait_until(lambda: settler.held == 0)


def test_what_the_store_has_lost_is_said_in_one_line(
    store: Flaky, settler: Settler, caplog: pytest.LogCaptureFixture
) -> None:
    lost, taken = claims(store, 30), claims(store, 1)
    store.is_away = True
    settler.add_all([ended(claim) for claim in (*lost, *taken)])
    # It comes back without the first ones, and another worker has the last one.
    for claim in lost:
        store.driver.settle([after_success(claim, None)])
    store.driver.forget(Filter())
    store.driver.settle([handed_back(taken[0])])
    store.driver.claim(["q"], limit=1, lease=30, worker="other")
    store.is_away = False

    wait_until(lambda: "lost" in caplog.text)

    (line,) = [record.getMessage() for record in caplog.records if "lost" in record.getMessage()]
    assert line.startswith("the store has lost 30 jobs that this process held")
    assert all(str(claim.id) in line for claim in lost[:20])
    assert line.endswith("; 10 more")
    assert str(taken[0].id) not in line


def test_stopping_settles_everything(store: Flaky) -> None:
    settler = Settler(cast("Driver", store), Estimates())
    settler.start()
    held = claims(store, 50)

    for claim in held:
        settler.add(ended(claim))
    settler.stop()
    settler.stop()

    assert completed(store) == 50
    (metrics,) = store.driver.read_metrics(since=0, until=2**40)
    assert (metrics.type, metrics.completed) == ("t", 50)


def test_runs_are_not_measured_where_nobody_keeps_what_is(store: Flaky) -> None:
    settler = Settler(cast("Driver", store), Estimates(), measures=False)
    settler.start()

    settler.add_all([ended(claim) for claim in claims(store, 5)])
    settler.stop()

    assert completed(store) == 5
    assert store.driver.read_metrics(since=0, until=2**40) == []


def test_what_is_settled_on_many_threads_is_settled_once(store: Flaky, settler: Settler) -> None:
    held = claims(store, 400)

    def add(part: list[Claim]) -> None:
        for claim in part:
            settler.add(ended(claim))

    threads = [threading.Thread(target=add, args=(held[number::4],)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    wait_until(lambda: completed(store) == 400)
    assert sum(store.batches) == 400
