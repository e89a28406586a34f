from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from conveyor.drivers.base import Driver
from conveyor.drivers.open import open_driver
from conveyor.errors import ConfigError, StoreUnavailable
from conveyor.lifecycle import handed_back
from conveyor.measures import JobMetrics
from conveyor.records import Claim, ClaimKey, Filter, JobStatus, Progress, ScheduleRecord, StoredJob, WorkerRecord
from tests.contract.stores import START, FakeClock, Store, a_job, an_id, one, push_one, take_one

CLAIM = Claim(an_id(), 1, "t", "a", 500, "{}", "", 0, 0, 3, START)
LETTER = StoredJob(
    id=CLAIM.id,
    queue="a",
    type="t",
    status=JobStatus.FAILED,
    priority=500,
    payload="{}",
    options="",
    attempt=1,
    failures=1,
    crashes=0,
    max_crashes=3,
    pushed_at=START,
    due_at=START,
)
KEY = ClaimKey(CLAIM.id, CLAIM.attempt)
WORKER = WorkerRecord(name="w", host="h", pid=1, started_at=START, queues=("a",), state="running")

CALLS: dict[str, Callable[[Driver], Any]] = {
    "push": lambda driver: driver.push([a_job()]),
    "claim": lambda driver: driver.claim(["a"], limit=1, lease=30, worker="w"),
    "extend": lambda driver: driver.extend([KEY], 30),
    "settle": lambda driver: driver.settle([handed_back(CLAIM)]),
    "cancel": lambda driver: driver.cancel([CLAIM.id]),
    "tend": lambda driver: driver.tend(),
    "lapsed": lambda driver: driver.lapsed(1),
    "held_by": lambda driver: driver.held_by(["w"]),
    "wait": lambda driver: driver.wait(["a"], 0.01),
    "get": lambda driver: driver.get([CLAIM.id]),
    "find": lambda driver: driver.find(Filter()),
    "counts": lambda driver: driver.counts(),
    "peek": lambda driver: driver.peek("a"),
    "bury": lambda driver: driver.bury([LETTER]),
    "redrive": lambda driver: driver.redrive(Filter()),
    "clear": lambda driver: driver.clear("a"),
    "forget": lambda driver: driver.forget(Filter()),
    "pause": lambda driver: driver.pause("a"),
    "resume": lambda driver: driver.resume("a"),
    "beat": lambda driver: driver.beat(WORKER),
    "workers": lambda driver: driver.workers(),
    "leave": lambda driver: driver.leave("w"),
    "write_progress": lambda driver: driver.write_progress(KEY, Progress(current=1)),
    "read_progress": lambda driver: driver.read_progress([CLAIM.id]),
    "acquire_lock": lambda driver: driver.acquire_lock("l", "me", 1),
    "renew_lock": lambda driver: driver.renew_lock("l", "me", 1),
    "release_lock": lambda driver: driver.release_lock("l", "me"),
    "locks": lambda driver: driver.locks(),
    "schedules": lambda driver: driver.schedules(),
    "add_schedule": lambda driver: driver.add_schedule(ScheduleRecord(name="s", handled_at=0)),
    "change_schedule": lambda driver: driver.change_schedule("s", paused=True),
    "remove_schedule": lambda driver: driver.remove_schedule("s"),
    "add_metrics": lambda driver: driver.add_metrics([JobMetrics(minute=1, type="t", queue="a")]),
    "read_metrics": lambda driver: driver.read_metrics(since=0, until=1),
    "write_memo": lambda driver: driver.write_memo("m", "text"),
    "read_memos": lambda driver: driver.read_memos(),
    "now": lambda driver: driver.now(),
    "diagnose": lambda driver: driver.diagnose(),
    "dead_groups": lambda driver: driver.dead_groups(Filter()),
}

JOINING = {"apush", "settle_in", "asettle_in", "transaction", "atransaction"}
"""What the caller's own connection is for: see `test_joining.py` and `test_transaction.py`."""


def test_every_method_of_the_contract_is_called_here() -> None:
    methods = {name for name in vars(Driver) if not name.startswith("_")}

    assert set(CALLS) == methods - {"url", "close"} - JOINING


@pytest.mark.parametrize("method", CALLS)
def test_a_closed_driver_is_unavailable(store: Store, method: str) -> None:
    driver = store.open()
    CALLS[method](driver)
    driver.close()

    with pytest.raises(StoreUnavailable, match="closed"):
        CALLS[method](driver)


def test_a_driver_may_be_closed_twice_and_keeps_its_url(store: Store) -> None:
    driver = store.open()
    driver.close()
    driver.close()

    assert driver.url == store.url


def test_closing_one_driver_leaves_the_others_open(store: Store) -> None:
    first, second = store.open(), store.open()
    job_id = push_one(first)
    first.close()

    assert one(second, job_id).id == job_id
    assert take_one(second).id == job_id


def test_a_driver_answers_the_url_it_was_opened_with(store: Store) -> None:
    assert store.open().url == store.url


def test_what_one_driver_pushes_another_claims_and_settles(store: Store, clock: FakeClock) -> None:
    first, second, third = store.open(), store.open(), store.open()
    job_id = push_one(first)

    claim = take_one(second)

    assert claim.id == job_id
    assert third.settle([handed_back(claim)]) == [True]
    assert first.peek("a") == [one(second, job_id)]


@pytest.mark.parametrize(
    "url",
    [
        "memory:",
        "memory:name",
        "memory:///name",
        "memory://name/more",
        "memory://name?retention=5",
        "memory://?x",
        "memory://two words",
        "memory://name#part",
        "memory://user:secret@name",
    ],
)
def test_a_memory_url_that_does_not_fit_is_refused_by_name(url: str) -> None:
    with pytest.raises(ConfigError, match="memory://name") as refused:
        open_driver(url)

    assert url.rpartition("@")[2] in str(refused.value)


def test_memory_without_a_name_is_a_store_of_its_own() -> None:
    first, second = open_driver("memory://"), open_driver("memory://")
    job_id = push_one(first)

    assert second.get([job_id]) == [None]


def test_a_named_memory_store_lasts_as_long_as_someone_has_it_open() -> None:
    first = open_driver("memory://lasting")
    job_id = push_one(first)
    second = open_driver("memory://lasting")
    first.close()
    assert one(second, job_id).id == job_id
    second.close()

    third = open_driver("memory://lasting")

    assert third.get([job_id]) == [None]
