from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from conveyor.drivers.base import Driver
from tests.contract.recount import check_counters
from tests.contract.stores import KINDS, POOLED, FakeClock, Kind, Store


@pytest.fixture(
    params=[*KINDS, *([pytest.param(POOLED, marks=pytest.mark.soak)] if POOLED else [])], ids=lambda kind: kind.name
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
