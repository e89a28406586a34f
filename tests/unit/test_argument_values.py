from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID
from zoneinfo import ZoneInfo

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conveyor.arguments import dump_value, load_value
from conveyor.errors import PayloadError
from tests.unit.argument_samples import (
    FAMILIES,
    ID,
    NOON,
    Colour,
    Level,
    Measured,
    Order,
    Point,
    Size,
    User,
    carried,
    plain,
    taking,
)

# Many types, some examples each.
some = settings(max_examples=25)


@pytest.mark.parametrize("family", FAMILIES)
@some
@given(choose=st.data())
def test_every_value_of_its_annotated_type_arrives_as_it_was_given(family: str, choose: st.DataObject) -> None:
    annotation, values = FAMILIES[family]
    value = choose.draw(values)

    back = carried(annotation, value)

    assert back == value
    assert type(back) is type(value)


@pytest.mark.parametrize("family", FAMILIES)
@some
@given(choose=st.data())
def test_results_are_read_back_as_the_type_asked_for(family: str, choose: st.DataObject) -> None:
    annotation, values = FAMILIES[family]
    value = choose.draw(values)

    assert load_value(dump_value(value), annotation) == value


@pytest.mark.parametrize(
    ("annotation", "lie"),
    [
        (datetime, "2026-03-01T12:00:00"),
        (date, "2026-03-01"),
        (time, "12:00:00"),
        (timedelta, "PT5S"),
        (UUID, str(ID)),
        (Decimal, "1.5"),
        (Decimal, 1.5),
        (Decimal, 1.1),
        (Path, "/tmp"),
        (bytes, "YWJj"),
        (Colour, "red"),
        (Size, "s"),
        (Level, 1),
        (Colour | None, "red"),
        (list[datetime], ["2026-03-01T12:00:00"]),
        (dict[str, UUID], {"a": str(ID)}),
        (User, {"id": 1, "born": NOON}),
        (User, User(1, "2026-03-01T12:00:00")),  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
        (list[Order], [{"number": 1, "at": "2026-03-01T12:00:00"}]),
        (list[int], {1, 2}),
        (float, 2**63 + 1),
        (Any, NOON),
        (Any, ID),
        (Any, Decimal(1)),
        (Any, b"abc"),
        (Any, Colour.RED),
        (Any, {1, 2}),
        (Any, {1: "a"}),
        (Any, User(1, NOON)),
        (Any, Point(1, NOON)),
        (Any, [{"a": (1, {"b": Path("x")})}]),
        (dict[str, Any], {"a": NOON}),
    ],
    ids=repr,
)
def test_what_would_reach_the_job_as_something_else_is_refused(annotation: Any, lie: Any) -> None:
    with pytest.raises(PayloadError, match=r"`value.*would reach the job as"):
        taking(annotation).dump((lie,), {})


@pytest.mark.parametrize(
    ("annotation", "value", "back"),
    [
        (list[int], (1, 2), [1, 2]),
        (tuple[int, ...], [1, 2], (1, 2)),
        (Any, (1, (2,)), [1, [2]]),
        (float, 1, 1.0),
        (str, Size.SMALL, "s"),
        (int, Level.ONE, 1),
        (datetime, NOON.astimezone(ZoneInfo("Europe/Berlin")), NOON),
    ],
)
def test_what_says_the_same_is_taken(annotation: Any, value: Any, back: Any) -> None:
    assert carried(annotation, value) == back


def test_what_is_derived_from_a_plain_type_is_stored_as_that() -> None:
    class Markup(str):
        __slots__ = ()

    class Metres(float):
        pass

    class Count(int):
        pass

    assert carried(str, Markup("a")) == "a"
    assert carried(Any, [Metres(1.5), Count(2)]) == [1.5, 2]


def test_values_that_never_equal_themselves_are_compared_by_their_text() -> None:
    repeated = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"), fold=1)

    assert carried(datetime, repeated).utcoffset() == timedelta(hours=1)
    assert carried(Decimal, Decimal("NaN")).is_nan()


def test_an_offset_that_json_would_round_is_refused() -> None:
    with pytest.raises(PayloadError, match=r"`value`: .* would reach the job as"):
        taking(datetime).dump((datetime(2026, 1, 1, tzinfo=timezone(timedelta(seconds=30))),), {})


