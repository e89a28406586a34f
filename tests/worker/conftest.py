from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.worker import tree


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Generator[tree.Bench]:
    """A store, an application and the workers a test starts; whatever is left of those is killed in the end."""
    with tree.bench(tmp_path, request.param) as made:
        yield made


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    # What a worker does is the same on all; what differs, its faults show. Every store would take too long here.
    tree.on_every_store(metafunc, ("sqlite", "valkey"))
