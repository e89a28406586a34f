from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from conveyor import Conveyor
from tests.contract.stores import KINDS, FakeClock, Store


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def app(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> Generator[Conveyor]:
    """An application on a store of its own, of each kind, on a clock that moves when told to."""
    store = Store(request.param, request.param.url(tmp_path), clock)
    made = Conveyor(store.url, clock=clock)
    yield made
    made.close()
    store.close()
