from __future__ import annotations

import msgspec
import pytest

from conveyor.drivers.base import Driver
from conveyor.lifecycle import after_success, handed_back
from conveyor.measures import JobMetrics
from conveyor.records import ClaimKey, LockRecord, Progress, WorkerRecord
from conveyor.times import SECOND
from tests.contract.stores import START, FakeClock, Store, an_id, jobs, push_one, take_one


def a_worker(name: str = "w", **fields: object) -> WorkerRecord:
    given = {"host": "h", "pid": 7, "started_at": START, "queues": ("a", "b"), "state": "running", **fields}
    return msgspec.convert({"name": name, **given}, WorkerRecord)


def key_of(driver: Driver) -> ClaimKey:
    push_one(driver)
    claim = take_one(driver)
    return ClaimKey(claim.id, claim.attempt)


def test_a_worker_that_beat_is_known_as_it_reported_itself(driver: Driver, clock: FakeClock) -> None:
    worker = a_worker(
        children=("w/1", "w/2"), running=3, rss_bytes=1 << 33, last_claim_at=START - 5, state="draining", beat_at=1
    )
    clock.step(2)

    assert driver.beat(worker) == []

    assert driver.workers() == [msgspec.structs.replace(worker, beat_at=START + 2 * SECOND)]


def test_a_later_beat_replaces_the_one_before(driver: Driver, clock: FakeClock) -> None:
    driver.beat(a_worker(running=1))
    clock.step(1)
    driver.beat(a_worker(running=2))

    assert driver.workers() == [a_worker(running=2, beat_at=START + SECOND)]


def test_workers_are_answered_by_name_until_they_leave(driver: Driver) -> None:
    for name in ("c", "a", "b"):
        driver.beat(a_worker(name))
    assert [worker.name for worker in driver.workers()] == ["a", "b", "c"]

    driver.leave("b")
    driver.leave("b")
    driver.leave("never there")

    assert [worker.name for worker in driver.workers()] == ["a", "c"]


def test_a_beat_answers_what_its_children_hold_and_someone_asked_to_cancel(driver: Driver) -> None:
    driver.push(jobs(4))
    first, second, third, fourth = (take_one(driver, worker=name) for name in ("w/1", "w/2", "w/1", "other"))
    driver.cancel([first.id, second.id, fourth.id])

    answer = driver.beat(a_worker(children=("w/1", "w/2")))

    assert set(answer) == {ClaimKey(first.id, 1), ClaimKey(second.id, 1)}
    assert driver.beat(a_worker("other worker", children=("other",))) == [ClaimKey(fourth.id, 1)]
    assert driver.beat(a_worker("childless")) == []
    driver.settle([handed_back(third), after_success(first, None), handed_back(second)])
    assert driver.beat(a_worker(children=("w/1", "w/2"))) == []


def test_progress_is_recorded_under_a_claim_that_holds(driver: Driver, clock: FakeClock) -> None:
    key = key_of(driver)
    clock.step(1)

    assert driver.write_progress(key, Progress(current=0.5, total=3, message="hälfte", updated_at=9))

    assert driver.read_progress([key.id]) == [
        Progress(current=0.5, total=3, message="hälfte", updated_at=START + SECOND)
    ]


def test_the_last_progress_counts(driver: Driver) -> None:
    key = key_of(driver)

    driver.write_progress(key, Progress(current=1, total=2, message="one"))
    driver.write_progress(key, Progress(current=2))

    assert driver.read_progress([key.id]) == [Progress(current=2, updated_at=START)]


def test_progress_is_answered_in_order_and_none_where_there_is_none(driver: Driver) -> None:
    first, second = key_of(driver), key_of(driver)
    driver.write_progress(first, Progress(current=1))
    driver.write_progress(second, Progress(current=2))
    silent = push_one(driver)

    answers = driver.read_progress([second.id, silent, an_id(), first.id])

    assert [progress and progress.current for progress in answers] == [2, None, None, 1]
    assert driver.read_progress([]) == []


def test_progress_under_a_claim_that_no_longer_holds_is_refused(driver: Driver) -> None:
    push_one(driver)
    lost = take_one(driver)
    driver.settle([handed_back(lost)])
    stale = ClaimKey(lost.id, lost.attempt)
    assert not driver.write_progress(stale, Progress(current=1))
    now = take_one(driver)
    driver.write_progress(ClaimKey(now.id, now.attempt), Progress(current=2))

    assert not driver.write_progress(stale, Progress(current=3))
    assert not driver.write_progress(ClaimKey(an_id(), 1), Progress(current=4))
    assert driver.read_progress([lost.id]) == [Progress(current=2, updated_at=START)]


