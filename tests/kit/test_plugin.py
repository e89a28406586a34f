"""The plugin as pytest finds it: in processes of their own, as for anybody who installed conveyor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SHOP = """
from conveyor import Conveyor

app = Conveyor("sqlite:////nowhere/at/all.db")

@app.job("double")
def double(number: int) -> int:
    return 2 * number
"""

TESTS = """
from shop import double

def test_fake(conveyor_kit):
    handle = double.push(1)
    conveyor_kit.assert_pushed(double, times=1)
    conveyor_kit.drain()
    assert handle.result() == 2

def test_inline(conveyor_inline):
    conveyor_inline.assert_nothing_pushed()
    assert double.push(2).result() == 4
"""

OWN_FIXTURE = """
import pytest
from shop import app

@pytest.fixture
def conveyor_app():
    return app
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "test_shop.py").write_text(TESTS)
    return tmp_path


def run_pytest(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shop.py"]
    return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, timeout=60)


def test_the_fixtures_are_found_and_work_with_the_application_that_is_named(folder: Path) -> None:
    (folder / "pytest.ini").write_text("[pytest]\nconveyor_app = shop:app\npythonpath = .\n")

    done = run_pytest(folder)

    assert "2 passed" in done.stdout, done.stdout


def test_the_application_may_come_from_a_fixture(folder: Path) -> None:
    (folder / "conftest.py").write_text(OWN_FIXTURE)

    done = run_pytest(folder)

    assert "2 passed" in done.stdout, done.stdout


def test_without_an_application_it_is_said_how_to_name_one(folder: Path) -> None:
    done = run_pytest(folder)

    assert done.returncode == 1
    assert "which application? Write conveyor_app = shop.jobs:app into pytest's settings" in done.stdout


def test_whoever_uses_no_fixture_imports_nothing_of_conveyor() -> None:
    code = "import conveyor.pytest_plugin, json, sys; print(json.dumps([n for n in sys.modules if 'conveyor' in n]))"

    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert json.loads(done.stdout) == ["conveyor", "conveyor.pytest_plugin"]
