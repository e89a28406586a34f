from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import msgspec
import pytest

from conveyor import (
    ExponentialBackoff,
    InvalidValue,
    JobCall,
    JobMetadata,
    JobPayload,
    NoRetry,
    PayloadError,
    Priority,
    RetrySchedule,
)
from conveyor.ids import new_id
from conveyor.options import JobOptions
from conveyor.payload import CRITICAL_TIMEOUT, check_queue_name

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
NAIVE = NOON.replace(tzinfo=None)
CALL: JobCall[None] = JobCall("email.welcome", (7, "ada@example.org"))


@dataclass(frozen=True)
class SendInvoice:
    invoice_id: int

    def handle(self) -> None: ...


class OwnStrategy:
    max_attempts = 2

    def should_retry(self, failures: int) -> bool:
        return failures < 2

    def delay(self, failures: int) -> float:
        return 1.0

    def allows(self, error: BaseException) -> bool:
        return True


# ── factories ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_payload_says_nothing_but_its_job_unless_told() -> None:
    payload = JobPayload(CALL)

    assert payload.job is CALL
    said = {field.name: getattr(payload, field.name) for field in dataclasses.fields(payload)}
    assert {name for name, value in said.items() if value is not None} == {"job"}


def test_immediate_is_of_high_priority_and_due_now() -> None:
    payload = JobPayload.immediate(CALL)

    assert (payload.priority, payload.delay, payload.run_at) == (Priority.HIGH, None, None)


@pytest.mark.parametrize("delay", [300, 300.0, timedelta(minutes=5)])
def test_delayed_is_due_after_its_delay(delay: float | timedelta) -> None:
    payload = JobPayload.delayed(CALL, delay)

    assert payload.delay == 300.0
    assert payload == JobPayload.delayed(CALL, delay=300)


def test_critical_has_critical_priority_and_a_timeout() -> None:
    assert JobPayload.critical(CALL).priority is Priority.CRITICAL
    assert JobPayload.critical(CALL).timeout == CRITICAL_TIMEOUT
    assert JobPayload.critical(CALL, timeout=timedelta(seconds=5)).timeout == 5.0


def test_background_has_low_priority_and_retries() -> None:
    assert JobPayload.background(CALL).priority is Priority.LOW
    assert JobPayload.background(CALL).retry == ExponentialBackoff()
    assert JobPayload.background(CALL, retry=RetrySchedule([1])).retry == RetrySchedule([1])


def test_create_takes_everything_by_name() -> None:
    id = new_id()
    payload = JobPayload.create(
        SendInvoice(4),
        queue="billing",
        priority="low",
        run_at=NOON,
        expires=timedelta(hours=1),
        timeout=30,
        retry=NoRetry(),
        metadata={"tenant": 7},
        unique="invoice-4",
        id=str(id),
    )

    assert payload.job == SendInvoice(4)
    assert payload.queue == "billing"
    assert payload.priority is Priority.LOW
    assert payload.run_at == NOON
    assert payload.expires == 3600.0
    assert payload.timeout == 30.0
    assert payload.retry == NoRetry()
    assert payload.metadata == JobMetadata(fields={"tenant": 7})
    assert payload.unique == "invoice-4"
    assert payload.id == id


def test_factories_take_the_other_options_too() -> None:
    payload = JobPayload.immediate(CALL, queue="emails", unique="7")

    assert (payload.queue, payload.unique) == ("emails", "7")


