"""demo: real files, real workers, real failures, and figures that are the store's."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from conveyor.cli.demo import _files
from conveyor.cli.demo_jobs import FileCount, read_file
from conveyor.errors import ConfigError
from conveyor.signals import GiveUp
from tests.cli.program import PROGRAM, Terminal, eventually, run

# One worker of pytest-xdist takes them all, so that the demo below is run once.
pytestmark = pytest.mark.xdist_group("demo")

GOOD = 12
"""Files that can be read."""


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files of all kinds: 12 that can be read, 4 that cannot, and some that are left out."""
    top = tmp_path_factory.mktemp("files")
    for number in range(GOOD - 3):
        (top / f"note{number}.txt").write_text("one two\nthree\n")
    (top / "code").mkdir()
    (top / "code" / "good.py").write_text("def a(): ...\nasync def b(): ...\nclass C:\n    def d(self): ...\n")
    (top / "code" / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nname = '\xe9'\n")
    (top / "code" / "warns.py").write_text("path = '\\d'\n")
    (top / "code" / "broken.py").write_text("def (\n")
    (top / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe")
    (top / "dangling").symlink_to(top / "nowhere")
    (top / "huge.bin").touch()
    os.truncate(top / "huge.bin", 17 * 1024 * 1024)
    (top / "__pycache__").mkdir()
    (top / "__pycache__" / "good.pyc").write_bytes(b"\xff")
    (top / ".hidden").mkdir()
    (top / ".hidden" / "file").touch()
    os.mkfifo(top / "pipe")
    return top


@dataclass(frozen=True)
class Shown:
    report: str
    talk: str
    url: str


@pytest.fixture(scope="module")
def shown(directory: Path, tmp_path_factory: pytest.TempPathFactory) -> Shown:
    """One demo, run once for the tests below."""
    env = os.environ | {"TMPDIR": str(tmp_path_factory.mktemp("demo"))}
    answer = subprocess.run(
        [*PROGRAM, "demo", str(directory)], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    found = re.search(r"export CONVEYOR_URL=(\S+)", answer.stdout)
    assert found is not None
    return Shown(answer.stdout, answer.stderr, found[1])


def queue_of(url: str) -> dict[str, Any]:
    (queue,) = json.loads(run("status", "--json", "--url", url).stdout)["queues"]
    return cast("dict[str, Any]", queue)


def test_the_demo_says_what_it_does_and_reports_what_the_store_counts(shown: Shown) -> None:
    queue = queue_of(shown.url)

    assert (queue["pushed"], queue["completed"], queue["dead"]) == (16, GOOD, 4)
    assert "16 files under " in shown.talk
    assert "16 of 16 done" in shown.talk
    assert f"16 jobs: {GOOD} completed, 4 dead letters, in " in shown.report
    assert f"{queue['retried']} failed runs tried again" in shown.report
    assert queue["retried"] == 6
    assert "(p50)" in shown.report


def test_the_report_groups_dead_letters_by_error(shown: Shown) -> None:
    lines = [line.split() for line in shown.report.splitlines()]

    groups = {line[2]: line[:2] for line in lines if len(line) > 3 and line[0] == "1" and line[1] in ("1", "3")}
    assert groups == {
        "UnicodeDecodeError": ["1", "3"],
        "SyntaxError": ["1", "3"],
        "FileNotFoundError": ["1", "3"],
        "GiveUp": ["1", "1"],
    }


def test_the_report_adds_up_what_the_jobs_found(shown: Shown) -> None:
    results = [
        job["result"] for job in json.loads(run("jobs", "--status", "completed", "--json", "--url", shown.url).stdout)
    ]

    assert sum(result["lines"] for result in results) == 18 + 4 + 2 + 1
    assert f"{sum(result['words'] for result in results)} words, 3 functions" in shown.report


def test_what_the_report_suggests_works(shown: Shown) -> None:
    suggested = shown.report.partition("What to try next")[2].splitlines()[2:]
    commands = [line.partition("   #")[0].split(" -m conveyor ")[1] for line in suggested if " -m conveyor " in line]

    assert [command.split()[0] for command in commands] == ["status", "failed", "show", "retry", "work"]
    env = {"CONVEYOR_URL": shown.url}
    for command in commands[:-1]:
        answer = run(*command.split(), env=env)
        assert answer.returncode == 0, answer.stderr
    assert json.loads(run("status", "--json", env=env).stdout)["queues"][0]["ready"] == 1
    assert run(*commands[-1].split(), "--burst", env=env, timeout=60).returncode == 0


def test_on_a_terminal_the_demo_draws_its_progress(directory: Path, tmp_path: Path) -> None:
    with Terminal(("demo", directory / "code"), env={"TMPDIR": str(tmp_path)}) as terminal:
        assert terminal.finish(60) == 0

    assert "━" in terminal.shown
    assert "4/4" in terminal.shown
    assert "1 dead letters" in terminal.shown
    assert "Traceback" not in terminal.shown


def test_an_interrupt_ends_the_demo_its_worker_and_leaves_a_report(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    for number in range(2000):
        (tmp_path / f"{number}.py").write_text("x = 1\n" * 2000)

    with Terminal(("demo", tmp_path, "--processes", "1"), env={"TMPDIR": str(tmp_path / "tmp")}) as terminal:
        terminal.read_until("to be retried")
        (home,) = (tmp_path / "tmp").iterdir()
        url = f"sqlite:///{home}/demo.db"
        eventually(lambda: queue_of(url)["completed"] > 0, "a completed job")
        terminal.interrupt()

        assert terminal.finish(60) == 130

    assert "not done" in terminal.shown
    assert "has stopped" in (home / "worker.log").read_text()
    assert json.loads(run("status", "--json", "--url", url).stdout)["workers"] == []


@pytest.mark.parametrize(
    ("name", "problem"), [("none", "does not exist"), ("file", "is not a directory"), ("empty", "has no files")]
)
def test_a_directory_that_cannot_serve_is_named(tmp_path: Path, name: str, problem: str) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()

    with pytest.raises(ConfigError, match=f"{name} {problem}"):
        _files(tmp_path / name, 10)


def test_of_many_files_some_from_all_over_are_taken(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number:03}").touch()

    files, seen = _files(tmp_path, 10)

    assert seen == 100
    assert [int(file.name) for file in files] == [0, 10, 20, 30, 40, 50, 60, 70, 80, 90]


def test_reading_a_file_counts_what_is_in_it(directory: Path) -> None:
    assert read_file(str(directory / "code" / "good.py")) == FileCount(bytes=62, lines=4, words=12, functions=3)
    assert read_file(str(directory / "note0.txt")) == FileCount(bytes=14, lines=2, words=3, functions=0)
    with pytest.raises(GiveUp, match="17,825,792 bytes"):
        read_file(str(directory / "huge.bin"))
