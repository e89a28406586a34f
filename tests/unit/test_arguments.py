from __future__ import annotations

import json
import socket
import types
from collections.abc import Callable
from dataclasses import make_dataclass
from datetime import date, datetime
from enum import Enum
from pathlib import Path
from typing import Any, TypedDict, Unpack

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conveyor.arguments import ArgumentSchema
from conveyor.errors import PayloadError
from tests.unit import argument_samples
from tests.unit.argument_samples import (
    FAMILIES,
    NOON,
    Connected,
    Foreign,
    Money,
    Order,
    Place,
    User,
    carried,
    plain,
    taking,
)


class Needs(TypedDict):
    since: date


def send_welcome(user_id: int, email: str) -> None: ...


def everything(
    a: int, b: str = "b", /, c: float = 1.0, *rest: int, d: date, e: str = "e", **more: datetime
) -> None: ...


def dump(function: Callable[..., object], *args: Any, **kwargs: Any) -> str:
    return ArgumentSchema.of_function(function).dump(args, kwargs)


def round_trip(function: Callable[..., object], *args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    schema = ArgumentSchema.of_function(function)
    return schema.load(schema.dump(args, kwargs))


# ── binding ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_is_one_object_by_parameter_name() -> None:
    assert dump(send_welcome, 7, email="ada@example.org") == '{"user_id":7,"email":"ada@example.org"}'


def test_the_same_call_gives_the_same_text_however_it_is_written() -> None:
    texts = {dump(send_welcome, 7, "a"), dump(send_welcome, 7, email="a"), dump(send_welcome, email="a", user_id=7)}

    assert len(texts) == 1


def test_arguments_that_were_not_given_are_left_out_and_keep_their_default() -> None:
    def job(a: int, b: int = 1, *, c: datetime = NOON, d: int | None = None) -> None: ...

    assert dump(job, 5, d=None) == '{"a":5,"d":null}'
    assert round_trip(job, 5, d=None) == ((), {"a": 5, "d": None})
    assert dump(job, 5, 1) == '{"a":5,"b":1}'


@given(
    args=st.tuples(st.integers()) | st.tuples(st.integers(), st.text("xyz"), st.floats(0, 9)),
    rest=st.lists(st.integers(), max_size=3),
    keywords=st.dictionaries(st.sampled_from(["e", "k", "a", "b"]), st.text("xyz"), max_size=3),
)
def test_a_call_of_every_kind_of_parameter_arrives_as_it_was_made(
    args: tuple[Any, ...], rest: list[int], keywords: dict[str, Any]
) -> None:
    def record(a: int, b: str = "b", /, c: float = 1.0, *rest: int, d: int, e: str = "e", **more: str) -> object:
        return a, b, c, rest, d, e, more

    args = (*args, *rest) if len(args) == 3 else args

    got_args, got_kwargs = round_trip(record, *args, d=4, **keywords)

    assert record(*got_args, **got_kwargs) == record(*args, d=4, **keywords)


def test_variable_arguments_are_stored_under_their_own_names() -> None:
    text = dump(everything, 1, "x", 2.5, 3, 4, d=date(2026, 1, 2), a=NOON)

    assert json.loads(text) == {
        "a": 1,
        "b": "x",
        "c": 2.5,
        "rest": [3, 4],
        "d": "2026-01-02",
        "more": {"a": "2026-03-01T12:00:00Z"},
    }


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "problem"),
    [
        (send_welcome, (1,), {}, "missing a required argument: 'email'"),
        (send_welcome, (1, "a", 2), {}, "too many positional arguments"),
        (send_welcome, (1, "a"), {"cc": "b"}, "unexpected keyword argument 'cc'"),
        (send_welcome, (1, "a"), {"email": "b"}, "multiple values for argument 'email'"),
        (send_welcome, ("1", "a"), {}, "`user_id`: expected int, got str"),
        (send_welcome, (True, "a"), {}, "`user_id`: expected int, got bool"),
        (send_welcome, (1.0, "a"), {}, "`user_id`: expected int, got float"),
        (send_welcome, (1, None), {}, "`email`: expected str, got NoneType"),
        (everything, (1,), {}, "missing a required .*argument: 'd'"),
        (everything, (1,), {"d": NOON.date(), "z": "x"}, "`more.+`: invalid RFC3339"),
        (everything, (1, "b", 1.0, "x"), {"d": NOON.date()}, r"`rest\[0\]`: expected `int`, got `str`"),
    ],
)
def test_a_call_that_python_or_the_annotations_would_refuse_is_refused(
    function: Callable[..., object], args: tuple[Any, ...], kwargs: dict[str, Any], problem: str
) -> None:
    schema = ArgumentSchema.of_function(function)

    with pytest.raises(PayloadError, match=problem) as caught:
        schema.dump(args, kwargs)

    assert f"{function.__module__}.{function.__qualname__}" in str(caught.value)
    assert "it takes (" in str(caught.value)


def test_a_message_shows_the_signature_without_the_values_of_defaults() -> None:
    def job(a: int, token: str = "s3cret") -> None: ...

    with pytest.raises(PayloadError, match=r"it takes \(a: int, token: str = …\)"):
        dump(job)


def test_names_that_mean_something_elsewhere_are_plain_parameters() -> None:
    def job(self: int, args: int, kwargs: int, type: int, __struct_fields__: int = 0) -> None: ...

    assert round_trip(job, 1, 2, 3, type=4) == ((), {"self": 1, "args": 2, "kwargs": 3, "type": 4})


