"""The parts of a worker that are worth a look by themselves: no processes here."""

from __future__ import annotations

import signal
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from conveyor import Conveyor, JobStatus, NoRetry, Reason
from conveyor.errors import InvalidValue
from conveyor.ids import new_id
from conveyor.records import Claim, ClaimKey
from conveyor.worker.aftermath import Aftermath, Fate, Verdict, death, outcomes_of
from conveyor.worker.buffer import Buffer
from conveyor.worker.estimates import Estimates
from conveyor.worker.mix import Mix
from conveyor.worker.plans import BILLION, plans_of
from conveyor.worker.room import PATIENCE_NS, Lane
from conveyor.worker.settings import QueueShare, WorkerSettings
from conveyor.worker.shares import Shares
from conveyor.worker.slots import Header, Running, SlotTable
from conveyor.worker.watch import after_death, overdue
from tests.worker import jobs


def claim(type: str = "add", queue: str = "default", **fields: Any) -> Claim:
    values: dict[str, Any] = {
        "id": new_id(),
        "attempt": 1,
        "type": type,
        "queue": queue,
        "priority": 500,
        "payload": "{}",
        "options": "",
        "failures": 0,
        "crashes": 0,
        "max_crashes": 3,
        "pushed_at": 0,
        **fields,
    }
    return Claim(**values)


def key_of(held: Claim) -> ClaimKey:
    return ClaimKey(held.id, held.attempt)


# ── settings ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"app": "shop.jobs"}, "module:attribute"),
        ({"processes": 0}, "processes is 0"),
        ({"threads": -1}, "threads is -1"),
        ({"async_limit": 10**6}, "async_limit is 1000000"),
        ({"max_jobs": 0}, "max_jobs is 0"),
        ({"lease": 0.5}, "lease is 0.5"),
        ({"shutdown_timeout": -1}, "shutdown_timeout is -1"),
        ({"timeout": 0}, "timeout is 0"),
        ({"max_time": 0}, "max_time is 0"),
        ({"max_memory": 0}, "max_memory is 0"),
        ({"exclude": ("a b",)}, "'a b'"),
        ({"queues": (QueueShare("*"), QueueShare("*", 2))}, "'*' is given 2 times".replace("*", "[*]")),
        ({"queues": (QueueShare("a"), QueueShare("a"))}, "'a' is given 2 times"),
        ({"name": "a\nb"}, "printable"),
    ],
)
def test_a_setting_that_breaks_its_rule_is_refused_by_name(fields: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"app": "shop.jobs:app", **fields}

    with pytest.raises(InvalidValue, match=words):
        WorkerSettings(**given)


def test_a_queue_is_written_with_its_weight_or_without() -> None:
    written = ["emails", "emails:3", "a:b", "a:b:2", "*", "*:2"]

    assert [QueueShare.parse(text) for text in written] == [
        QueueShare("emails"),
        QueueShare("emails", 3),
        QueueShare("a:b"),
        QueueShare("a:b", 2),
        QueueShare("*"),
        QueueShare("*", 2),
    ]
    for text in ("emails:0", "emails:1001", "", "a b"):
        with pytest.raises(InvalidValue):
            QueueShare.parse(text)


# ── shares ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def drain(shares: Shares, waiting: dict[str, int], limit: int) -> list[str]:
    """Claim until nothing waits; the queues in the order their jobs came."""
    came: list[str] = []
    while any(waiting.values()):
        order = shares.order()
        claims: list[Claim] = []
        for queue in order:
            count = min(waiting.get(queue, 0), limit - len(claims))
            waiting[queue] = waiting.get(queue, 0) - count
            claims += [claim(queue=queue)] * count
        shares.taken(order, claims)
        came += [each.queue for each in claims]
    return came


@pytest.mark.parametrize("limit", [1, 7])
def test_claims_are_shared_by_weight_whatever_the_size_of_a_batch(limit: int) -> None:
    shares = Shares([QueueShare("a", 3), QueueShare("b", 2), QueueShare("c", 1)])

    came = drain(shares, {"a": 600, "b": 600, "c": 600}, limit)

    counts = Counter(came[:600])
    assert abs(counts["a"] - 300) <= 2 * limit
    assert abs(counts["b"] - 200) <= 2 * limit
    assert abs(counts["c"] - 100) <= 2 * limit


