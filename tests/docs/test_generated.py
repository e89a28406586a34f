"""What is drawn from the code in the documentation is as the code is now, and nothing public is left out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.docs.api import HOMES
from tests.docs.blocks import ROOT, pages
from tests.docs.generated import DRAWN, redrawn, regions, without_regions
from tests.docs.pictures import DIRECTORY

DRAWN_PAGES = [page for page in pages() if any(regions(page))]


@pytest.mark.parametrize("page", DRAWN_PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_is_drawn_from_the_code_is_as_the_code_is(page: Path) -> None:
    assert page.read_text(encoding="utf-8") == redrawn(page), "run: python -m tests.docs.generated"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_code_that_is_only_shown_is_drawn(page: Path) -> None:
    written = without_regions(page)

    assert "```py\n" not in written


def test_every_public_name_has_its_place_in_the_reference() -> None:
    told = Counter(
        name
        for page in DRAWN_PAGES
        for region in regions(page)
        if region.startswith("api ")
        for name in region.split()[1:]
    )

    assert told == Counter(name for home in HOMES for name in home.__all__)


def test_everything_that_can_be_drawn_is_drawn_once() -> None:
    shown = Counter(region for page in DRAWN_PAGES for region in regions(page) if not region.startswith("api "))

    assert shown == Counter(DRAWN.keys())


def test_every_picture_is_shown_on_a_page() -> None:
    text = "".join(page.read_text(encoding="utf-8") for page in pages())

    assert [picture.name for picture in DIRECTORY.iterdir() if f"/{picture.name})" not in text] == []
