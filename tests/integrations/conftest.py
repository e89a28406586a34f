from __future__ import annotations

from collections.abc import Generator

import pytest

from conveyor import Conveyor
from conveyor.testing import Kit


@pytest.fixture
def app() -> Conveyor:
    return Conveyor("sqlite:////nowhere/at/all.db")


@pytest.fixture
def kit(app: Conveyor) -> Generator[Kit]:
    with Kit(app) as made:
        yield made
