"""The house: what is installed with conveyor, what its wheel holds, what importing it costs."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import conveyor

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "conveyor"

MOST_PACKAGES = 10
MOST_LINES = 400
OPTIONAL = (
    "attr",
    "attrs",
    "blinker",
    "click",
    "cryptography",
    "psutil",
    "pydantic",
    "rich",
    "watchfiles",
    "zstandard",
)


def core_requirements(distribution: str) -> set[str]:
    """The packages that installing `distribution` without extras brings on this machine."""
    requirements = map(Requirement, importlib.metadata.requires(distribution) or [])
    return {
        canonicalize_name(requirement.name)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }


def test_the_core_brings_at_most_ten_packages() -> None:
    closure: set[str] = set()

    waiting = core_requirements("conveyor")
    while waiting:
        name = waiting.pop()
        closure.add(name)
        waiting |= core_requirements(name) - closure

    assert len(closure) <= MOST_PACKAGES, sorted(closure)


def test_the_wheel_holds_every_file_of_the_package(tmp_path: Path) -> None:
    sources = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }

    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        shipped = {name for name in archive.namelist() if name.startswith("conveyor/")}
    assert "conveyor/py.typed" in shipped
    assert shipped == sources


def test_the_package_and_its_metadata_name_one_version() -> None:
    assert conveyor.__version__ == importlib.metadata.version("conveyor")


def test_importing_conveyor_imports_no_optional_library() -> None:
    code = f"import conveyor, json, sys; print(json.dumps([name for name in {OPTIONAL!r} if name in sys.modules]))"

    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)

    assert json.loads(run.stdout) == []


def test_no_file_of_the_package_is_longer_than_its_noun() -> None:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}

    too_long = {str(path.relative_to(ROOT)): count for path, count in lines.items() if count > MOST_LINES}

    assert too_long == {}