def test_a_queue_that_was_empty_for_long_does_not_make_up_for_it() -> None:
    shares = Shares([QueueShare("a", 1), QueueShare("b", 1)])

    drain(shares, {"a": 500}, 1)
    came = drain(shares, {"a": 50, "b": 50}, 1)

    assert 8 <= came[:20].count("a") <= 12


def test_without_weights_the_order_is_as_given() -> None:
    shares = Shares([QueueShare("b"), QueueShare("a")])

    assert drain(shares, {"a": 3, "b": 3}, 2) == ["b", "b", "b", "a", "a", "a"]


def test_queues_met_under_a_star_share_its_place_alike() -> None:
    shares = Shares([QueueShare("high"), QueueShare("*"), QueueShare("low")])
    assert shares.order() == ["high", "low"]

    shares.meet(["x", "high", "y"])
    came = drain(shares, {"low": 2, "x": 30, "y": 30, "high": 2}, 4)

    assert came[:2] == ["high", "high"]
    assert came[-2:] == ["low", "low"]
    assert 8 <= came[2:26].count("x") <= 16


def test_a_queue_met_late_does_not_make_up_for_it() -> None:
    shares = Shares([QueueShare("*")])
    shares.meet(["a"])

    drain(shares, {"a": 500}, 1)
    shares.meet(["a", "b"])
    came = drain(shares, {"a": 50, "b": 50}, 1)

    assert 8 <= came[:20].count("a") <= 12


def test_a_star_has_the_weight_of_one_or_its_own_beside_weighted_queues() -> None:
    for star, expected in ((QueueShare("*"), 50), (QueueShare("*", 3), 100)):
        shares = Shares([QueueShare("a", 3), star])
        shares.meet(["b"])

        came = drain(shares, {"a": 600, "b": 600}, 1)

        assert abs(came[:200].count("b") - expected) <= 2


def test_without_a_star_nothing_is_met() -> None:
    shares = Shares([QueueShare("a", 3)])

    shares.meet(["b"])

    assert shares.order() == shares.names == ["a"]


# ── slots ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_slot_table_shows_what_runs_to_whoever_maps_it() -> None:
    table = SlotTable.create(3)
    reader = SlotTable(table.fd, 3)
    first, second = new_id(), new_id()

    table.begin(0, first, 4, since=10, until=0)
    table.begin(2, second, 1, since=20, until=30)
    table.tell(2)

    assert reader.running() == [
        Running(0, ClaimKey(first, 4), 10, 0, told=False),
        Running(2, ClaimKey(second, 1), 20, 30, told=True),
    ]
    table.begin(2, first, 5, since=40, until=0)
    assert reader.running()[1] == Running(2, ClaimKey(first, 5), 40, 0, told=False)
    table.clear(0)
    table.clear(2)
    assert reader.running() == []
    table.hand_over()


def test_a_record_that_was_torn_by_death_is_no_job() -> None:
    table = SlotTable.create(1)
    table.begin(0, new_id(), 1, since=10, until=0)

    # As if the writer had died after the first field of the next record.
    table._map[64:72] = (99).to_bytes(8, "little")

    assert table.running() == []
    table.hand_over()


def test_the_header_says_what_the_child_says_of_itself() -> None:
    table = SlotTable.create(1)

    table.step(0)
    table.hold(5)
    table.claimed(11)

    assert table.header() == Header(0, 5, 11)
    table.stepped()
    assert table.header() == Header(None, 5, 11)
    table.hand_over()


