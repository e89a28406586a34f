"""Unique jobs as users ask for them: rules, keys made from arguments, debounce, throttle."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from conveyor import (
    Conveyor,
    DuplicateJob,
    Encrypted,
    GiveUp,
    InvalidValue,
    Job,
    JobPayload,
    JobStatus,
    Middleware,
    NewJob,
    Unique,
)
from conveyor.records import JobId
from conveyor.times import SECOND
from tests.contract.stores import FakeClock


@pytest.fixture
def index(app: Conveyor) -> Job[..., Any]:
    @app.job("index")
    def index(shop: int, what: str = "all", *, deep: bool = False) -> str:
        return f"{shop} {what} {deep}"

    return index


def arguments(app: Conveyor, id: JobId) -> str:
    return app.handle(id).refresh().payload


# ── keys ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_by_itself_the_key_is_made_from_type_and_arguments(app: Conveyor, index: Job[..., Any]) -> None:
    @app.job("other")
    def other(shop: int) -> None: ...

    pusher = index.options(unique=Unique())
    first = pusher.push(7)

    assert pusher.push(7) == first
    assert pusher.push(8) != first
    assert pusher.push(7, deep=True) != first
    assert other.options(unique=Unique()).push(7) != first
    assert index.push(7) != first


def test_defaults_and_the_way_arguments_are_given_make_no_difference(app: Conveyor, index: Job[..., Any]) -> None:
    pusher = index.options(unique=Unique())

    handles = [pusher.push(7), pusher.push(shop=7), pusher.push(7, "all"), pusher.push(deep=False, what="all", shop=7)]

    assert len(set(handles)) == 1
    assert app.queue("default").size() == 1


def test_some_arguments_can_make_the_key(app: Conveyor, index: Job[..., Any]) -> None:
    pusher = index.options(unique=Unique(by=("shop",)))

    assert pusher.push(7, "books") == pusher.push(7, "films")
    assert pusher.push(8, "books") != pusher.push(7, "films")
    with pytest.raises(InvalidValue, match="by holds 'shelf', and the arguments of 'index' are 'shop', 'what', 'deep'"):
        index.options(unique=Unique(by=("shelf",))).push(7)


def test_a_class_job_and_a_sealed_payload_have_keys_too() -> None:
    @dataclass(frozen=True)
    class Report:
        month: int

        def handle(self) -> None: ...

    app = Conveyor("memory://", codec=Encrypted({"a": os.urandom(32)}))
    app.job("report", unique=Unique())(Report)

    assert app.push(Report(3)) == app.push(Report(3))
    assert app.push(Report(3)) != app.push(Report(4))
    app.close()


def test_a_default_that_json_cannot_hold_is_no_obstacle(app: Conveyor) -> None:
    @app.job("odd", unique=Unique())
    def odd(number: int, marker: Any = object) -> None: ...

    assert odd.push(7) == odd.push(7)
    assert odd.push(8) != odd.push(7)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("x" * (1 << 20), "… of 1,048,576 characters; give a key of 1 to 255 characters"),
        ("", "unique is ''; give a key"),
        (7, "unique is 7; give a key"),
        ("half \ud800", "half of a surrogate pair"),
    ],
)
def test_a_key_that_no_store_takes_is_refused_in_a_short_message(index: Job[..., Any], key: Any, says: str) -> None:
    for ask in (lambda: index.options(unique=key), lambda: Unique(key)):
        with pytest.raises(InvalidValue) as refused:
            ask()
        assert says in str(refused.value)
        assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"until": "end"}, "until is 'end'; give 'start', 'success' or 'final'"),
        ({"on_conflict": "wait"}, "on_conflict is 'wait'; give 'ignore', 'raise' or 'replace'"),
        ({"ttl": 0}, "ttl is 0; give more than 0 seconds"),
        ({"ttl": -1}, "ttl is -1; give a duration"),
        ({"by": "shop"}, "by is 'shop'; give names of arguments"),
        ({"by": ()}, "give names of arguments"),
        ({"key": "k", "by": ("shop",)}, "give one of them"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Unique(**given)

    assert says in str(refused.value)


# ── rules ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_job_type_may_be_unique_and_a_push_say_otherwise(app: Conveyor) -> None:
    @app.job("sync", unique=Unique(until="start"))
    def sync(shop: int) -> None: ...

    first = sync.push(7)

    assert (sync.push(7), sync.push_many([(7,), (7,)])) == (first, [first, first])
    assert asyncio.run(sync.apush(7)) == first
    assert app.push(sync.call(7)) == first
    assert sync.options(unique="mine").push(7) != first
    assert sync.job_type.unique == Unique(until="start")
    with pytest.raises(InvalidValue, match="unique is 'key' for a job type"):
        app.job("wrong", unique="key")(sync.job_type.function)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def test_until_start_a_running_job_is_followed_by_one_more(app: Conveyor, index: Job[..., Any]) -> None:
    pusher = index.options(unique=Unique(until="start"))
    first = pusher.push(7)
    assert app.queue("default").pop() is not None

    second = pusher.push(7)

    assert second != first
    assert pusher.push(7) == second


def test_until_success_a_dead_letter_is_in_the_way(app: Conveyor, index: Job[..., Any]) -> None:
    pusher = index.options(unique=Unique(until="success"))
    first = pusher.push(7)
    queue = app.queue("default")
    payload = queue.pop()
    assert payload is not None
    queue.fail(payload, GiveUp("no"))

    assert pusher.push(7) == first
    assert first.status is JobStatus.FAILED
    assert index.options(unique=Unique()).push(7) != first


def test_a_ttl_bounds_how_long_a_job_is_in_the_way(clock: FakeClock, index: Job[..., Any]) -> None:
    pusher = index.options(unique=Unique(ttl=60))
    first = pusher.push(7)

    clock.step(59)
    assert pusher.push(7) == first
    clock.step(1)
    assert pusher.push(7) != first


def test_a_conflict_can_be_raised_and_names_the_job_in_the_way(app: Conveyor, index: Job[..., Any]) -> None:
    pusher = index.options(unique=Unique("shop 7", on_conflict="raise"))
    first = pusher.push(7)

    with pytest.raises(DuplicateJob, match=f"job {first.id} is in the way of .* 'index' .*'shop 7'") as raised:
        pusher.push(8)
    assert (raised.value.job_id, raised.value.job_type) == (first.id, "index")
    with pytest.raises(DuplicateJob):
        asyncio.run(pusher.apush(8))
    with pytest.raises(DuplicateJob):
        app.push(JobPayload(index.call(8), unique=Unique("shop 7", on_conflict="raise")))
    assert app.queue("default").size() == 1


def test_a_push_repeated_with_its_id_is_no_conflict(index: Job[..., Any]) -> None:
    id = "01890a5d-ac96-774b-bcce-b302099a8057"
    pusher = index.options(unique=Unique(on_conflict="raise"), id=id)

    assert pusher.push(7) == pusher.push(7)


def test_a_waiting_job_can_be_replaced_and_keeps_its_handle(app: Conveyor, index: Job[..., Any]) -> None:
    rule = Unique("shop 7", on_conflict="replace")
    first = index.options(unique=rule).push(7, "books")

    second = index.options(unique=rule, priority="high", delay=5).push(7, "films")

    assert second == first
    info = first.refresh()
    assert '"films"' in info.payload
    assert (info.priority, info.due_at - info.pushed_at) == (750, 5 * SECOND)


def test_middleware_sees_the_id_of_the_job_in_the_way_before_it_is_raised(app: Conveyor, index: Job[..., Any]) -> None:
    seen: list[Sequence[JobId]] = []

    class Looks(Middleware):
        def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
            seen.append(ids)

    app.use(Looks())
    pusher = index.options(unique=Unique(on_conflict="raise"))
    first = pusher.push(7)

    with pytest.raises(DuplicateJob):
        pusher.push(7)

    assert seen == [[first.id], [first.id]]


# ── debounce and throttle ────────────────────────────────────────────────────────────────────────────────────────────


def test_of_pushes_within_the_window_the_last_wins(app: Conveyor, clock: FakeClock, index: Job[..., Any]) -> None:
    pusher = index.options(debounce=10, unique=Unique(by=("shop",)))
    first = pusher.push(7, "b")
    for what in ("bo", "boo", "book"):
        clock.step(9)
        assert pusher.push(7, what) == first
    queue = app.queue("default")

    clock.step(9)
    assert queue.pop() is None
    clock.step(1)
    payload = queue.pop()

    assert payload is not None
    assert '"book"' in arguments(app, payload.id)
    later = pusher.push(7, "next")
    assert later != first


def test_debounced_pushes_of_other_arguments_are_not_lost(app: Conveyor, index: Job[..., Any]) -> None:
    pusher = index.options(debounce=10)

    assert pusher.push(7) == pusher.push(7)
    assert pusher.push(8) != pusher.push(7)
    assert app.queue("default").size() == 2


def test_a_ttl_bounds_how_long_a_debounced_job_is_put_off(
    app: Conveyor, clock: FakeClock, index: Job[..., Any]
) -> None:
    pusher = index.options(debounce=10, unique=Unique("k", ttl=60))
    ran = 0

    for second in range(200):
        pusher.push(second)
        clock.step(1)
        queue = app.queue("default")
        while (payload := queue.pop()) is not None:
            queue.complete(payload)
            ran += 1

    assert ran == 3


def test_within_a_window_one_push_is_stored_even_when_its_job_has_ended(
    app: Conveyor, clock: FakeClock, index: Job[..., Any]
) -> None:
    clock.now = clock.now // (60 * SECOND) * 60 * SECOND
    pusher = index.options(throttle=60)
    queue = app.queue("default")

    first = pusher.push(7)
    payload = queue.pop()
    assert payload is not None
    queue.complete(payload)
    clock.step(59)
    assert pusher.push(7) == first
    assert pusher.push(8) != first
    clock.step(1)
    assert pusher.push(7) != first


def test_a_throttle_and_a_unique_key_hold_together(clock: FakeClock, index: Job[..., Any]) -> None:
    pusher = index.options(throttle=60, unique="k")
    first = pusher.push(7)

    clock.step(120)
    assert pusher.push(7) == first


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"debounce": 5, "delay": 1}, "debounce is 5, which says when the job is due"),
        ({"debounce": 5, "throttle": 5}, "drop delay, run_at, throttle"),
        ({"debounce": 0}, "debounce is 0; give more than 0 seconds"),
        ({"throttle": 90_000}, "throttle is 90000; give a day at most"),
        ({"throttle": "60"}, "throttle is '60'; give seconds"),
    ],
)
def test_windows_that_cannot_be_are_refused(index: Job[..., Any], options: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        index.options(**options)

    assert says in str(refused.value)


def test_a_copy_with_another_id_keeps_its_window(index: Job[..., Any]) -> None:
    payload = JobPayload(index.call(7), debounce=5).with_id("01890a5d-ac96-774b-bcce-b302099a8057")

    assert payload.debounce == 5.0