@pytest.mark.parametrize("factory", [JobPayload.immediate, JobPayload.critical, JobPayload.background])
def test_a_factory_does_not_let_its_priority_be_set_behind_its_back(factory: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^priority is 'low', but this factory sets it; use JobPayload\.create"):
        factory(CALL, priority="low")


# ── values ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_with_id_answers_a_copy() -> None:
    payload, id = JobPayload.delayed(CALL, 5, metadata={"a": 1}, retry=ExponentialBackoff()), new_id()

    named = payload.with_id(id)

    assert payload.id is None
    assert named.id == payload.with_id(str(id)).id == id
    assert dataclasses.replace(named, id=None) == payload
    assert type(named) is JobPayload


@pytest.mark.parametrize("wrong", ["seven", 7, None])
def test_with_id_refuses_what_is_no_uuid(wrong: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^id is .*; give a UUID or its text"):
        JobPayload(CALL).with_id(wrong)


def test_a_payload_is_frozen() -> None:
    payload: Any = JobPayload(CALL)

    with pytest.raises(dataclasses.FrozenInstanceError):
        payload.delay = 5


def test_a_payload_shows_what_it_says_and_nothing_else() -> None:
    assert repr(JobPayload.delayed(SendInvoice(4), 5)) == "JobPayload(delay=5.0, job=SendInvoice(invoice_id=4))"


@pytest.mark.parametrize("expires", [60, timedelta(minutes=1), NOON])
def test_expires_is_a_duration_or_a_moment(expires: float | timedelta | datetime) -> None:
    assert JobPayload(CALL, expires=expires).expires == (NOON if expires is NOON else 60.0)


# ── what is refused ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "priority",
            "urgent",
            "priority is 'urgent'; give one of critical (1000), high (750), normal (500), low (250)",
        ),
        ("priority", 600, "priority is 600; give one of"),
        ("delay", -1, "delay is -1; give a duration from 0 seconds to 100 years"),
        ("delay", float("nan"), "delay is nan; give a duration from"),
        ("delay", "5m", "delay is '5m'; give seconds as a number, or a timedelta"),
        ("delay", True, "delay is True; give seconds as a number"),
        ("run_at", NAIVE, "which has no time zone; use an aware datetime such as datetime.now(UTC)"),
        ("run_at", 5, "run_at is 5; give an aware datetime such as datetime.now(UTC)"),
        ("expires", NAIVE, "which has no time zone"),
        ("expires", 0, "expires is 0; give more than 0 seconds"),
        ("timeout", 0, "timeout is 0; give more than 0 seconds"),
        ("timeout", -5, "timeout is -5; give a duration from"),
        ("retry", ExponentialBackoff, "give a strategy such as ExponentialBackoff(max_attempts=5)"),
        ("retry", 3, "retry is 3; give a strategy such as"),
        ("retry", OwnStrategy(), "cannot travel with a payload; set it on the job with @app.job(retry=…)"),
        ("metadata", 7, "metadata is 7; give JobMetadata(tags=…, fields=…) or a mapping of free fields"),
        ("metadata", {"a": object()}, "which JSON cannot hold"),
        ("metadata", {7: "a"}, "fields has the name 7; names are text, so write '7'"),
        ("unique", "", "unique is ''; give a key of 1 to 255 characters"),
        ("unique", True, "unique is True; give a key of 1 to 255 characters"),
        ("unique", "x" * 256, "give a key of 1 to 255 characters"),
        ("unique", "half a pair \ud800", "give Unicode text"),
        ("id", "7", "id is '7'; give a UUID or its text"),
        ("queue", "e mails", "queue name is 'e mails'; give 1 to 100 letters, digits and _ . : -"),
    ],
)
def test_an_option_that_breaks_its_rule_is_refused_and_told_why(option: str, value: object, message: str) -> None:
    options: Any = {option: value}

    with pytest.raises(InvalidValue) as refused:
        JobPayload(CALL, **options)

    assert message in str(refused.value)


def test_a_job_is_due_once() -> None:
    with pytest.raises(InvalidValue, match=r"^delay is 5 and run_at is .*; a job is due once, so give one of them$"):
        JobPayload(CALL, delay=5, run_at=NOON)


def test_a_job_that_would_expire_before_it_is_due_is_refused() -> None:
    with pytest.raises(InvalidValue, match=r"^expires is 60\.0 s and delay 300\.0 s, so the job could never begin"):
        JobPayload(CALL, delay=300, expires=60)


def test_an_option_that_does_not_exist_is_refused() -> None:
    options: Any = {"dely": 5}

    with pytest.raises(TypeError, match="dely"):
        JobPayload(CALL, **options)


@pytest.mark.parametrize("job", [SendInvoice, len, "email.welcome", None])
def test_what_is_no_job_is_refused(job: Any) -> None:
    with pytest.raises(InvalidValue, match=r"^job is .*; give a call such as send_welcome\.call\(7\), or an instance"):
        JobPayload(job)


@pytest.mark.parametrize("name", ["a", "emails", "tenant:7.emails-high_1", "x" * 100])
def test_queue_names_hold_letters_digits_and_four_signs(name: str) -> None:
    assert check_queue_name(name) == name


@pytest.mark.parametrize("name", ["", "x" * 101, "a b", "a/b", "é", "a\n", "{a}", 7, None])
def test_other_queue_names_are_refused(name: object) -> None:
    with pytest.raises(InvalidValue) as refused:
        check_queue_name(name)

    assert str(refused.value) == f"queue name is {name!r}; give 1 to 100 letters, digits and _ . : -"


def test_the_name_of_a_dead_letter_queue_is_reserved() -> None:
    with pytest.raises(InvalidValue, match=r"^queue name is 'emails\.dlq'; \.dlq at the end is kept for dead letters"):
        check_queue_name("emails.dlq")


# ── metadata ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_metadata_holds_tags_a_correlation_id_and_free_fields() -> None:
    tags: Any = ["billing", "monthly"]
    metadata = JobMetadata(tags=tags, correlation_id="r-1", fields={"tenant": {"id": 7}})

    assert metadata.tags == ("billing", "monthly")
    assert metadata.correlation_id == "r-1"
    assert metadata.fields == {"tenant": {"id": 7}}


def nested(levels: int) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for _ in range(levels - 1):
        fields = {"n": fields}
    return fields


def test_metadata_may_be_as_deep_and_as_large_as_its_bounds() -> None:
    assert JobMetadata(fields=nested(100)).fields == nested(100)
    assert len(msgspec.json.encode(JobMetadata(fields={"a": "x" * 65_517}))) == 65_536
    assert JobMetadata(fields={"a": [{}] * 200}).fields == {"a": [{}] * 200}