# ── room ─────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lane(capacity: int = 1, *, mean_us: float | None = None, most: int = 1000) -> Lane:
    estimates = Estimates()
    if mean_us is not None:
        estimates.learn("add", mean_us, 1)
    made = Lane(Buffer(capacity), estimates)
    made.claimed([claim()] * (most // 2))
    return made


@pytest.mark.parametrize(
    ("mean_us", "expected"), [(None, 0), (10, 1000), (1_000, 50), (24_000, 2), (49_000, 1), (51_000, 0), (5e6, 0)]
)
def test_a_busy_lane_is_filled_with_what_runs_in_50_ms(mean_us: float | None, expected: int) -> None:
    assert lane(mean_us=mean_us).target() == expected


def test_a_free_reader_has_room_whatever_is_known() -> None:
    slow = lane(3, mean_us=5e6)

    slow.buffer.free = 2

    assert slow.room() == 2


def test_claims_grow_by_doubling() -> None:
    fresh = Lane(Buffer(1), Estimates())
    fresh._estimates.learn("add", 10.0, 1)

    sizes: list[int] = []
    for _ in range(12):
        fresh.claimed([claim()] * max(1, fresh.target()))
        sizes.append(fresh.target())

    assert sizes[:4] == [2, 4, 8, 16]
    assert sizes[-1] == 1000


def test_a_lane_whose_readers_began_nothing_for_a_while_is_stuck() -> None:
    busy = lane(mean_us=10)

    busy.buffer.started_at = time.monotonic_ns() - PATIENCE_NS - 1

    assert busy.is_stuck
    assert busy.room() == 0
    busy.buffer.free = 1
    assert not busy.is_stuck


def test_a_lane_whose_readers_are_about_to_begin_is_not_stuck() -> None:
    """However late they are: on a busy machine a thread may come to its turn after a while."""
    fresh = lane(mean_us=10)
    assert not fresh.is_stuck

    fresh.buffer.started_at = time.monotonic_ns() - PATIENCE_NS - 1
    fresh.buffer.put([claim(), claim()], valid_until=2**62)
    assert fresh.buffer.wait() is not None

    assert fresh.buffer.free == 0
    assert not fresh.is_stuck


def test_estimates_believe_in_slowness_at_once_and_in_speed_by_and_by() -> None:
    estimates = Estimates()
    estimates.learn("a", 100.0, 1)

    estimates.learn("a", 1_000_000.0, 1)
    slow = estimates.mean({"a": 1})
    estimates.learn("a", 100.0, 1)

    assert slow == 1_000_000.0
    assert 500_000.0 < (estimates.mean({"a": 1}) or 0.0) < 1_000_000.0
    assert estimates.mean({"a": 1, "never seen": 1}) is None


def test_a_queue_that_gave_what_there_was_no_room_for_is_left_alone_for_a_while() -> None:
    mix = Mix({"sync", "both"}, {"async", "both"})
    order = ["sync", "async", "both"]

    assert mix.open(order, has_sync=True, has_async=True) == order
    for _ in range(20):
        mix.learn([claim(queue="sync")], [claim(queue="async")])
    assert mix.open(order, has_sync=False, has_async=True) == ["async", "both"]
    mix.refused([claim(queue="both")])
    assert mix.open(order, has_sync=False, has_async=True) == ["async"]
    assert 0 < (mix.pause(None) or 0) <= 0.1
    assert mix.open(order, has_sync=True, has_async=True) == order


# ── deaths ───────────────────────────────────────────────────────────────────────────────────────────────────────────

SECOND = 10**9
PLANS = plans_of(jobs.app, None)


def running(held: Claim, slot: int = 0, *, since: int = 0, until: int = 0, told: bool = False) -> Running:
    return Running(slot, key_of(held), since, until, told)


def decide(
    found: list[Running], now: float, stepping: int | None = None, cancelled: dict[ClaimKey, int] | None = None
) -> Any:
    header = Header(stepping, 0, 0)
    return overdue(found, header, cancelled or {}, threads=1, grace=SECOND, now=round(now * SECOND))


def test_a_child_dies_for_a_job_that_is_late_by_more_than_the_grace() -> None:
    late, neighbour = claim(), claim()
    found = [running(late, until=5 * SECOND), running(neighbour, 1)]

    assert decide(found, 5.9) is None
    verdicts = decide(found, 6.0)

    assert verdicts[key_of(late)].fate is Fate.TIMED_OUT
    assert verdicts[key_of(neighbour)].fate is Fate.CUT_OFF


def test_a_child_dies_for_a_job_whose_cancellation_is_late() -> None:
    wanted = claim()

    verdicts = decide([running(wanted)], 4.0, cancelled={key_of(wanted): 3 * SECOND})

    assert verdicts[key_of(wanted)].fate is Fate.CANCELLED


def test_the_job_that_has_the_loop_to_itself_is_blamed_for_those_that_could_not_be_told() -> None:
    blocker, victim, told = claim(), claim(), claim()
    found = [running(blocker, 1), running(victim, 2, until=SECOND), running(told, 3, until=SECOND, told=True)]

    verdicts = decide(found, 3.0, stepping=1)

    fates = {name: verdicts[key_of(held)].fate for name, held in (("b", blocker), ("v", victim), ("t", told))}
    assert fates == {"b": Fate.CRASHED, "v": Fate.CUT_OFF, "t": Fate.TIMED_OUT}


def test_a_job_on_a_thread_is_blamed_when_the_loop_does_not_turn_and_nobody_is_on_it() -> None:
    on_thread, victim = claim(), claim()

    verdicts = decide([running(on_thread, 0), running(victim, 2, until=SECOND)], 3.0)

    assert verdicts[key_of(on_thread)].fate is Fate.CRASHED
    assert verdicts[key_of(victim)].fate is Fate.CUT_OFF


def test_a_death_is_the_fault_of_what_had_the_loop_unless_it_came_from_outside() -> None:
    on_loop, waiting = claim(), claim()
    found = [running(on_loop, 1), running(waiting, 2)]
    header = Header(1, 0, 0)

    inside = after_death(found, header, "it died", threads=1, from_outside=False)
    outside = after_death(found, header, "it died", threads=1, from_outside=True)

    assert [inside[key_of(held)].fate for held in (on_loop, waiting)] == [Fate.CRASHED, Fate.CUT_OFF]
    assert {verdict.fate for verdict in outside.values()} == {Fate.CRASHED}


@pytest.mark.parametrize(
    ("fate", "fields", "status", "reason"),
    [
        (Fate.CRASHED, {}, JobStatus.PENDING, None),
        (Fate.CRASHED, {"crashes": 2}, JobStatus.FAILED, Reason.CRASHED),
        (Fate.CUT_OFF, {}, JobStatus.PENDING, None),
        (Fate.CUT_OFF, {"max_crashes": 1}, JobStatus.FAILED, Reason.CRASHED),
        (Fate.CANCELLED, {}, JobStatus.CANCELLED, None),
        (Fate.TIMED_OUT, {}, JobStatus.EXPIRED, Reason.TIMED_OUT),
        (Fate.TIMED_OUT, {"type": "fail.once"}, JobStatus.RETRYING, None),
        (Fate.TIMED_OUT, {"type": "gone"}, JobStatus.PENDING, None),
        (None, {"max_crashes": 1, "crashes": 0}, JobStatus.PENDING, None),
    ],
)
def test_what_becomes_of_the_claims_of_a_dead_child(
    fate: Fate | None, fields: dict[str, Any], status: JobStatus, reason: Reason | None
) -> None:
    held = claim(**fields)
    verdicts = {} if fate is None else {key_of(held): Verdict(fate, "so it went")}

    (outcome,) = outcomes_of(Aftermath("w.1", verdicts, {}, 5), [held], PLANS)

    assert (outcome.status, outcome.reason) == (status, reason)
    counted = (fate is Fate.CRASHED) or fields.get("max_crashes") == 1 or fields.get("type") == "gone"
    assert outcome.crashes - held.crashes == (1 if counted and fate is not None else 0)


def test_a_death_is_told_in_words() -> None:
    assert death(7) == "its process ended with exit code 7"
    assert death(-signal.SIGSEGV) == "its process was killed by signal 11, SIGSEGV"
    assert "out of memory" in death(-signal.SIGKILL)


def test_the_push_says_how_long_or_its_type_or_its_queue_or_the_application_or_the_worker() -> None:
    def timeouts(app: Conveyor, worker_timeout: float | None, **options: Any) -> tuple[float, float, float]:
        app.job("timed", timeout=4)(print)
        app.job("other")(print)
        app.queue("reports", timeout=timedelta(seconds=3))
        assert app.queue("reports").name == "reports"
        plans = plans_of(app, worker_timeout)
        return (
            plans["timed"].timeout_of(claim(queue="reports", **options)) / BILLION,
            plans["other"].timeout_of(claim(queue="reports", **options)) / BILLION,
            plans["other"].timeout_of(claim(queue="elsewhere", **options)) / BILLION,
        )

    assert timeouts(Conveyor("memory://"), 1) == (4, 3, 1)
    assert timeouts(Conveyor("memory://", timeout=2), 1) == (4, 3, 2)
    assert timeouts(Conveyor("memory://"), None) == (4, 3, 0)
    assert timeouts(Conveyor("memory://"), 1, options='{"timeout":2.5}') == (2.5, 2.5, 2.5)


def test_the_retry_strategy_of_a_job_that_runs_once_is_none() -> None:
    assert isinstance(plans_of(jobs.app, None)["note.once"].retry_of(claim()), NoRetry)
