"""Development: the children run the code as it is now."""

from __future__ import annotations

import builtins
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from conveyor import Conveyor
from conveyor.errors import ConfigError
from conveyor.ids import new_id
from conveyor.records import NewJob
from conveyor.worker.changes import Changes
from conveyor.worker.settings import WorkerSettings
from tests.worker.tree import ROOT, wait_until

SHOP = """
from conveyor import Conveyor

app = Conveyor()

@app.job("version")
def version() -> int:
    return 1
"""


class Shop:
    """A program of its own with a worker that watches it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "worker.log"
        self.url = f"sqlite:///{directory}/shop.db"
        self.app = Conveyor(self.url)
        self.process: subprocess.Popen[bytes] | None = None

    def write(self, text: str) -> None:
        (self.directory / "shop.py").write_text(text, encoding="utf-8")

    def start(self) -> None:
        settings = WorkerSettings(app="shop:app", url=self.url, watch=(str(self.directory),), lease=5.0)
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.worker.start", msgspec.json.encode(settings).decode()],
                cwd=self.directory,
                env=os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
                stdout=out,
                stderr=out,
            )

    def wait_for(self, words: str, times: int = 1) -> None:
        wait_until(lambda: self.said.count(words) >= times)

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8") if self.log.exists() else ""

    def run(self, type: str, queue: str = "default") -> str | None:
        """What a job of this type returns."""
        id = new_id()
        self.app.driver.push([NewJob(id=id, queue=queue, type=type, payload="{}")])

        def result() -> Any:
            (job,) = self.app.driver.get([id])
            return job if job is not None and not job.status.is_active else None

        return str(wait_until(result).result)

    def stop(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def shop(tmp_path: Path) -> Generator[Shop]:
    made = Shop(tmp_path)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.process.kill()
        made.process.wait(10)
    made.app.close()


def test_new_code_runs_once_it_is_saved_with_its_new_queues_and_types(shop: Shop) -> None:
    shop.write(SHOP)
    shop.start()
    assert shop.run("version") == "1"

    # Of the same size, and most likely in the same second.
    shop.write(SHOP.replace("return 1", "return 2"))
    shop.wait_for("shop.py changed")
    wait_until(lambda: shop.run("version") == "2")

    shop.write(SHOP + '\n@app.job("new", queue="new.queue")\ndef new() -> int:\n    return 3\n')
    shop.wait_for("shop.py changed", 2)
    assert shop.run("new", "new.queue") == "3"
    wait_until(lambda: {"new.queue"} <= {queue for each in shop.app.driver.workers() for queue in each.queues})
    assert shop.stop() == 0


def test_a_mistake_is_said_in_one_line_and_the_next_change_tries_again(shop: Shop) -> None:
    shop.write(SHOP)
    shop.start()
    assert shop.run("version") == "1"

    shop.write(SHOP + "\ndef broken(:\n")
    shop.wait_for("waiting for the next change, while the code from before goes on")

    (line,) = [line for line in shop.said.splitlines() if "waiting for the next change" in line]
    assert "SyntaxError" in line
    assert "Traceback" not in shop.said
    assert shop.run("version") == "1"
    shop.write(SHOP.replace("return 1", "return 4"))
    wait_until(lambda: shop.run("version") == "4")
    assert shop.said.count("waiting for the next change") == 1
    assert shop.stop() == 0


def test_a_program_that_is_broken_at_the_start_is_waited_for(shop: Shop) -> None:
    shop.write("def broken(:\n")
    shop.start()
    shop.wait_for("SyntaxError")

    shop.write(SHOP)

    assert shop.run("version") == "1"
    assert "Traceback" not in shop.said
    assert shop.stop() == 0


def test_a_worker_that_waits_for_its_program_can_be_stopped(shop: Shop) -> None:
    shop.write("def broken(:\n")
    shop.start()
    shop.wait_for("waiting for the next change")

    assert shop.stop() == 0


def test_only_python_files_count(tmp_path: Path) -> None:
    told: list[str] = []
    changes = Changes([str(tmp_path)], told.append)
    changes.start()
    try:
        # Until it watches, then once more for certain.
        def wrote() -> bool:
            (tmp_path / "0.txt").write_text(str(len(told)))
            (tmp_path / "b.py").write_text("")
            (tmp_path / "a.py").write_text("")
            return bool(told)

        wait_until(wrote)
    finally:
        changes.stop()

    assert {word for words in told for word in words.split() if "." in word} <= {"a.py", "b.py"}
    changes.stop()


def test_a_directory_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'no/such/place', which is no directory here"):
        Changes(["no/such/place"], print)


def test_without_the_library_it_is_said_which_extra_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any) -> Any:
        if name == "watchfiles":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(builtins, "__import__", without)

    with pytest.raises(ConfigError, match=r"pip install conveyor\[watch\]"):
        Changes([str(tmp_path)], print)
