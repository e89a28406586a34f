from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.worker import tree


@pytest.fixture
def bench(tmp_path: Path, request: pytest.FixtureRequest) -> Generator[tree.Bench]:
    """A store, an application and the workers a test starts; in the end every job is accounted for."""
    with tree.bench(tmp_path, request.param) as made:
        yield made
        if made.store != "sqlite" or (tmp_path / "jobs.db").is_file():
            made.account()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    tree.on_every_store(metafunc)
