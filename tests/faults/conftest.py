from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Final

import pytest

from tests.worker import tree


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Generator[tree.Bench]:
    """A store, an application and the workers a test starts; in the end every job is accounted for."""
    with tree.bench(tmp_path, request.param) as made:
        yield made
        if made.store != "sqlite" or (tmp_path / "jobs.db").is_file():
            made.account()


SPREAD_BOUND: Final = frozenset({"follow_ups"})
"""The files whose stories end differently where a store is spread over servers; the soak has the others there too."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    file = metafunc.definition.path.stem.removeprefix("test_")
    cluster = "cluster" if file in SPREAD_BOUND else pytest.param("cluster", marks=pytest.mark.soak)
    tree.on_every_store(metafunc, ("sqlite", "valkey", "postgres", cluster))
