from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.lifecycle import (
    MOVES,
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
from conveyor.records import Claim, Failure, JobId, JobStatus, NewJob, Outcome, Reason
from conveyor.retry import ExponentialBackoff, NoRetry, RetrySchedule
from tests.contract.stores import START, a_job, an_id

JOB_ID: JobId = an_id()

claims = st.builds(
    Claim,
    id=st.just(JOB_ID),
    attempt=st.integers(1, 99),
    type=st.just("t"),
    queue=st.just("a"),
    priority=st.just(500),
    payload=st.just("{}"),
    options=st.just(""),
    failures=st.integers(0, 20),
    crashes=st.integers(0, 5),
    max_crashes=st.integers(1, 5),
    pushed_at=st.just(START),
)
reasons = st.sampled_from(Reason)


def a_failure(claim: Claim, reason: Reason = Reason.FAILED) -> Failure:
    return Failure(
        attempt=claim.attempt,
        reason=reason,
        error_type="builtins.ValueError",
        message="it broke",
        started_at=START,
        ended_at=START + 5,
    )


def every_outcome(claim: Claim, reason: Reason, follow_ups: tuple[NewJob, ...] = ()) -> dict[str, Outcome]:
    failure = a_failure(claim, reason)
    return {
        "after_success": after_success(claim, "1", follow_ups=follow_ups),
        "after_failure, retried": after_failure(claim, failure, RetrySchedule([60] * 99)),
        "after_failure, for good": after_failure(claim, failure, NoRetry()),
        "after_failure, not allowed": after_failure(claim, failure, RetrySchedule([60] * 99), allowed=False),
        "after_crash": after_crash(claim, failure),
        "given_up": given_up(claim, failure),
        "unreadable": unreadable(claim, failure),
        "handed_back": handed_back(claim),
        "snoozed": snoozed(claim, 60),
        "held": held(claim, "type unknown"),
        "cancelled": cancelled(claim, "why"),
    }


def test_every_status_has_its_moves() -> None:
    assert set(MOVES) == set(JobStatus)
    assert all(after in MOVES for moves in MOVES.values() for after in moves)


def test_a_job_runs_only_from_waiting_and_comes_back_only_from_the_dead_letters() -> None:
    to = {after: {before for before in MOVES if after in MOVES[before]} for after in JobStatus}

    assert to[JobStatus.PROCESSING] == {JobStatus.PENDING, JobStatus.RETRYING}
    assert to[JobStatus.PENDING] == {JobStatus.PROCESSING, JobStatus.FAILED, JobStatus.EXPIRED}
    assert MOVES[JobStatus.COMPLETED] == MOVES[JobStatus.CANCELLED] == frozenset()


@pytest.mark.parametrize("status", JobStatus)
def test_the_claims_of_a_status_agree_with_its_moves(status: JobStatus) -> None:
    assert status.is_active == (JobStatus.CANCELLED in MOVES[status])
    assert status.is_failure == (MOVES[status] == {JobStatus.PENDING})
    if not MOVES[status]:
        assert status.is_final
    assert not (status.is_active and (status.is_final or status.is_failure))


@given(claims, reasons)
def test_every_outcome_is_a_move_that_a_running_job_may_make(claim: Claim, reason: Reason) -> None:
    for outcome in every_outcome(claim, reason).values():
        assert outcome.status in MOVES[JobStatus.PROCESSING]
        assert outcome.claim is claim


@given(claims, reasons)
def test_failures_and_crashes_never_shrink_and_grow_one_at_a_time(claim: Claim, reason: Reason) -> None:
    for outcome in every_outcome(claim, reason).values():
        assert outcome.failures - claim.failures in {0, 1}
        assert outcome.crashes - claim.crashes in {0, 1}
        assert (outcome.failures, outcome.crashes) != (claim.failures + 1, claim.crashes + 1)


@given(claims, reasons)
def test_only_what_goes_to_the_dead_letters_has_a_reason_and_that_of_its_failure(claim: Claim, reason: Reason) -> None:
    for outcome in every_outcome(claim, reason).values():
        assert outcome.reason == (reason if outcome.status.is_failure else None)
        if outcome.status.is_failure:
            assert outcome.failure is not None


@given(claims, reasons)
def test_only_what_waits_again_has_a_delay_and_only_what_is_held_is_held(claim: Claim, reason: Reason) -> None:
    for name, outcome in every_outcome(claim, reason).items():
        assert outcome.delay is None or outcome.delay >= 0
        if outcome.delay != 0:
            assert outcome.status in {JobStatus.PENDING, JobStatus.RETRYING}
        assert outcome.held == (name == "held")


@given(claims)
def test_handing_back_snoozing_and_holding_cost_nothing(claim: Claim) -> None:
    for outcome in (handed_back(claim), snoozed(claim, 60), held(claim, "why")):
        assert (outcome.status, outcome.failures, outcome.crashes) == (
            JobStatus.PENDING,
            claim.failures,
            claim.crashes,
        )
        assert outcome.failure is None


@given(claims)
def test_a_success_completes_with_its_result_and_what_it_pushed(claim: Claim) -> None:
    follow_up = a_job()

    outcome = after_success(claim, '"sent"', started_at=1, ended_at=2, follow_ups=(follow_up,))

    assert (outcome.status, outcome.result, outcome.follow_ups) == (JobStatus.COMPLETED, '"sent"', (follow_up,))
    assert (outcome.started_at, outcome.ended_at, outcome.failures) == (1, 2, claim.failures)


@given(claims, st.integers(1, 25), reasons)
def test_a_failure_is_retried_until_the_failures_are_used_up(claim: Claim, max_attempts: int, reason: Reason) -> None:
    strategy = ExponentialBackoff(max_attempts, base=60, jitter="none")

    outcome = after_failure(claim, a_failure(claim, reason), strategy)

    assert outcome.failures == claim.failures + 1
    if claim.failures + 1 < max_attempts:
        assert (outcome.status, outcome.delay) == (JobStatus.RETRYING, strategy.delay(claim.failures + 1))
    else:
        assert outcome.status is (JobStatus.EXPIRED if reason is Reason.TIMED_OUT else JobStatus.FAILED)
        assert outcome.delay == 0


@given(claims)
def test_crashes_do_not_use_up_the_failures(claim: Claim) -> None:
    outcome = after_failure(claim, a_failure(claim), ExponentialBackoff(claim.failures + 2))

    assert outcome.status is JobStatus.RETRYING
    assert outcome.crashes == claim.crashes


@given(claims, st.floats(0, 1e6))
def test_a_delay_that_the_job_asked_for_wins(claim: Claim, delay: float) -> None:
    outcome = after_failure(claim, a_failure(claim), RetrySchedule([60] * 99), delay=delay)

    assert (outcome.status, outcome.delay) == (JobStatus.RETRYING, delay)


@given(claims)
def test_an_error_that_is_not_allowed_is_not_retried(claim: Claim) -> None:
    outcome = after_failure(claim, a_failure(claim), RetrySchedule([60] * 99), allowed=False, delay=5)

    assert (outcome.status, outcome.failures) == (JobStatus.FAILED, claim.failures + 1)


@given(claims)
def test_a_crash_is_offered_again_in_its_place_until_the_crashes_are_used_up(claim: Claim) -> None:
    outcome = after_crash(claim, a_failure(claim, Reason.CRASHED))

    assert (outcome.crashes, outcome.failures) == (claim.crashes + 1, claim.failures)
    if claim.crashes + 1 < claim.max_crashes:
        assert (outcome.status, outcome.delay) == (JobStatus.PENDING, None)
    else:
        assert (outcome.status, outcome.reason) == (JobStatus.FAILED, Reason.CRASHED)


@given(claims)
def test_giving_up_counts_as_a_failure_and_an_unreadable_payload_does_not(claim: Claim) -> None:
    gave_up = given_up(claim, a_failure(claim, Reason.GIVEN_UP))
    broken = unreadable(claim, a_failure(claim, Reason.UNREADABLE))

    assert (gave_up.status, gave_up.failures) == (JobStatus.FAILED, claim.failures + 1)
    assert (broken.status, broken.failures) == (JobStatus.FAILED, claim.failures)


@given(claims, reasons)
def test_the_failure_goes_with_the_outcome_and_gives_it_its_times(claim: Claim, reason: Reason) -> None:
    failure = a_failure(claim, reason)
    made: list[Any] = [
        after_failure(claim, failure, NoRetry()),
        after_failure(claim, failure, RetrySchedule([1] * 99)),
        after_crash(claim, failure),
        given_up(claim, failure),
    ]

    for outcome in made:
        assert (outcome.failure, outcome.started_at, outcome.ended_at) == (failure, START, START + 5)


@given(claims)
def test_a_cancelled_run_keeps_its_note(claim: Claim) -> None:
    outcome = cancelled(claim, "gone", started_at=1, ended_at=2)

    assert (outcome.status, outcome.note, outcome.started_at, outcome.ended_at) == (JobStatus.CANCELLED, "gone", 1, 2)
