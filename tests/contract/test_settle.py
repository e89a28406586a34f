from __future__ import annotations

import msgspec
import pytest

from conveyor.drivers.base import MAX_ERRORS, Driver
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
from conveyor.records import Claim, Counts, Filter, JobStatus, NewJob, Outcome, Reason
from conveyor.retry import NoRetry, RetrySchedule
from conveyor.times import SECOND
from tests.contract.recount import check_counters
from tests.contract.stores import (
    START,
    FakeClock,
    a_failure,
    a_job,
    is_kept,
    jobs,
    one,
    push_one,
    take,
    take_one,
    taken_ids,
)


def counters(driver: Driver) -> Counts:
    return driver.counts(["a"])[0].by_priority[500]


def with_follow_ups(outcome: Outcome, *new: NewJob) -> Outcome:
    return msgspec.structs.replace(outcome, follow_ups=new)


def test_a_completed_job_becomes_history_with_its_result(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)
    claim = take_one(driver)
    clock.step(3)

    answers = driver.settle([after_success(claim, '{"sent":true}', started_at=START + 1, ended_at=START + 2)])

    job = one(driver, job_id)
    assert answers == [True]
    assert (job.status, job.result) == (JobStatus.COMPLETED, '{"sent":true}')
    assert (job.started_at, job.finished_at) == (START + 1, START + 3 * SECOND)
    assert (job.lease_until, job.worker, job.failures, job.crashes) == (None, "w", 0, 0)
    assert (counters(driver).completed, counters(driver).processing) == (1, 0)
    assert taken_ids(driver) == []


def test_a_completed_job_may_have_no_result(driver: Driver) -> None:
    job_id = push_one(driver)

    driver.settle([after_success(take_one(driver), None)])

    assert one(driver, job_id).result is None


def test_without_a_started_at_the_moment_of_the_claim_stays(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)
    claim = take_one(driver)
    clock.step(3)

    driver.settle([after_success(claim, None)])

    assert one(driver, job_id).started_at == START


def test_a_cancelled_run_becomes_history_with_its_note(driver: Driver) -> None:
    job_id = push_one(driver)

    driver.settle([cancelled(take_one(driver), "no longer wanted")])

    job = one(driver, job_id)
    assert (job.status, job.note, job.finished_at) == (JobStatus.CANCELLED, "no longer wanted", START)
    assert (counters(driver).cancelled, counters(driver).dead) == (1, 0)


def test_a_failed_job_waits_for_its_next_attempt(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)
    claim = take_one(driver)
    failure = a_failure(claim, worker="w", traceback="Traceback …", started_at=START, ended_at=START + 1)

    driver.settle([after_failure(claim, failure, RetrySchedule([60]))])

    job = one(driver, job_id)
    assert (job.status, job.due_at, job.failures, job.errors) == (
        JobStatus.RETRYING,
        START + 60 * SECOND,
        1,
        (failure,),
    )
    assert (job.lease_until, job.started_at, job.finished_at) == (None, None, None)
    assert (counters(driver).delayed, counters(driver).retried, counters(driver).failed) == (1, 1, 0)
    clock.step(59)
    assert take(driver) == []
    clock.step(1)
    again = take_one(driver)
    assert (again.id, again.attempt, again.failures) == (job_id, 2, 1)


def test_a_retry_without_delay_is_ready_at_once(driver: Driver) -> None:
    job_id = push_one(driver)
    claim = take_one(driver)

    driver.settle([after_failure(claim, a_failure(claim), RetrySchedule([0]))])

    assert (one(driver, job_id).status, counters(driver).ready) == (JobStatus.RETRYING, 1)
    assert taken_ids(driver) == [job_id]


@pytest.mark.parametrize("end", ["failed", "timed out", "given up", "unreadable", "crashed"])
def test_a_job_that_ends_badly_becomes_a_dead_letter_with_its_reason(
    driver: Driver, clock: FakeClock, end: str
) -> None:
    job_id = push_one(driver, max_crashes=1)
    claim = take_one(driver)
    clock.step(3)
    match end:
        case "failed":
            outcome = after_failure(claim, a_failure(claim), NoRetry())
            expected = (JobStatus.FAILED, Reason.FAILED, 1, 0)
        case "timed out":
            outcome = after_failure(claim, a_failure(claim, reason=Reason.TIMED_OUT), NoRetry())
            expected = (JobStatus.EXPIRED, Reason.TIMED_OUT, 1, 0)
        case "given up":
            outcome = given_up(claim, a_failure(claim, reason=Reason.GIVEN_UP))
            expected = (JobStatus.FAILED, Reason.GIVEN_UP, 1, 0)
        case "unreadable":
            outcome = unreadable(claim, a_failure(claim, reason=Reason.UNREADABLE))
            expected = (JobStatus.FAILED, Reason.UNREADABLE, 0, 0)
        case _:
            outcome = after_crash(claim, a_failure(claim, reason=Reason.CRASHED))
            expected = (JobStatus.FAILED, Reason.CRASHED, 0, 1)

    assert driver.settle([outcome]) == [True]

    job = one(driver, job_id)
    assert (job.status, job.reason, job.failures, job.crashes) == expected
    assert (job.errors, job.finished_at) == ((outcome.failure,), START + 3 * SECOND)
    assert (counters(driver).dead, counters(driver).failed) == (1, 1)
    assert taken_ids(driver) == []


