from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from tests.worker import tree


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Generator[tree.Bench]:
    """A store, an application and the workers a test starts; whatever is left of those is killed in the end."""
    with tree.bench(tmp_path, request.param) as made:
        yield made


STORE_BOUND: Final = {
    "postgres": frozenset({"alerts", "burst", "capacity", "drain", "locks", "once", "queues", "run"}),
    "cluster": frozenset({"burst", "once", "queues", "run"}),
}
"""The files whose tests lean on what the store does: how it claims, wakes, settles, locks. The rest is the worker's."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # All of them would take some minutes: on these stores, the worker's own business is left to the soak.
    file = metafunc.definition.path.stem.removeprefix("test_")
    others = [
        store if file in bound else pytest.param(store, marks=pytest.mark.soak) for store, bound in STORE_BOUND.items()
    ]
    tree.on_every_store(metafunc, ("sqlite", "valkey", *others))
