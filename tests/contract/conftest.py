from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from conveyor.drivers.base import Driver
from tests.contract.recount import check_counters
from tests.contract.stores import CLUSTER, KINDS, POOLED, SENTINEL, SPREAD, FakeClock, Kind, Store


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out, for a store of many partitions, what each of them promises for itself alone."""
    left_out = [item for item in items if any(map(item.get_closest_marker, _not_promised(item)))]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def _not_promised(item: pytest.Item) -> tuple[str, ...]:
    """The marks of what this store does not promise."""
    kind = item.callspec.params.get("kind") if isinstance(item, pytest.Function) and hasattr(item, "callspec") else None
    if kind is SPREAD:
        return ("one_partition", "in_order")
    return ("one_partition",) if kind is CLUSTER else ()


@pytest.fixture(
    params=[
        *KINDS,
        CLUSTER,
        *[pytest.param(kind, marks=pytest.mark.soak) for kind in (SENTINEL, SPREAD, POOLED) if kind],
    ],
    ids=lambda kind: kind.name,
)
def kind(request: pytest.FixtureRequest) -> Kind:
    assert isinstance(request.param, Kind)
    return request.param


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def store(kind: Kind, clock: FakeClock, tmp_path: Path) -> Generator[Store]:
    """A new store, on the fake clock unless it is opened with another."""
    made = Store(kind, kind.url(tmp_path), clock)
    yield made
    made.close()


@pytest.fixture
def driver(store: Store) -> Generator[Driver]:
    """The store, open. Whatever the test did, its counters must agree with its jobs in the end."""
    opened = store.open()
    yield opened
    check_counters(opened)