def test_a_crash_below_the_limit_is_offered_again_at_once(driver: Driver) -> None:
    job_id = push_one(driver, max_crashes=2)
    claim = take_one(driver)

    driver.settle([after_crash(claim, a_failure(claim, reason=Reason.CRASHED))])

    job = one(driver, job_id)
    assert (job.status, job.crashes, len(job.errors)) == (JobStatus.PENDING, 1, 1)
    again = take_one(driver)
    assert (again.attempt, again.crashes, again.failures) == (2, 1, 0)


def test_a_job_handed_back_is_ready_and_has_paid_nothing(driver: Driver) -> None:
    job_id = push_one(driver)

    driver.settle([handed_back(take_one(driver))])

    job = one(driver, job_id)
    assert (job.status, job.failures, job.crashes, job.errors) == (JobStatus.PENDING, 0, 0, ())
    assert (job.lease_until, job.worker) == (None, "w")
    assert (counters(driver).ready, counters(driver).retried, counters(driver).failed) == (1, 0, 0)
    assert taken_ids(driver) == [job_id]


@pytest.mark.parametrize("ending", ["handed back", "crashed", "held"])
@pytest.mark.in_order
def test_a_job_that_is_offered_again_unfinished_keeps_its_place(driver: Driver, clock: FakeClock, ending: str) -> None:
    first = push_one(driver)
    claim = take_one(driver)
    clock.step(1)
    second = push_one(driver)
    clock.step(1)

    match ending:
        case "handed back":
            driver.settle([handed_back(claim)])
        case "crashed":
            driver.settle([after_crash(claim, a_failure(claim, reason=Reason.CRASHED))])
        case _:
            driver.settle([held(claim, "nobody knows it")])
            driver.tend([claim.type])

    assert one(driver, first).due_at == START
    assert taken_ids(driver) == [first, second]


def test_a_snoozed_job_comes_back_later_and_has_paid_nothing(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)

    driver.settle([snoozed(take_one(driver), 5)])

    job = one(driver, job_id)
    assert (job.status, job.due_at, job.failures, job.crashes) == (JobStatus.PENDING, START + 5 * SECOND, 0, 0)
    assert take(driver) == []
    clock.step(5)
    assert taken_ids(driver) == [job_id]


def test_a_held_job_is_kept_out_of_the_order_with_its_note(driver: Driver, clock: FakeClock) -> None:
    job_id = push_one(driver)

    driver.settle([held(take_one(driver), "nobody here knows 't'")])

    job = one(driver, job_id)
    assert (job.status, job.held, job.note) == (JobStatus.PENDING, True, "nobody here knows 't'")
    assert (counters(driver).held, counters(driver).ready, counters(driver).delayed) == (1, 0, 0)
    clock.step(1000)
    assert take(driver) == []
    assert driver.peek("a") == []


def test_failures_and_crashes_are_stored_as_given(driver: Driver) -> None:
    job_id = push_one(driver)

    driver.settle([msgspec.structs.replace(handed_back(take_one(driver)), failures=7, crashes=5)])

    assert (one(driver, job_id).failures, one(driver, job_id).crashes) == (7, 5)


def test_errors_are_kept_oldest_first(driver: Driver) -> None:
    job_id = push_one(driver)
    messages = ["first", "second", "third"]

    for message in messages:
        claim = take_one(driver)
        driver.settle([after_failure(claim, a_failure(claim, message), RetrySchedule([0] * 9))])

    errors = one(driver, job_id).errors
    assert [failure.message for failure in errors] == messages
    assert [failure.attempt for failure in errors] == [1, 2, 3]


def test_of_too_many_errors_the_first_and_the_newest_are_kept(driver: Driver) -> None:
    job_id = push_one(driver)

    for number in range(MAX_ERRORS + 3):
        claim = take_one(driver)
        driver.settle([after_failure(claim, a_failure(claim, str(number)), RetrySchedule([0] * 99))])

    kept = [failure.message for failure in one(driver, job_id).errors]
    assert kept == ["0", *(str(number) for number in range(4, MAX_ERRORS + 3))]


def test_many_outcomes_are_answered_in_order(driver: Driver) -> None:
    driver.push(jobs(4))
    first, second, third, fourth = take(driver)
    driver.settle([after_success(second, None)])

    answers = driver.settle(
        [
            handed_back(fourth),
            after_success(second, "1"),
            after_success(first, "2"),
            cancelled(third, ""),
        ]
    )

    assert answers == [True, False, True, True]
    assert one(driver, second.id).result is None
    assert driver.settle([]) == []


def test_a_claim_settled_twice_in_one_step_holds_once(driver: Driver) -> None:
    job_id = push_one(driver)
    claim = take_one(driver)

    assert driver.settle([after_success(claim, "1"), after_success(claim, "2")]) == [True, False]
    assert one(driver, job_id).result == "1"
    assert counters(driver).completed == 1


