"""The code in README.md and docs/ does what the pages say; `reader.py` tells how a page is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, pages
from tests.docs.reader import read


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_does_what_the_page_says(page: Path, tmp_path: Path) -> None:
    read(page, tmp_path)
