from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conveyor.errors import InvalidValue
from conveyor.retry import (
    ExponentialBackoff,
    NoRetry,
    RetrySchedule,
    RetryStrategy,
    check_retry,
    load_retry,
    store_retry,
)
from conveyor.times import LONGEST

durations = st.floats(0, LONGEST)
names = st.lists(st.sampled_from(["builtins.ValueError", "app.Gone", "builtins.OSError"]), max_size=3)

backoffs = st.builds(
    ExponentialBackoff,
    max_attempts=st.integers(1, 10**6),
    base=durations,
    maximum=durations,
    jitter=st.sampled_from(["full", "none"]),
    retry_on=names,
    give_up_on=names,
)
schedules = st.builds(RetrySchedule, st.lists(durations, min_size=1, max_size=20), retry_on=names, give_up_on=names)
strategies = st.one_of(backoffs, schedules, st.just(NoRetry()))


class Gone(Exception):
    """A test's own."""


@given(strategies, st.integers(1, 100))
def test_a_strategy_retries_until_its_attempts_are_used_up(strategy: RetryStrategy, failures: int) -> None:
    assert strategy.should_retry(failures) == (failures < strategy.max_attempts)


@given(strategies, st.integers(1, 10**9))
def test_a_delay_is_a_duration_however_often_a_job_failed(strategy: RetryStrategy, failures: int) -> None:
    assert 0 <= strategy.delay(failures) <= LONGEST


@given(base=st.floats(0.001, 1e6), maximum=durations, failures=st.integers(1, 200))
def test_full_jitter_stays_within_its_bound(base: float, maximum: float, failures: int) -> None:
    bound = ExponentialBackoff(9, base, maximum, jitter="none").delay(failures)

    assert 0 <= ExponentialBackoff(9, base, maximum).delay(failures) <= bound <= maximum


def test_full_jitter_spreads_over_the_whole_range() -> None:
    strategy = ExponentialBackoff(base=100, maximum=1000)

    delays = [strategy.delay(3) for _ in range(2000)]

    assert min(delays) < 40
    assert max(delays) > 360


def test_without_jitter_the_delay_doubles_up_to_the_maximum() -> None:
    strategy = ExponentialBackoff(9, 60, 1000, jitter="none")

    assert [strategy.delay(failures) for failures in range(1, 8)] == [60, 120, 240, 480, 960, 1000, 1000]


def test_a_schedule_waits_exactly_its_delays_and_then_the_last_one() -> None:
    schedule = RetrySchedule([60, timedelta(minutes=5), 1800])

    assert schedule.max_attempts == 4
    assert [schedule.delay(failures) for failures in range(1, 6)] == [60, 300, 1800, 1800, 1800]
    assert [schedule.should_retry(failures) for failures in (1, 3, 4)] == [True, True, False]


def test_no_retry_is_one_attempt() -> None:
    assert (NoRetry().max_attempts, NoRetry().should_retry(1), NoRetry().delay(1)) == (1, False, 0)
    assert not NoRetry().allows(ValueError())


@pytest.mark.parametrize(
    ("filters", "allowed"),
    [
        ({}, [ValueError(), UnicodeError(), OSError(), Gone()]),
        ({"retry_on": ValueError}, [ValueError(), UnicodeError()]),
        ({"retry_on": [ValueError, OSError]}, [ValueError(), UnicodeError(), OSError(), FileNotFoundError()]),
        ({"give_up_on": [ValueError]}, [OSError(), Gone()]),
        ({"retry_on": [Exception], "give_up_on": ["builtins.OSError"]}, [ValueError(), UnicodeError(), Gone()]),
        ({"retry_on": f"{__name__}.Gone"}, [Gone()]),
    ],
)
@pytest.mark.parametrize("kind", ["backoff", "schedule"])
def test_the_kinds_of_error_decide_whether_one_is_retried(
    kind: str, filters: dict[str, Any], allowed: list[BaseException]
) -> None:
    strategy = ExponentialBackoff(**filters) if kind == "backoff" else RetrySchedule([1], **filters)
    errors = [ValueError(), UnicodeError(), OSError(), FileNotFoundError(), Gone()]

    kinds = {type(error) for error in errors if strategy.allows(error)}

    assert {type(error) for error in allowed} <= kinds
    assert all(any(isinstance(error, of) for of in map(type, allowed)) for error in errors if type(error) in kinds)


@given(strategies)
def test_a_strategy_survives_the_store(strategy: RetryStrategy) -> None:
    stored = json.loads(json.dumps(store_retry(strategy)))

    loaded = load_retry(stored)

    assert loaded == strategy
    assert (loaded.max_attempts, type(loaded)) == (strategy.max_attempts, type(strategy))


def test_what_is_stored_names_its_kind() -> None:
    assert store_retry(RetrySchedule([60], give_up_on=ValueError)) == {
        "strategy": "schedule",
        "delays": (60.0,),
        "retry_on": (),
        "give_up_on": ("builtins.ValueError",),
    }


class Linear:
    """A strategy of one's own."""

    max_attempts = 3

    def should_retry(self, failures: int) -> bool:
        return failures < 3

    def delay(self, failures: int) -> float:
        return failures * 10.0

    def allows(self, error: BaseException) -> bool:
        return True


def test_a_strategy_of_ones_own_may_be_set_but_cannot_travel() -> None:
    own = Linear()

    assert check_retry(own) is own
    with pytest.raises(InvalidValue, match=r"cannot travel with a payload; set it on the job with @app\.job"):
        store_retry(own)


@pytest.mark.parametrize(
    "stored",
    [
        {"strategy": "linear"},
        {"strategy": ["none"]},
        {},
        {"strategy": "schedule"},
        {"strategy": "schedule", "delays": []},
        {"strategy": "schedule", "delays": [-1]},
        {"strategy": "exponential", "max_attempts": 0},
        {"strategy": "exponential", "tries": 3},
        {"strategy": "none", "max_attempts": 3},
    ],
)
def test_a_stored_strategy_that_breaks_its_rules_is_refused(stored: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue):
        load_retry(stored)


@pytest.mark.parametrize("value", [ExponentialBackoff, NoRetry, None, 3, "exponential"])
def test_what_is_no_strategy_is_refused(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"retry is .*ExponentialBackoff\(max_attempts=5\)"):
        check_retry(value)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"max_attempts": 0}, "max_attempts is 0"),
        ({"max_attempts": 2.0}, "max_attempts is 2.0"),
        ({"max_attempts": True}, "max_attempts is True"),
        ({"base": -1}, "base is -1"),
        ({"maximum": float("inf")}, "maximum is inf"),
        ({"jitter": "half"}, "jitter is 'half'"),
        ({"retry_on": [int]}, "retry_on holds"),
        ({"give_up_on": ValueError()}, "give_up_on holds"),
    ],
)
def test_a_backoff_that_breaks_its_rules_is_refused(arguments: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InvalidValue, match=complaint):
        ExponentialBackoff(**arguments)


@pytest.mark.parametrize("delays", [[], [-1], ["60"], [float("nan")]])
def test_a_schedule_that_breaks_its_rules_is_refused(delays: list[Any]) -> None:
    with pytest.raises(InvalidValue, match="RetrySchedule"):
        RetrySchedule(delays)


def test_strategies_do_not_change() -> None:
    with pytest.raises(AttributeError):
        ExponentialBackoff().max_attempts = 9  # type: ignore[misc] # pyright: ignore[reportAttributeAccessIssue]