@pytest.mark.parametrize("lost", ["rescued", "settled", "cancelled", "another attempt", "never claimed", "unknown"])
def test_a_claim_that_no_longer_holds_changes_nothing(driver: Driver, lost: str) -> None:
    job_id = push_one(driver)
    if lost == "never claimed":
        claim = Claim(job_id, 0, "t", "a", 500, "{}", "", 0, 0, 3, START)
    elif lost == "unknown":
        claim = Claim(a_job().id, 1, "t", "a", 500, "{}", "", 0, 0, 3, START)
    else:
        claim = take_one(driver)
        match lost:
            case "rescued":
                driver.settle([after_crash(claim, a_failure(claim, reason=Reason.CRASHED))])
            case "settled":
                driver.settle([after_success(claim, '"first"')])
            case "cancelled":
                driver.settle([cancelled(claim, "")])
            case _:
                driver.settle([handed_back(claim)])
                take_one(driver, worker="w2")
    follow_up = a_job()
    before = one(driver, job_id), driver.counts()

    answers = driver.settle([with_follow_ups(after_success(claim, '"late"'), follow_up)])

    assert answers == [False]
    assert (one(driver, job_id), driver.counts()) == before
    assert not is_kept(driver, follow_up.id)


@pytest.mark.parametrize("end", ["handed back", "snoozed", "held", "retrying", "crashed"])
def test_a_job_asked_to_be_cancelled_ends_as_cancelled_instead_of_waiting_again(driver: Driver, end: str) -> None:
    job_id = push_one(driver, unique="u")
    claim = take_one(driver)
    driver.cancel([job_id])
    outcome = {
        "handed back": handed_back(claim),
        "snoozed": snoozed(claim, 60),
        "held": held(claim, "type unknown"),
        "retrying": after_failure(claim, a_failure(claim), RetrySchedule([60])),
        "crashed": after_crash(claim, a_failure(claim, reason=Reason.CRASHED)),
    }[end]

    assert driver.settle([outcome]) == [True]

    job = one(driver, job_id)
    assert (job.status, job.finished_at, job.held) == (JobStatus.CANCELLED, START, False)
    assert (job.failures, job.crashes, len(job.errors)) == (
        outcome.failures,
        outcome.crashes,
        1 if outcome.failure else 0,
    )
    assert (counters(driver).cancelled, counters(driver).retried) == (1, 0)
    assert take(driver) == []
    assert push_one(driver, unique="u") != job_id


def test_a_job_asked_to_be_cancelled_may_still_complete_or_fail(driver: Driver) -> None:
    driver.push(jobs(2))
    first, second = take(driver)
    driver.cancel([first.id, second.id])

    driver.settle([after_success(first, "1"), after_failure(second, a_failure(second), NoRetry())])

    assert (one(driver, first.id).status, one(driver, second.id).status) == (JobStatus.COMPLETED, JobStatus.FAILED)


def test_the_counters_agree_after_every_kind_of_outcome(driver: Driver) -> None:
    driver.push([*jobs(7), *jobs(2, priority=1000)])
    claims = take(driver)
    outcomes = [
        after_success(claims[0], None, follow_ups=(a_job("b"),)),
        after_failure(claims[1], a_failure(claims[1]), RetrySchedule([60])),
        after_failure(claims[2], a_failure(claims[2]), NoRetry()),
        handed_back(claims[3]),
        snoozed(claims[4], 60),
        held(claims[5], "type unknown"),
        cancelled(claims[6], ""),
        given_up(claims[7], a_failure(claims[7])),
    ]

    for outcome in outcomes:
        driver.settle([outcome])
        check_counters(driver)


def test_a_claim_on_a_job_that_was_deleted_does_not_hold_its_id_pushed_again_elsewhere(driver: Driver) -> None:
    new = a_job("a")
    driver.push([new])
    old = take_one(driver)
    driver.settle([after_success(old, None)])
    driver.forget(Filter())
    driver.push([msgspec.structs.replace(new, queue="b", priority=750)])
    driver.claim(["b"], limit=1, lease=60, worker="w")

    assert driver.settle([after_success(old, None)]) == [False]

    assert one(driver, new.id).status is JobStatus.PROCESSING
    check_counters(driver)


def test_what_a_run_took_is_kept_with_jobs_that_end(driver: Driver) -> None:
    driver.push(jobs(4))
    done, buried, stopped, again = take(driver)
    took = Memory(100 << 20, 101 << 20, 5 << 30)

    driver.settle(
        [
            msgspec.structs.replace(outcome, memory=took)
            for outcome in (
                after_success(done, "1"),
                given_up(buried, a_failure(buried)),
                cancelled(stopped, "why"),
                handed_back(again),
            )
        ]
    )

    assert [one(driver, claim.id).memory for claim in (done, buried, stopped)] == [took, took, took]
    assert one(driver, again.id).memory is None
    driver.redrive(Filter(ids=(buried.id,)))
    assert one(driver, buried.id).memory is None
    driver.settle([after_success(claim, None) for claim in take(driver)])
    assert one(driver, buried.id).memory is None