def test_progress_is_kept_as_long_as_the_record(driver: Driver) -> None:
    key = key_of(driver)
    driver.write_progress(key, Progress(current=1))
    (claim,) = driver.held_by(["w"])

    driver.settle([after_success(claim, None)])

    assert driver.read_progress([key.id]) == [Progress(current=1, updated_at=START)]
    assert not driver.write_progress(key, Progress(current=2))


def test_a_free_lock_is_taken_for_its_time(driver: Driver, clock: FakeClock) -> None:
    lock = driver.acquire_lock("l", "me", 10)

    assert lock is not None
    assert lock == LockRecord(name="l", owner="me", fence=lock.fence, expires_at=START + 10 * SECOND)
    assert driver.locks() == [lock]


def test_a_lock_held_by_another_is_refused_until_its_time_is_over(driver: Driver, clock: FakeClock) -> None:
    first = driver.acquire_lock("l", "me", 10)
    assert first is not None

    clock.step(9.999999)
    assert driver.acquire_lock("l", "you", 10) is None
    assert driver.locks() == [first]
    clock.step(0.000001)
    assert driver.locks() == []
    second = driver.acquire_lock("l", "you", 10)

    assert second is not None
    assert (second.owner, second.expires_at) == ("you", START + 20 * SECOND)
    assert second.fence > first.fence


def test_the_fence_grows_with_every_acquisition_for_ever(driver: Driver, clock: FakeClock) -> None:
    fences: list[int] = []
    for round_number in range(3):
        lock = driver.acquire_lock("l", f"owner {round_number}", 10)
        assert lock is not None
        fences.append(lock.fence)
        assert driver.release_lock("l", lock.owner)
    for _ in range(3):
        lock = driver.acquire_lock("l", "same owner", 10)
        assert lock is not None
        fences.append(lock.fence)
        clock.step(10)
        driver.tend()
    clock.step(365 * 86_400)
    driver.tend()
    lock = driver.acquire_lock("l", "same owner", 10)
    assert lock is not None
    fences.append(lock.fence)

    assert fences == sorted(set(fences))


def test_its_owner_taking_a_lock_again_renews_it_with_the_same_fence(driver: Driver, clock: FakeClock) -> None:
    first = driver.acquire_lock("l", "me", 10)
    assert first is not None
    clock.step(5)

    again = driver.acquire_lock("l", "me", 30)

    assert again == msgspec.structs.replace(first, expires_at=START + 35 * SECOND)


def test_a_held_lock_is_renewed_from_now(driver: Driver, clock: FakeClock) -> None:
    lock = driver.acquire_lock("l", "me", 10)
    assert lock is not None
    clock.step(5)

    assert driver.renew_lock("l", "me", 10)

    assert driver.locks() == [msgspec.structs.replace(lock, expires_at=START + 15 * SECOND)]


def test_renewing_or_releasing_what_one_does_not_hold_is_refused(driver: Driver, clock: FakeClock) -> None:
    lock = driver.acquire_lock("l", "me", 10)
    assert lock is not None

    assert not driver.renew_lock("l", "you", 99)
    assert not driver.release_lock("l", "you")
    assert not driver.renew_lock("never taken", "me", 99)
    assert not driver.release_lock("never taken", "me")
    assert driver.locks() == [lock]
    clock.step(10)
    assert not driver.renew_lock("l", "me", 99)
    assert not driver.release_lock("l", "me")


def test_a_released_lock_is_free(driver: Driver) -> None:
    driver.acquire_lock("l", "me", 10)

    assert driver.release_lock("l", "me")

    assert driver.locks() == []
    assert not driver.release_lock("l", "me")
    assert not driver.renew_lock("l", "me", 10)
    assert driver.acquire_lock("l", "you", 10) is not None


def test_locks_are_answered_by_name_and_do_not_know_each_other(driver: Driver) -> None:
    for name in ("c", "a", "b"):
        driver.acquire_lock(name, f"owner of {name}", 10)

    assert [(lock.name, lock.owner) for lock in driver.locks()] == [
        ("a", "owner of a"),
        ("b", "owner of b"),
        ("c", "owner of c"),
    ]


def test_metrics_of_one_minute_type_and_queue_add_up(driver: Driver) -> None:
    driver.add_metrics(
        [JobMetrics(minute=5, type="t", queue="a", completed=2, failed=1, duration_us=10**12, buckets={3: 2, -1: 1})]
    )
    driver.add_metrics(
        [
            JobMetrics(minute=5, type="t", queue="a", completed=1, duration_us=7, buckets={3: 1, 900: 4}),
            JobMetrics(minute=5, type="t", queue="a", failed=2, buckets={}),
        ]
    )

    assert driver.read_metrics(since=5, until=6) == [
        JobMetrics(
            minute=5,
            type="t",
            queue="a",
            completed=3,
            failed=3,
            duration_us=10**12 + 7,
            buckets={-1: 1, 3: 3, 900: 4},
        )
    ]


