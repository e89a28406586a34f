from __future__ import annotations

import asyncio
import inspect
from typing import Any

import pytest

from conveyor import Conveyor, Health, InvalidValue, QueueHealth
from conveyor.depths import EVERY, KEPT, Depths, look_again, look_if_due, read_depths
from conveyor.lifecycle import held
from conveyor.records import RunningJob, WorkerRecord
from conveyor.times import SECOND
from tests.contract.stores import FakeClock, an_id, jobs, take_one


def beat(app: Conveyor, name: str, queues: tuple[str, ...] = ("a",), **fields: Any) -> None:
    given: dict[str, Any] = {"host": "h", "pid": 7, "started_at": app.driver.now(), "state": "running", **fields}
    app.driver.beat(WorkerRecord(name=name, queues=queues, **given))


def queue(app: Conveyor, name: str = "a") -> QueueHealth:
    (found,) = [each for each in app.health.check_queues() if each.queue == name]
    return found


# ── workers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_workers_are_counted_by_their_health(app: Conveyor, clock: FakeClock) -> None:
    job = RunningJob(id=an_id(), attempt=1, type="t", started_at=clock.now)
    beat(app, "gone")
    clock.step(31)
    beat(app, "fine", slots=4, running=1, jobs=(job,), rss_bytes=1 << 20, last_claim_at=clock.now)
    beat(app, "stuck", trouble="the store has not answered for 90 s")

    found = app.health.check_workers()

    assert (found.healthy, found.unhealthy, found.total) == (1, 2, 3)
    fine, gone, stuck = found.workers
    assert (fine.name, fine.is_healthy, fine.state, fine.problem) == ("fine", True, "running", "")
    assert (fine.slots, fine.running, fine.jobs, fine.rss_bytes) == (4, 1, (job,), 1 << 20)
    assert (fine.last_heartbeat, fine.last_claim) == (clock.now, clock.now)
    assert (gone.is_healthy, gone.state) == (False, "stale")
    assert gone.problem == "no heartbeat for 31 s: it was killed, or is cut off"
    assert (stuck.is_healthy, stuck.state, stuck.problem) == (False, "running", "the store has not answered for 90 s")
    assert app.health.check_workers(stale_after=60).healthy == 2


def test_workers_that_are_gone_are_forgotten_and_the_others_stay(app: Conveyor, clock: FakeClock) -> None:
    beat(app, "gone")
    clock.step(301)
    beat(app, "here")

    assert app.health.cleanup_stale_workers(older_than=600) == []
    assert app.health.cleanup_stale_workers() == ["gone"]

    assert [worker.name for worker in app.health.check_workers().workers] == ["here"]


@pytest.mark.parametrize("value", [-1, "1h", float("nan")])
def test_an_age_that_cannot_be_is_refused(app: Conveyor, value: Any) -> None:
    health = app.health
    for act in (health.check_workers, health.check_queues, health.cleanup_stale_workers):
        with pytest.raises(InvalidValue):
            act(value)


# ── queues ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_queue_that_is_got_through_has_no_problem(app: Conveyor, clock: FakeClock) -> None:
    beat(app, "w")
    app.driver.push(jobs(3))
    take_one(app.driver)
    clock.step(20)

    found = queue(app)

    assert (found.ready, found.waiting, found.processing, found.dead) == (2, 2, 1, 0)
    assert found.oldest_age == 20
    assert (found.is_served, found.is_paused, found.is_stalled, found.problem) == (True, False, False, "")


def test_a_queue_is_stalled_when_its_first_job_waits_and_none_is_processed(app: Conveyor, clock: FakeClock) -> None:
    app.driver.push(jobs(1))
    clock.step(61)
    beat(app, "w")

    assert queue(app).is_stalled
    assert queue(app).problem == "its first job has been ready for 61 s, and none is processed"
    assert not app.health.check_queues(stalled_after=62)[0].is_stalled
    app.driver.pause("a")
    assert not queue(app).is_stalled
    assert queue(app).problem == ""


def test_a_queue_that_no_healthy_worker_serves_says_so(app: Conveyor, clock: FakeClock) -> None:
    beat(app, "other", queues=("b",))
    beat(app, "stuck", trouble="it is")
    app.driver.push(jobs(1))

    assert (queue(app).is_served, queue(app).problem) == (False, "no healthy worker serves it")
    beat(app, "w", queues=("b", "a"))
    assert queue(app).problem == ""


def test_a_queue_that_holds_unknown_types_says_so(app: Conveyor) -> None:
    beat(app, "w")
    app.driver.push(jobs(1))
    app.driver.settle([held(take_one(app.driver), "nobody knows it")])

    assert queue(app).problem == "1 of its jobs are of types that no worker knows"


def test_a_queue_grows_when_each_look_finds_more_than_the_one_before(app: Conveyor, clock: FakeClock) -> None:
    app.driver.push(jobs(1, "b"))
    app.driver.push(jobs(1))
    assert queue(app).is_growing is None
    for more in (2, 1, 5):
        look_again(app.driver, read_depths(app.driver), app.driver.now())
        clock.step(EVERY)
        app.driver.push(jobs(more))

    assert queue(app).is_growing is True
    assert queue(app, "b").is_growing is False
    take_one(app.driver)
    for _ in range(5):
        take_one(app.driver)
    look_again(app.driver, read_depths(app.driver), app.driver.now())
    assert queue(app).is_growing is False
    clock.step(3600)
    assert queue(app).is_growing is None


def test_the_last_looks_are_kept(app: Conveyor, clock: FakeClock) -> None:
    assert read_depths(app.driver).is_due(clock.now)
    for _ in range(KEPT + 5):
        look_again(app.driver, read_depths(app.driver), clock.now)
        clock.step(EVERY)

    depths = read_depths(app.driver)
    assert len(depths.looks) == KEPT
    assert depths.is_due(clock.now)
    assert not depths.is_due(clock.now - SECOND)
    # A clock that was set back does not stop the looking.
    assert depths.is_due(clock.now - 3600 * SECOND)
    found = depths.before(clock.now, 5 * EVERY)
    assert found is not None
    assert found.at == clock.now - round(5 * EVERY * SECOND)
    assert depths.before(clock.now, 3600) is None


def test_of_many_workers_one_looks_each_minute(app: Conveyor, clock: FakeClock) -> None:
    assert look_if_due(app.driver, "w1")
    assert not look_if_due(app.driver, "w2")
    clock.step(EVERY)
    app.driver.acquire_lock("conveyor:depths", "w1", 10)
    assert not look_if_due(app.driver, "w2")
    clock.step(10)
    assert look_if_due(app.driver, "w2")

    assert [look.at for look in read_depths(app.driver).looks] == [clock.now - 70 * SECOND, clock.now]
    assert app.locks() == []


def test_looks_of_another_release_are_none(app: Conveyor) -> None:
    app.driver.write_memo("depths", '{"not": "ours"}')

    assert read_depths(app.driver) == Depths()


def test_every_method_has_an_async_twin_of_the_same_signature(app: Conveyor) -> None:
    names = [name for name in vars(Health) if not name.startswith("_")]
    sync = [name for name in names if not inspect.iscoroutinefunction(getattr(Health, name))]
    assert sorted(names) == sorted([*sync, *[f"a{name}" for name in sync]])
    for name in sync:
        assert inspect.signature(getattr(Health, name)) == inspect.signature(getattr(Health, f"a{name}")), name
    beat(app, "w")

    async def work() -> None:
        assert (await app.health.acheck_workers()).healthy == 1
        assert await app.health.acheck_queues() == []
        assert await app.health.acleanup_stale_workers() == []

    asyncio.run(work())