def test_metadata_whose_fields_were_changed_since_is_refused_when_it_is_pushed() -> None:
    names: list[Any] = ["ada"]
    payload = JobPayload(CALL, metadata={"names": names})

    names.append("\ud800")

    with pytest.raises(InvalidValue, match="metadata has fields that JSON cannot hold"):
        payload.options()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tags": "billing"}, 'tags is \'billing\'; give several words, such as ("billing", "monthly")'),
        ({"tags": 7}, "tags is 7; give several words"),
        ({"tags": ("a", 7)}, "tags holds 7; a tag is text that is not empty"),
        ({"tags": ("",)}, "tags holds ''; a tag is text that is not empty"),
        ({"correlation_id": 7}, "correlation_id is 7; give text, such as str(request_id)"),
        ({"fields": [1]}, "fields is [1]; give a mapping of names to JSON values"),
        ({"fields": {"a": {1j}}}, "which JSON cannot hold"),
        ({"tags": ("a", "\ud800")}, r"a tag is '\ud800', with half of a surrogate pair"),
        ({"correlation_id": "\udfff"}, r"correlation_id is '\udfff', with half of a surrogate pair"),
        ({"fields": {"a": "\ud800"}}, "which JSON cannot hold ('utf-8' codec can't encode character"),
        ({"fields": {"\ud800": 1}}, "which JSON cannot hold ('utf-8' codec can't encode character"),
        ({"fields": {"a": [None, float("nan")]}}, "fields is {'a': [None, nan]}, which JSON cannot hold"),
        ({"fields": {"a": {"b": float("-inf")}}}, "fields is {'a': {'b': -inf}}, which JSON cannot hold"),
        ({"fields": nested(10_000)}, "'n': {...}}}}}}}, which JSON cannot hold (maximum recursion depth exceeded"),
        ({"fields": nested(101)}, "'n': {...}}}}}}}, nested more than 100 deep; make it flatter"),
        ({"fields": {"a": "x" * 65_518}}, "metadata takes 65,537 bytes as JSON, the limit is 65,536; keep the bulk"),
        ({"tags": [f"tag {number}" for number in range(10_000)]}, "metadata takes 108,900 bytes as JSON, the limit"),
    ],
)
def test_metadata_that_breaks_its_rule_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidValue) as refused:
        JobMetadata(**fields)

    assert message in str(refused.value)


def test_metadata_does_not_follow_the_mapping_it_was_made_of() -> None:
    fields = {"tenant": 7}
    payload = JobPayload(CALL, metadata=fields)

    fields["tenant"] = 8

    assert payload.metadata == JobMetadata(fields={"tenant": 7})


# ── options, as they are stored ──────────────────────────────────────────────────────────────────────────────────────


def test_what_is_as_the_job_type_says_takes_no_room_in_the_store() -> None:
    assert JobPayload(CALL, priority="low", delay=5, unique="7").options() == ""
    assert JobOptions().encode() == ""
    assert JobOptions.decode("") == JobOptions()


def test_options_come_back_as_they_went() -> None:
    parent = new_id()
    payload = JobPayload(
        CALL,
        timeout=30,
        retry=ExponentialBackoff(max_attempts=5, retry_on=OSError),
        metadata=JobMetadata(tags=("a", "b"), correlation_id="r-1", fields={"n": [1, None, "x"]}),
    )

    options = JobOptions.decode(payload.options(parent))

    assert options.timeout == 30.0
    assert options.strategy() == payload.retry
    assert options.metadata == payload.metadata
    assert options.parent == parent


def test_stores_find_tags_where_the_contract_says() -> None:
    stored = json.loads(JobPayload(CALL, metadata=JobMetadata(tags=("a", "b"))).options())

    assert stored == {"metadata": {"tags": ["a", "b"]}}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"timeout":"long"}', '{"metadata":{"tags":[7]}}', '{"metadata":{"tags":[""]}}']
)
def test_stored_options_that_cannot_be_read_are_a_payload_error(text: str) -> None:
    with pytest.raises(PayloadError, match=r"^the stored options '.*' cannot be read: "):
        JobOptions.decode(text)


def test_a_stored_strategy_of_no_known_kind_is_a_payload_error() -> None:
    options = JobOptions.decode('{"retry":{"strategy":"fibonacci"}}')

    with pytest.raises(PayloadError, match="fibonacci"):
        options.strategy()


def test_a_moment_in_any_zone_is_kept() -> None:
    there = NOON.astimezone(timezone(timedelta(hours=5)))

    assert JobPayload(CALL, run_at=there).run_at == NOON


def test_an_id_may_be_a_uuid_of_any_version() -> None:
    id = UUID("9e4ed4ac-8e93-4b6a-9d5f-9d7ab8ef5d3e")

    assert JobPayload(CALL, id=id).id == id
