"""The Lua files: each says what it takes and answers, is run by somebody, and is understood by the server."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from conveyor.drivers import base
from conveyor.drivers import redis as package
from conveyor.drivers.redis.scripts import FLAGGED, NAMES, PLAIN, SHARED
from tests import servers

HERE = Path(package.__file__).parent
CALLERS = "\n".join(file.read_text() for file in HERE.rglob("*.py"))
SHARED_CODE = "".join((HERE / "lua" / "shared" / f"{name}.lua").read_text() for name in SHARED)


def header_of(name: str) -> list[str]:
    return [line for line in (HERE / "lua" / f"{name}.lua").read_text().splitlines() if line.startswith("--")]


@pytest.mark.parametrize("name", NAMES)
def test_every_script_has_a_header_and_a_caller(name: str) -> None:
    header = header_of(name)

    assert header[0].startswith(f"-- {name}.lua: ")
    assert [line[:8] for line in header if line.startswith(("-- in:", "-- out:"))] == ["-- in:  ", "-- out: "]
    assert f'"{name}"' in CALLERS, f"nothing runs {name}.lua"


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("scripts", [PLAIN, FLAGGED], ids=["plain", "flagged"])
def test_the_server_knows_every_script_by_our_hash(name: str, scripts: dict[str, object]) -> None:
    script = FLAGGED[name] if scripts is FLAGGED else PLAIN[name]
    with servers.valkey().client() as client:
        assert client.script_load(script.text).encode() == script.sha


def test_the_bounds_are_those_of_the_contract() -> None:
    found = re.search(r"STEP, MAX_ERRORS = (\d+), (\d+)", SHARED_CODE)

    assert found is not None
    assert (int(found[1]), int(found[2])) == (base.STEP, base.MAX_ERRORS)


def test_every_shared_file_is_loaded() -> None:
    assert sorted(SHARED) == sorted(file.stem for file in (HERE / "lua" / "shared").iterdir())


def test_every_shared_function_is_used() -> None:
    scripts = SHARED_CODE + "".join((HERE / "lua" / f"{name}.lua").read_text() for name in NAMES)

    for name in re.findall(r"^local function (\w+)", SHARED_CODE, re.MULTILINE):
        assert len(re.findall(rf"\b{name}\b", scripts)) > 1, f"nobody uses {name}"


def test_comments_stay_here() -> None:
    for script in FLAGGED.values():
        assert b"--" not in script.text
