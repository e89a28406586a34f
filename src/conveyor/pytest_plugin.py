"""The fixtures that pytest finds by itself. The application, and all of conveyor, is imported by those who use them."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.testing import Kit

SETTING = "conveyor_app"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(SETTING, "the application under test, as module:attribute, such as shop.jobs:app")


@pytest.fixture
def conveyor_app(request: pytest.FixtureRequest) -> Conveyor:
    """The application under test: the setting `conveyor_app` of pytest, unless you override this fixture."""
    reference = request.config.getini(SETTING)
    if not reference:
        pytest.fail(
            f"which application? Write {SETTING} = shop.jobs:app into pytest's settings, or a fixture called "
            "conveyor_app that answers yours",
            pytrace=False,
        )
    from conveyor.config import load_app

    return load_app(reference)


@pytest.fixture
def conveyor_kit(conveyor_app: Conveyor) -> Generator[Kit]:
    """The application on a store in memory that is the test's own: pushes are kept until `drain()`."""
    from conveyor.testing import Kit

    with Kit(conveyor_app) as kit:
        yield kit


@pytest.fixture
def conveyor_inline(conveyor_kit: Kit) -> Generator[Kit]:
    """As `conveyor_kit`, and what is pushed runs at once."""
    with conveyor_kit.inline():
        yield conveyor_kit
