"""What the machine draws: small worlds, in which things collide."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from hypothesis import strategies as st
from msgspec.structs import replace

from conveyor.lifecycle import (
    after_crash,
    after_failure,
    after_success,
    cancelled,
    given_up,
    handed_back,
    held,
    snoozed,
    unreadable,
)
from conveyor.measures import Memory
from conveyor.records import Claim, Edits, Failure, Filter, JobStatus, NewJob, Outcome, Reason, Slot
from conveyor.retry import NoRetry, RetrySchedule
from conveyor.times import SECOND
from conveyor.unique import OnConflict, Until
from tests.contract.stores import an_id

QUEUES: Final = ("a", "b")
TYPES: Final = ("t", "u")
WORKERS: Final = ("w1", "w2")

durations: Final = st.sampled_from([0.0, 0.5, 1.0, 60.0, 250.0, 1000.0])
"""Few enough that one thing's due moment is another's expiry, and exactly the clock's."""
leases: Final = st.sampled_from([1.0, 60.0])


@dataclass(frozen=True)
class Push:
    """A job that may be pushed. Its id, and moments, are only known when it is."""

    id_is_new: bool
    known: int
    """Which of the ids used before, when it is not new."""
    descending: bool
    """Whether the new id sorts before all others that were descending, or after all."""
    queue: str
    type: str
    priority: int
    delay: float
    run_in: float | None
    expires: float | None
    unique: str | None
    until: Until
    ttl: float | None
    on_conflict: OnConflict
    slot: int | None
    max_crashes: int


pushes: Final = st.builds(
    Push,
    id_is_new=st.sampled_from([True] * 5 + [False]),
    known=st.integers(0, 999),
    descending=st.booleans(),
    queue=st.sampled_from(QUEUES),
    type=st.sampled_from(TYPES),
    priority=st.sampled_from([250, 500, 500, 750, 1000]),
    delay=st.sampled_from([0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 60.0, 250.0]),
    run_in=st.sampled_from([None, None, None, None, None, -100.0, 0.0, 1.0, 60.0]),
    expires=st.sampled_from([None, None, None, None, 0.0, 1.0, 60.0, 1000.0]),
    unique=st.sampled_from([None, None, None, "x", "y"]),
    until=st.sampled_from([Until.FINAL, Until.FINAL, Until.START, Until.SUCCESS]),
    ttl=st.sampled_from([None, None, None, 1.0, 60.0]),
    on_conflict=st.sampled_from([OnConflict.IGNORE, OnConflict.REPLACE, OnConflict.RAISE]),
    slot=st.sampled_from([None, None, None, None, 1, 2]),
    max_crashes=st.integers(1, 3),
)


def new_job(push: Push, number: int, used: list[NewJob], now: int) -> NewJob:
    """The job that is pushed; `number` is that of the next new id."""
    if push.id_is_new or not used:
        job_id = an_id(1_000_000 - number if push.descending else 1_000_000 + number)
    else:
        job_id = used[push.known % len(used)].id
    return NewJob(
        id=job_id,
        queue=push.queue,
        type=push.type,
        payload=f'{{"n":{number}}}',
        options='{"metadata":{"tags":["odd"]}}' if number % 2 else "",
        priority=push.priority,
        delay=push.delay,
        run_at=None if push.run_in is None else now + round(push.run_in * SECOND),
        expires=push.expires,
        unique=push.unique,
        unique_until=push.until,
        unique_ttl=push.ttl,
        on_conflict=push.on_conflict,
        slot=None if push.slot is None else Slot("s", push.slot),
        max_crashes=push.max_crashes,
    )


claim_numbers: Final = st.sampled_from([10, 11, 12, 13, 14, 10, 11, 12, 0, 1])


@dataclass(frozen=True)
class Settle:
    """How one of the claims made so far ends, or would end if it still held."""

    claim: int
    """As `SideBySide.claim_of` counts them."""
    how: str
    delay: float
    follow_ups: tuple[Push, ...]


settles: Final = st.builds(
    Settle,
    claim=claim_numbers,
    how=st.sampled_from(
        [
            "complete",
            "complete",
            "retry",
            "bury",
            "time out",
            "give up",
            "crash",
            "unreadable",
            "hand back",
            "snooze",
            "hold",
            "hold",
            "cancel",
        ]
    ),
    delay=durations,
    follow_ups=st.sampled_from([()]) | st.tuples(pushes) | st.tuples(pushes, pushes),
)


def outcome_of(claim: Claim, how: str, delay: float, follow_ups: tuple[NewJob, ...], now: int) -> Outcome:
    """The outcome, made by lifecycle.py as a worker makes it."""
    reasons = {
        "time out": Reason.TIMED_OUT,
        "give up": Reason.GIVEN_UP,
        "crash": Reason.CRASHED,
        "unreadable": Reason.UNREADABLE,
    }
    failure = Failure(
        attempt=claim.attempt,
        reason=reasons.get(how, Reason.FAILED),
        error_type="builtins.ValueError",
        message=f"{how} of attempt {claim.attempt}",
        ended_at=now,
        fingerprint=how,
    )
    outcomes = {
        "complete": after_success(claim, f'"{claim.attempt}"', started_at=now - 1, follow_ups=follow_ups),
        "retry": after_failure(claim, failure, RetrySchedule([delay] * 99)),
        "bury": after_failure(claim, failure, NoRetry()),
        "time out": after_failure(claim, failure, NoRetry()),
        "give up": given_up(claim, failure),
        "crash": after_crash(claim, failure),
        "unreadable": unreadable(claim, failure),
        "hand back": handed_back(claim),
        "snooze": snoozed(claim, delay),
        "hold": held(claim, f"nobody knows {claim.type!r}"),
        "cancel": cancelled(claim, "no longer wanted"),
    }
    return replace(outcomes[how], memory=Memory(1, 2, 3) if how in {"complete", "bury"} else None)


queue_lists: Final = st.sampled_from([("a",), ("b",), ("a", "b"), ("b", "a"), ("a", "b", "never used")])
limits: Final = st.sampled_from([None, None, 0, 1, 2])

filters: Final = st.builds(
    Filter,
    queues=st.sampled_from([(), (), ("a",), ("b",)]),
    types=st.sampled_from([(), (), ("t",)]),
    statuses=st.sampled_from([(), (), (JobStatus.FAILED,), (JobStatus.EXPIRED, JobStatus.COMPLETED)]),
    reasons=st.sampled_from([(), (), (Reason.EXPIRED,), (Reason.FAILED, Reason.CRASHED)]),
    error=st.sampled_from(["", "", "BURY", "attempt 1"]),
    fingerprint=st.sampled_from(["", "", "", "bury"]),
    tag=st.sampled_from(["", "", "odd"]),
)

edits: Final = st.builds(
    Edits,
    payload=st.sampled_from([None, '{"n":"edited"}']),
    queue=st.sampled_from([None, "a", "b"]),
    priority=st.sampled_from([None, 250, 1000]),
    delay=durations,
)