@attrs.define(eq=False)
class Opaque:
    when: Any
    _hidden: int = 3


@dataclass
class Quarrelsome:
    x: int

    def __eq__(self, other: object) -> bool:
        raise RuntimeError("not with me")

    def __hash__(self) -> int:
        return self.x


def test_objects_that_cannot_be_compared_are_compared_field_by_field() -> None:
    assert carried(Opaque, Opaque(1)).when == 1
    assert carried(Quarrelsome, Quarrelsome(1)).x == 1
    with pytest.raises(PayloadError, match=r"`value\.when`: a datetime would reach the job as str"):
        taking(Opaque).dump((Opaque(NOON),), {})
    with pytest.raises(PayloadError, match=r"`value\._hidden`: 4 would reach the job as 3"):
        taking(Opaque).dump((Opaque(1, 4),), {})


HOLDING: list[tuple[Any, Callable[[float], Any]]] = [
    (float, lambda number: number),
    (float | None, lambda number: number),
    (Any, lambda number: {"a": [1, (number,)]}),
    (dict[str, float | None], lambda number: {"null": number}),
    (list[float | None], lambda number: [None, number]),
]


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize(("annotation", "wrap"), HOLDING)
def test_numbers_that_json_does_not_have_are_refused(
    annotation: Any, wrap: Callable[[float], Any], number: float
) -> None:
    with pytest.raises(PayloadError, match=f"`value` holds {number}, and JSON has no such number"):
        taking(annotation).dump((wrap(number),), {})


def test_a_nan_inside_a_model_is_refused() -> None:
    with pytest.raises(PayloadError, match="holds nan"):
        taking(Measured).dump((Measured(value=float("nan")),), {})


def test_a_text_that_says_null_is_only_a_text() -> None:
    assert carried(str, "null") == "null"
    assert carried(list[float | None], [None, 1.0]) == [None, 1.0]


def test_what_cannot_be_written_is_refused_by_the_name_of_its_parameter() -> None:
    ring: list[Any] = []
    ring.append(ring)

    for value, problem in [
        (object(), "an object cannot be written as JSON"),
        (1j, "a complex cannot be written as JSON"),
        ("\ud800", "surrogates not allowed"),
        ({"\ud800": 1}, "surrogates not allowed"),
        (10**5000, "4300"),
        (ring, "recursion"),
    ]:
        with pytest.raises(PayloadError, match=f"`value` cannot be stored: .*{problem}"):
            taking(Any).dump((value,), {})


def test_deeply_nested_lookalikes_are_refused_and_do_not_crash() -> None:
    deep: Any = ()
    for _ in range(700):
        deep = (deep,)

    with pytest.raises(PayloadError, match="the arguments cannot be stored"):
        taking(Any).dump((deep,), {})


# ── results ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_result_may_hold_what_json_says_otherwise() -> None:
    result = {1: Path("a"), "at": NOON, "who": User(1, NOON), "ids": {ID}, "order": Order(number=1, at=NOON)}

    assert load_value(dump_value(result)) == {
        "1": "a",
        "at": "2026-03-01T12:00:00Z",
        "who": {"id": 1, "born": "2026-03-01T12:00:00Z", "tags": [], "boss": None},
        "ids": [str(ID)],
        "order": {"number": 1, "at": "2026-03-01T12:00:00Z", "lines": []},
    }


@pytest.mark.parametrize("value", [object(), {"a": float("nan")}, "\ud800", 10**5000, (1 for _ in ())], ids=type)
def test_a_result_that_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(PayloadError, match="JSON"):
        dump_value(value)


def test_a_result_of_another_type_is_refused() -> None:
    with pytest.raises(PayloadError, match="cannot be read as int: expected `int`, got `str`"):
        load_value('"a"', int)
    with pytest.raises(PayloadError, match="cannot be read as"):
        load_value('"a"', str | datetime)


def test_a_result_type_that_cannot_be_hashed_is_read_too() -> None:
    assert load_value("1", Annotated[int, ["not hashable"]]) == 1


@given(text=st.text() | plain.map(json.dumps), kind=st.sampled_from([int, set[UUID], User, Order, Path, None]))
def test_any_result_is_read_or_refused_and_raises_nothing_else(text: str, kind: Any) -> None:
    with contextlib.suppress(PayloadError):
        assert dump_value(load_value(text, kind))
