"""Which slots are taken: the pure part of schedules."""

from __future__ import annotations

from typing import Any

import pytest

from conveyor.cron import Cron, Every
from conveyor.errors import InvalidValue, PayloadError
from conveyor.ids import new_id
from conveyor.records import NewJob, Slot
from conveyor.schedule import (
    CATCH_UP,
    Due,
    Missed,
    Overlap,
    Rule,
    check_schedule_name,
    decode,
    due,
    job_of,
    without_overlap,
)
from conveyor.times import SECOND

MINUTE = 60 * SECOND
NOW = 1_790_000_040 * SECOND
"""A whole minute."""
JOB = NewJob(id=new_id(), queue="q", type="t", payload="[]", options='{"timeout":5}', priority=750)

minutely = Every(60)


@pytest.mark.parametrize("missed", Missed)
def test_nothing_is_due_before_its_moment_and_on_it_one_is(missed: Missed) -> None:
    assert due(minutely, missed, NOW, NOW + MINUTE - 1) is None
    assert due(minutely, missed, NOW, NOW + MINUTE) == Due((NOW + MINUTE,), NOW + MINUTE)


@pytest.mark.parametrize("missed", Missed)
def test_a_minute_late_is_still_on_time(missed: Missed) -> None:
    assert due(Every(3600), missed, NOW, NOW // (3600 * SECOND) * 3600 * SECOND + 3660 * SECOND) == Due(
        (NOW // (3600 * SECOND) * 3600 * SECOND + 3600 * SECOND,),
        NOW // (3600 * SECOND) * 3600 * SECOND + 3600 * SECOND,
    )


def test_what_was_missed_is_passed_over_or_taken_once_or_all() -> None:
    hourly = Cron("0 * * * *")
    first = hourly.next(NOW)
    assert first is not None
    hour = 3600 * SECOND
    much_later = first + 3 * hour + 61 * SECOND

    assert due(hourly, Missed.SKIP, NOW, much_later) == Due((), first + 3 * hour)
    assert due(hourly, Missed.ONCE, NOW, much_later) == Due((first + 3 * hour,), first + 3 * hour)
    assert due(hourly, Missed.ALL, NOW, much_later) == Due(
        (first, first + hour, first + 2 * hour, first + 3 * hour), first + 3 * hour
    )


def test_of_several_on_time_the_latest_is_taken() -> None:
    assert due(Every(1), Missed.SKIP, NOW, NOW + 5 * SECOND) == Due((NOW + 5 * SECOND,), NOW + 5 * SECOND)


def test_many_missed_ones_are_taken_in_steps() -> None:
    first = due(minutely, Missed.ALL, NOW, NOW + 250 * MINUTE)
    assert first is not None
    second = due(minutely, Missed.ALL, first.handled_at, NOW + 250 * MINUTE)
    assert second is not None

    assert (len(first.slots), len(second.slots)) == (CATCH_UP, CATCH_UP)
    assert second.slots[0] == first.slots[-1] + MINUTE


def test_the_job_of_a_slot_has_an_id_of_its_own_and_is_due_at_the_slot() -> None:
    new = job_of("nightly", Rule(minutely), JOB, NOW, NOW)

    assert new.id != JOB.id
    assert (new.slot, new.run_at, new.unique) == (Slot("nightly", NOW), NOW, None)
    assert (new.queue, new.type, new.payload, new.options, new.priority) == ("q", "t", "[]", '{"timeout":5}', 750)


def test_jitter_spreads_slots_alike_on_every_worker() -> None:
    rule = Rule(minutely, jitter=30.0)

    late = [(job_of("n", rule, JOB, NOW + n * MINUTE, NOW).run_at or 0) - NOW - n * MINUTE for n in range(200)]

    assert late == [(job_of("n", rule, JOB, NOW + n * MINUTE, NOW).run_at or 0) - NOW - n * MINUTE for n in range(200)]
    assert 0 <= min(late) < 3 * SECOND
    assert 27 * SECOND < max(late) < 30 * SECOND
    assert job_of("other", rule, JOB, NOW, NOW).run_at != job_of("n", rule, JOB, NOW, NOW).run_at


def test_expiry_counts_from_when_the_job_is_due() -> None:
    import msgspec

    expiring = msgspec.structs.replace(JOB, expires=60.0)

    assert job_of("n", Rule(minutely), expiring, NOW + MINUTE, NOW).expires == 120.0
    assert job_of("n", Rule(minutely), expiring, NOW - MINUTE, NOW).expires == 60.0


def test_without_overlap_a_schedule_has_a_unique_key() -> None:
    assert without_overlap("n", Rule(minutely, overlap=Overlap.SKIP), JOB).unique == "schedule:n"
    assert without_overlap("n", Rule(minutely), JOB).unique is None


@pytest.mark.parametrize(
    "rule",
    [
        Rule(minutely),
        Rule(Every(1.5), jitter=3.0, missed=Missed.ALL, overlap=Overlap.SKIP),
        Rule(Cron("0 8 * * *", "Europe/Berlin"), missed=Missed.ONCE),
    ],
    ids=str,
)
def test_what_is_stored_reads_back(rule: Rule) -> None:
    read, job = decode("n", rule.encode(JOB))

    assert job == JOB
    assert (str(read), read.timezone, read.jitter, read.missed, read.overlap) == (
        str(rule),
        rule.timezone,
        rule.jitter,
        rule.missed,
        rule.overlap,
    )


@pytest.mark.parametrize("text", ["", "{}", "not JSON", Rule(minutely).encode(JOB).replace("60.0", "-1.0")])
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(PayloadError, match="the stored schedule 'n' cannot be read"):
        decode("n", text)


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\nb", None, 7])
def test_a_name_is_visible_text(name: object) -> None:
    with pytest.raises(InvalidValue, match="a schedule's name is "):
        check_schedule_name(name)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"missed": "never"}, "missed is 'never'; give 'skip' or 'once' or 'all'"),
        ({"overlap": "queue"}, "overlap is 'queue'; give 'allow' or 'skip'"),
        ({"jitter": -1}, "jitter is -1; give a duration"),
    ],
)
def test_a_rule_of_words_that_do_not_exist_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        Rule.of(minutely, **given)

    assert says in str(refused.value)