def test_metrics_are_answered_by_minute_type_and_queue(driver: Driver) -> None:
    rows = [
        JobMetrics(minute=minute, type=type, queue=queue, completed=1, buckets={1: 1})
        for minute in (5, 6)
        for type in ("s", "t")
        for queue in ("a", "b")
    ]
    driver.add_metrics(rows[::-1])
    driver.add_metrics([])

    assert driver.read_metrics(since=0, until=100) == rows


def test_metrics_of_different_spans_do_not_mix(driver: Driver) -> None:
    rows = [JobMetrics(minute=1440, span=span, type="t", queue="a", completed=span) for span in (1, 60, 1440)]
    driver.add_metrics(rows)
    driver.add_metrics(rows)

    for span in (1, 60, 1440):
        (read,) = driver.read_metrics(since=1440, until=1441, span=span)
        assert read == JobMetrics(minute=1440, span=span, type="t", queue="a", completed=2 * span)


def test_waits_retries_and_memory_add_up_too(driver: Driver) -> None:
    one = JobMetrics(minute=5, type="t", queue="a", failed=1, retried=1, waited_us=7, waits={1: 1}, memory={450: 1})
    other = JobMetrics(minute=5, type="t", queue="a", completed=2, waited_us=5, waits={1: 1, 2: 1}, memory={451: 1})

    driver.add_metrics([one, other])

    assert driver.read_metrics(since=5, until=6) == [
        JobMetrics(
            minute=5,
            type="t",
            queue="a",
            completed=2,
            failed=1,
            retried=1,
            waited_us=12,
            waits={1: 2, 2: 1},
            memory={450: 1, 451: 1},
        )
    ]


@pytest.mark.parametrize(
    ("since", "until", "minutes"), [(5, 7, [5, 6]), (6, 7, [6]), (7, 7, []), (7, 5, []), (8, 99, [])]
)
def test_metrics_are_read_from_since_up_to_until(driver: Driver, since: int, until: int, minutes: list[int]) -> None:
    driver.add_metrics([JobMetrics(minute=minute, type="t", queue="a", completed=1) for minute in (5, 6, 7)])

    assert [metrics.minute for metrics in driver.read_metrics(since=since, until=until)] == minutes


def test_a_memo_is_kept_until_it_is_replaced_or_given_up(driver: Driver) -> None:
    driver.write_memo("alert:depth", "one")
    driver.write_memo("alert:depth", '{"zwei": "größer"}')
    driver.write_memo("other", "")
    assert driver.read_memos() == {"alert:depth": '{"zwei": "größer"}', "other": ""}

    driver.write_memo("other", None)
    driver.write_memo("never there", None)

    assert driver.read_memos() == {"alert:depth": '{"zwei": "größer"}'}


def test_memos_are_read_by_prefix_in_order_of_their_names(driver: Driver) -> None:
    for name in ("b:%", "B:", "b:2", "b:_", "a", "b:10", "bé", "b"):
        driver.write_memo(name, name)

    assert list(driver.read_memos("b:")) == ["b:%", "b:10", "b:2", "b:_"]
    assert list(driver.read_memos("b:_")) == ["b:_"]
    assert list(driver.read_memos()) == ["B:", "a", "b", "b:%", "b:10", "b:2", "b:_", "bé"]
    assert driver.read_memos("none") == {}


def test_now_is_the_present_of_the_store(driver: Driver, clock: FakeClock) -> None:
    clock.step(3)

    assert driver.now() == START + 3 * SECOND


def test_a_store_that_is_set_up_well_says_so(driver: Driver) -> None:
    findings = driver.diagnose()

    assert findings
    assert [finding for finding in findings if not finding.is_ok] == []
    assert all(finding.text for finding in findings)


def test_what_is_shared_is_shared_by_everyone_who_opened_the_store(store: Store) -> None:
    one, other = store.open(), store.open()
    key = key_of(one)

    one.acquire_lock("l", "me", 10)
    one.beat(a_worker())
    one.write_progress(key, Progress(current=1))
    one.add_metrics([JobMetrics(minute=5, type="t", queue="a", completed=1)])
    one.pause("b")

    assert other.acquire_lock("l", "you", 10) is None
    assert [worker.name for worker in other.workers()] == ["w"]
    assert other.read_progress([key.id]) == one.read_progress([key.id])
    assert len(other.read_metrics(since=5, until=6)) == 1
    assert [counts.paused for counts in other.counts(["a", "b"])] == [False, True]
