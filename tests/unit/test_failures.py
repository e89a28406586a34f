from __future__ import annotations

from typing import Any

import pytest

from conveyor import (
    Cancel,
    ExponentialBackoff,
    GiveUp,
    JobCancelled,
    JobStatus,
    JobTimeout,
    NoRetry,
    Reason,
    Retry,
    RetrySchedule,
    Snooze,
)
from conveyor.failures import MAX_MESSAGE, after_error, failure_of
from conveyor.ids import new_id
from conveyor.records import Claim

CLAIM = Claim(new_id(), 3, "work", "default", 500, "{}", "", 1, 0, 3, 0)
TWICE = RetrySchedule([10, 20])


@pytest.mark.parametrize(
    ("error", "status", "reason", "failures", "delay"),
    [
        (ValueError("no"), JobStatus.RETRYING, None, 2, 20.0),
        ("no", JobStatus.RETRYING, None, 2, 20.0),
        (Retry(after=5), JobStatus.RETRYING, None, 2, 5.0),
        (Retry(), JobStatus.RETRYING, None, 2, 20.0),
        (Snooze(7), JobStatus.PENDING, None, 1, 7.0),
        (JobTimeout(), JobStatus.RETRYING, None, 2, 20.0),
        (GiveUp("why"), JobStatus.FAILED, Reason.GIVEN_UP, 2, 0.0),
        (Cancel("gone"), JobStatus.CANCELLED, None, 1, 0.0),
        (JobCancelled(), JobStatus.CANCELLED, None, 1, 0.0),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_what_a_job_raised_says_where_it_goes(
    error: BaseException | str, status: JobStatus, reason: Reason | None, failures: int, delay: float
) -> None:
    outcome = after_error(CLAIM, error, TWICE, worker="w", started_at=1, ended_at=2)

    assert (outcome.status, outcome.reason, outcome.failures, outcome.delay) == (status, reason, failures, delay)


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError(), JobStatus.FAILED, Reason.FAILED),
        ("no", JobStatus.FAILED, Reason.FAILED),
        (Retry(after=5), JobStatus.FAILED, Reason.FAILED),
        (JobTimeout(), JobStatus.EXPIRED, Reason.TIMED_OUT),
    ],
    ids=["exception", "text", "retry", "timeout"],
)
def test_a_job_without_attempts_left_goes_to_the_dead_letters(error: Any, status: JobStatus, reason: Reason) -> None:
    outcome = after_error(CLAIM, error, NoRetry())

    assert (outcome.status, outcome.reason) == (status, reason)


def test_a_strategy_may_refuse_an_exception_but_not_a_wish_to_retry() -> None:
    picky = ExponentialBackoff(retry_on=OSError)

    assert after_error(CLAIM, ValueError(), picky).status is JobStatus.FAILED
    assert after_error(CLAIM, ConnectionError(), picky).status is JobStatus.RETRYING
    assert after_error(CLAIM, Retry(), picky).status is JobStatus.RETRYING
    assert after_error(CLAIM, JobTimeout(), picky).status is JobStatus.EXPIRED


def test_the_note_of_a_cancelled_run_is_what_it_said() -> None:
    assert after_error(CLAIM, Cancel("gone"), TWICE).note == "gone"
    assert after_error(CLAIM, JobCancelled(), TWICE).note == "cancelled while it ran"


def test_a_failure_records_who_what_and_when() -> None:
    with pytest.raises(KeyError) as raised:
        dict[int, int]()[7]

    failure = failure_of(raised.value, CLAIM, worker="w", started_at=1, ended_at=2)

    assert (failure.attempt, failure.reason, failure.error_type, failure.message) == (
        3,
        "failed",
        "builtins.KeyError",
        "7",
    )
    assert (failure.worker, failure.started_at, failure.ended_at) == ("w", 1, 2)
    assert "dict[int, int]()[7]" in failure.traceback


def test_an_error_does_not_outgrow_the_job() -> None:
    failure = failure_of(ValueError("x" * 3 * MAX_MESSAGE + "end"), CLAIM)

    assert (len(failure.message), len(failure.traceback)) == (MAX_MESSAGE, MAX_MESSAGE + 1)
    assert failure.traceback.endswith("end\n")
    assert len(after_error(CLAIM, Cancel("x" * 2 * MAX_MESSAGE), TWICE).note or "") == MAX_MESSAGE


def test_a_message_that_cannot_be_made_does_not_hide_the_failure() -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise KeyError(7)

    failure = failure_of(Mute(), CLAIM)

    assert failure.message == "(its message could not be made: KeyError)"
    assert failure.error_type.endswith("Mute")


def test_text_that_no_store_can_keep_is_escaped() -> None:
    failure = failure_of(ValueError("half \ud83d"), CLAIM)

    assert failure.message == "half \\ud83d"
    failure.traceback.encode()
    assert after_error(CLAIM, Cancel("half \ud83d"), TWICE).note == "half \\ud83d"
