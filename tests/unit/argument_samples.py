"""Types that jobs take, with the values they may have, and the shortest way through a schema."""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, IntFlag, StrEnum
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, NewType, TypedDict
from uuid import UUID

import attrs
import msgspec
import pydantic
from hypothesis import strategies as st

from conveyor.arguments import ArgumentSchema

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = UUID("0195f3a1-0000-7000-8000-000000000001")


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


class Size(StrEnum):
    SMALL = "s"


class Level(IntEnum):
    ONE = 1


class Right(IntFlag):
    READ = 1
    WRITE = 2


@dataclass
class User:
    id: int
    born: datetime
    tags: list[str] = field(default_factory=list[str])
    boss: User | None = None


class Money(msgspec.Struct, rename="camel"):
    net_amount: Decimal
    currency: str = "EUR"


@attrs.define
class Place:
    name: str
    at: tuple[float, float] = (0.0, 0.0)


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(strict=True)

    number: int
    at: datetime
    lines: list[Order] = []


class Point(NamedTuple):
    x: int
    when: datetime


class Options(TypedDict, total=False):
    since: date
    dry: bool


UserId = NewType("UserId", int)


class Foreign:
    """JSON cannot hold it."""


@dataclass
class Connected:
    by: socket.socket


class Measured(pydantic.BaseModel):
    value: float | None


def taking(annotation: Any) -> ArgumentSchema:
    """The schema of a function with one parameter, `value`, of this type."""

    def job(value: Any) -> None: ...

    job.__annotations__["value"] = annotation
    return ArgumentSchema.of_function(job)


def carried(annotation: Any, value: Any) -> Any:
    schema = taking(annotation)
    (back,), kwargs = schema.load(schema.dump((value,), {}))
    assert kwargs == {}
    return back


unicode_text = st.text(st.characters(exclude_categories=["Cs"]))
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | unicode_text,
    lambda inner: st.lists(inner) | st.dictionaries(unicode_text, inner),
    max_leaves=10,
)
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
aware = st.builds(datetime.replace, st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1)), tzinfo=offsets)  # noqa: DTZ001
moments = st.datetimes() | aware
durations = st.timedeltas()
decimals = st.decimals(allow_nan=False) | st.just(Decimal("1.50"))
users = st.builds(
    User, st.integers(), moments, st.lists(unicode_text), st.none() | st.builds(User, st.integers(), moments)
)
money = st.builds(Money, decimals, unicode_text)
places = st.builds(Place, unicode_text, st.tuples(st.floats(-90, 90), st.floats(-90, 90)))
orders = st.builds(Order, number=st.integers(-(2**60), 2**60), at=moments, lines=st.just([]))

FAMILIES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "any": (Any, plain),
    "object": (object, plain),
    "bool": (bool, st.booleans()),
    "int": (int, st.integers()),
    "int beyond 64 bits": (int, st.integers(min_value=2**64) | st.integers(max_value=-(2**64))),
    "float": (float, st.floats(allow_nan=False, allow_infinity=False)),
    "str": (str, unicode_text),
    "bytes": (bytes, st.binary()),
    "bytearray": (bytearray, st.binary().map(bytearray)),
    "datetime": (datetime, moments),
    "date": (date, st.dates()),
    "time": (time, st.times()),
    "timedelta": (timedelta, durations),
    "uuid": (UUID, st.uuids()),
    "decimal": (Decimal, decimals),
    "path": (Path, unicode_text.map(Path)),
    "pure path": (PurePosixPath, unicode_text.map(PurePosixPath)),
    "enum": (Colour, st.sampled_from(Colour)),
    "str enum": (Size, st.sampled_from(Size)),
    "int enum": (Level, st.sampled_from(Level)),
    "flag": (Right, st.sampled_from([Right.READ, Right.WRITE, Right.READ | Right.WRITE])),
    "literal": (Literal["a", 1] | None, st.sampled_from(["a", 1, None])),
    "new type": (UserId, st.integers()),
    "constrained": (Annotated[int, msgspec.Meta(ge=0)], st.integers(min_value=0)),
    "optional": (datetime | None, st.none() | moments),
    "union": (int | str | list[date], st.integers() | unicode_text | st.lists(st.dates())),
    "list": (list[UUID], st.lists(st.uuids())),
    "set": (set[date], st.sets(st.dates())),
    "frozenset": (frozenset[bytes], st.frozensets(st.binary())),
    "tuple": (tuple[int, datetime], st.tuples(st.integers(), moments)),
    "tuple of many": (tuple[Decimal, ...], st.lists(decimals).map(tuple)),
    "dict": (dict[str, Decimal], st.dictionaries(unicode_text, decimals)),
    "dict by int": (dict[int, str], st.dictionaries(st.integers(-(2**63), 2**63), unicode_text)),
    "dict by uuid": (dict[UUID, list[Path]], st.dictionaries(st.uuids(), st.lists(unicode_text.map(Path)))),
    "sequence": (Sequence[int], st.lists(st.integers())),
    "mapping": (Mapping[str, date], st.dictionaries(unicode_text, st.dates())),
    "named tuple": (Point, st.builds(Point, st.integers(), moments)),
    "typed dict": (Options, st.fixed_dictionaries({}, optional={"since": st.dates(), "dry": st.booleans()})),
    "dataclass": (User, users),
    "struct": (Money, money),
    "attrs": (Place, places),
    "model": (Order, orders),
    "optional model": (Order | None, st.none() | orders),
    "nested": (
        dict[str, list[Order | None]] | None,
        st.none() | st.dictionaries(unicode_text, st.lists(st.none() | orders)),
    ),
    "lists of each": (
        tuple[list[User], dict[str, Money], list[Place]],
        st.tuples(st.lists(users, max_size=2), st.dictionaries(unicode_text, money), st.lists(places, max_size=2)),
    ),
}
