from __future__ import annotations

import json
from dataclasses import InitVar, dataclass, make_dataclass
from decimal import Decimal
from typing import Any

import msgspec
import pydantic
import pytest

from conveyor.arguments import ArgumentSchema
from conveyor.errors import PayloadError
from tests.unit.argument_samples import NOON, Connected, Foreign, Measured, Money, Order, Place, Point, User

INSTANCES: list[Any] = [
    User(1, NOON, ["a"]),
    Money(Decimal("1.50")),
    Place("here", (1.0, 2.0)),
    Order(number=1, at=NOON, lines=[Order(number=2, at=NOON)]),
]


def schema_of(instance: object) -> ArgumentSchema:
    return ArgumentSchema.of_class(type(instance))


each_class = pytest.mark.parametrize("instance", INSTANCES, ids=lambda instance: type(instance).__name__)


@each_class
def test_an_instance_arrives_as_it_was_given(instance: Any) -> None:
    schema = schema_of(instance)

    text = schema.dump_instance(instance)

    assert schema.load_instance(text) == instance
    assert schema.load(text) == ((instance,), {})
    assert isinstance(json.loads(text), dict)


@each_class
def test_a_name_the_class_does_not_have_is_refused(instance: Any) -> None:
    schema = schema_of(instance)
    text = schema.dump_instance(instance)

    with pytest.raises(PayloadError, match="`zz` is unknown"):
        schema.load_instance(text[:-1] + ',"zz":1}')


@each_class
def test_a_missing_field_is_refused(instance: Any) -> None:
    with pytest.raises(PayloadError, match=r"(?i)is missing|required"):
        schema_of(instance).load_instance("{}")


@each_class
def test_an_instance_of_another_class_is_refused(instance: Any) -> None:
    with pytest.raises(PayloadError, match="is not an instance of this class"):
        schema_of(instance).dump_instance(Foreign())


def test_arguments_of_a_class_make_the_instance() -> None:
    schema = ArgumentSchema.of_class(User)

    assert schema.dump((1,), {"born": NOON}) == schema.dump_instance(User(1, NOON))
    with pytest.raises(PayloadError, match="born"):
        schema.dump((1,), {})


def test_an_instance_whose_fields_lie_is_refused() -> None:
    schema = ArgumentSchema.of_class(User)

    with pytest.raises(PayloadError, match=r"`User\.born`: a str would reach the job as datetime"):
        schema.dump_instance(User(1, "2026-01-01T00:00:00"))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(PayloadError, match="`id`: expected `int`, got `str`"):
        schema.dump_instance(User("1", NOON))  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
    with pytest.raises(PayloadError, match="surrogates"):
        schema.dump_instance(User(1, NOON, ["\ud800"]))
    with pytest.raises(PayloadError, match="holds nan"):
        ArgumentSchema.of_class(Measured).dump_instance(Measured(value=float("nan")))


@dataclass
class NeedsMore:
    x: int
    extra: InitVar[int]

    def __post_init__(self, extra: int) -> None:
        self.x += extra


@dataclass
class Raises:
    x: dict[str, int]

    def __post_init__(self) -> None:
        self.x["needed"]  # pyright: ignore[reportUnusedExpression]


def test_a_class_that_could_not_be_made_again_is_refused_at_registration() -> None:
    with pytest.raises(PayloadError, match="InitVar"):
        ArgumentSchema.of_class(NeedsMore)


def test_what_a_class_raises_while_it_is_made_is_a_payload_error() -> None:
    schema = ArgumentSchema.of_class(Raises)

    with pytest.raises(PayloadError, match="KeyError: 'needed'"):
        schema.load_instance('{"x":{}}')
    with pytest.raises(PayloadError, match="KeyError: 'needed'"):
        schema.dump(({},), {})


class Listed(msgspec.Struct, array_like=True):
    x: int


@pytest.mark.parametrize("kind", [Foreign, dict, int, Point, Listed])
def test_a_class_whose_fields_json_cannot_name_is_no_job(kind: type[Any]) -> None:
    with pytest.raises(PayloadError, match=r"cannot be a job.*make it a dataclass"):
        ArgumentSchema.of_class(kind)


def test_a_field_that_json_cannot_hold_is_named_at_registration() -> None:
    with pytest.raises(PayloadError, match=r"field `by` of the class .*Connected is annotated socket\.socket"):
        ArgumentSchema.of_class(Connected)


class Tagged(msgspec.Struct, tag=True):
    x: int = 1


class Aliased(pydantic.BaseModel):
    number: int = pydantic.Field(alias="No")


class Open(pydantic.BaseModel, extra="allow"): ...


class Chosen(pydantic.BaseModel):
    number: int = pydantic.Field(validation_alias=pydantic.AliasChoices("a", "b"), serialization_alias="a")


def test_tags_aliases_and_what_a_model_allows_are_known_names() -> None:
    for instance in (Tagged(), Aliased(No=1), Open.model_validate({"any": 1}), Chosen.model_validate({"b": 1})):
        schema = schema_of(instance)

        assert schema.load_instance(schema.dump_instance(instance)) == instance


def test_a_class_with_a_forward_reference_is_resolved_at_first_use(monkeypatch: pytest.MonkeyPatch) -> None:
    local = make_dataclass("Local", [("x", "Afterwards")], namespace={"__module__": __name__})
    schema = ArgumentSchema.of_class(local)
    with pytest.raises(PayloadError, match=r"a field of the class .*Local cannot be resolved: name 'Afterwards'"):
        schema.load_instance("{}")

    monkeypatch.setitem(globals(), "Afterwards", int)

    assert schema.load_instance('{"x":1}') == local(1)


def test_a_function_has_no_instances() -> None:
    def job(value: int) -> None: ...

    schema = ArgumentSchema.of_function(job)

    with pytest.raises(PayloadError, match="is a function"):
        schema.dump_instance(User(1, NOON))
    with pytest.raises(PayloadError, match="is a function"):
        schema.load_instance("{}")