def test_keywords_by_a_typed_dict_are_checked_key_by_key() -> None:
    def job(**options: Unpack[Needs]) -> None: ...

    assert round_trip(job, since=NOON.date()) == ((), {"since": NOON.date()})
    with pytest.raises(PayloadError, match="`since` is missing"):
        dump(job)
    with pytest.raises(PayloadError, match="'dry' would not reach the job"):
        dump(job, since=NOON.date(), dry=True)


def test_a_callable_object_has_the_name_of_its_class() -> None:
    class Sender:
        def __call__(self, a: int) -> None: ...

    with pytest.raises(PayloadError, match=r"test_arguments\.\S*Sender: missing a required argument: 'a'"):
        dump(Sender())


# ── registration ─────────────────────────────────────────────────────────────────────────────────────────────────────


class Mixed(Enum):
    A = "a"
    B = 1


@pytest.mark.parametrize(
    "annotation",
    [
        Foreign,
        socket.socket,
        list[Foreign],
        dict[str, Foreign | None],
        Connected,
        list[Connected],
        complex,
        Callable[[], int],
        str | datetime,
        Path | str,
        Mixed,
        type[int],
        "1 +",
    ],
    ids=str,
)
def test_a_type_that_json_cannot_hold_is_refused_at_registration(annotation: Any) -> None:
    with pytest.raises(PayloadError, match=r"parameter `value` of .*job is annotated .*; (annotate it|correct it)"):
        taking(annotation)


def test_a_class_that_holds_itself_can_be_registered() -> None:
    assert carried(list[User], [User(1, NOON, boss=User(2, NOON))])[0].boss.id == 2


def test_a_forward_reference_is_resolved_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    schema = taking("Later")
    with pytest.raises(
        PayloadError, match=r"parameter `value` of .*job is annotated 'Later', which cannot be resolved"
    ):
        schema.dump((1,), {})
    with pytest.raises(PayloadError, match="cannot be resolved"):
        schema.load("{}")

    monkeypatch.setattr(argument_samples, "Later", int, raising=False)

    assert schema.load(schema.dump((1,), {})) == ((1,), {})


def test_a_forward_reference_inside_a_class_is_resolved_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    local = make_dataclass("Local", [("x", "Inner")], namespace={"__module__": __name__})
    schema = taking(types.GenericAlias(list, (local,)))
    with pytest.raises(
        PayloadError, match=r"parameter `value` of .*job is annotated .* cannot be resolved: name 'Inner'"
    ):
        schema.dump(([],), {})

    monkeypatch.setitem(globals(), "Inner", int)

    assert schema.load(schema.dump(([local(1)],), {})) == (([local(1)],), {})


def test_a_result_type_that_cannot_be_resolved_is_no_hindrance() -> None:
    def job(value: int) -> None: ...

    job.__annotations__["return"] = "Missing"

    assert dump(job, 1) == '{"value":1}'


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("\ud800", "not JSON"),
        ('{"user_id":1,"email":"\ud800"}', "not JSON"),
        ("[" * 100_000, "expected dict"),
        ("null", "expected dict, got None"),
        ("[1]", "expected dict, got list"),
        ('{"user_id":1}', "`email` is missing"),
        ('{"user_id":1,"email":"a","cc":"b"}', "`cc` is unknown"),
        ('{"user_id":"1","email":"a"}', "`user_id`: expected `int`, got `str`"),
        ("cv1.s.2026.abc.{}", "envelope of a codec"),
    ],
)
def test_a_payload_that_no_longer_fits_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(PayloadError, match=problem) as caught:
        ArgumentSchema.of_function(send_welcome).load(text)

    assert "send_welcome(user_id: int, email: str)" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"a":1,"d":"2026-01-01","rest":[1]}', "`b` is missing, but `rest` after it is given by position"),
        ('{"a":1,"d":"2026-01-01","b":"x","rest":[1]}', "`c` is missing, but `rest`"),
        ('{"a":1,"d":"2026-01-01","more":{"c":"2026-01-01T00:00:00"}}', "`c` is given twice"),
        ('{"a":1,"d":"2026-01-01","more":[]}', "`more`: expected dict, got list"),
    ],
)
def test_a_payload_that_no_call_could_have_made_is_refused(text: str, problem: str) -> None:
    with pytest.raises(PayloadError, match=problem):
        ArgumentSchema.of_function(everything).load(text)


def test_a_parameter_after_a_gap_is_given_by_name() -> None:
    text = '{"a":1,"d":"2026-01-01","c":2.0,"rest":[]}'

    assert ArgumentSchema.of_function(everything).load(text) == ((1,), {"c": 2.0, "d": date(2026, 1, 1)})


SCHEMAS = {
    "call": ArgumentSchema.of_function(everything),
    "dataclass": ArgumentSchema.of_class(User),
    "struct": ArgumentSchema.of_class(Money),
    "attrs": ArgumentSchema.of_class(Place),
    "model": ArgumentSchema.of_class(Order),
    **{family: taking(annotation) for family, (annotation, _) in FAMILIES.items()},
}


@pytest.mark.parametrize("name", SCHEMAS)
@settings(max_examples=25)  # of each of many types
@given(text=st.text() | plain.map(json.dumps) | plain.map(lambda value: json.dumps({"value": value, "a": value})))
def test_any_text_is_read_or_refused_and_raises_nothing_else(name: str, text: str) -> None:
    try:
        args, kwargs = SCHEMAS[name].load(text)
    except PayloadError:
        return
    assert isinstance(args, tuple)
    assert isinstance(kwargs, dict)
