"""The programs in examples/ run as they say, beside real workers."""

from __future__ import annotations

import importlib
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from conveyor import Conveyor
from conveyor.testing import Kit
from conveyor.times import micros
from tests.docs.blocks import ROOT
from tests.docs.terminal import environment

EXAMPLES: Final = ROOT / "examples"


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """The examples can be imported, as in their own folder; the store is in the test's."""
    return environment(tmp_path) | {"PYTHONPATH": str(EXAMPLES)}


def run(*arguments: object, directory: Path, env: dict[str, str]) -> str:
    command = [sys.executable, *map(str, arguments)]
    done = subprocess.run(command, cwd=directory, env=env, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


@contextmanager
def worker(app: str, directory: Path, env: dict[str, str]) -> Generator[None]:
    log = directory / "worker.log"
    command = [sys.executable, "-m", "conveyor", "work", "--app", app]
    with log.open("wb") as sink, subprocess.Popen(command, cwd=directory, env=env, stderr=sink) as process:
        yield
        process.terminate()
    assert process.returncode == 0, log.read_text()


def test_every_program_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text(encoding="utf-8")

    missing = [path.name for path in EXAMPLES.glob("*.py") if f"[{path.name}]({path.name})" not in listed]

    assert missing == []


def test_words_are_counted_and_what_is_no_text_is_named(tmp_path: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_text("the worm and the bird\n")
    (folder / "b.txt").write_text("the early bird\n")
    (folder / "c.png").write_bytes(b"\x89PNG\xff")

    with worker("word_counts:app", tmp_path, env):
        shown = run(EXAMPLES / "word_counts.py", folder, directory=tmp_path, env=env)

    assert shown.splitlines() == [
        "c.png: builtins.UnicodeDecodeError",
        "3 files, 8 words",
        "     3 the",
        "     2 bird",
        "     1 worm",
    ]


class Site(BaseHTTPRequestHandler):
    """Five addresses: one is busy the first time, one does not exist."""

    visits: list[str]
    inside: list[str]
    together: list[int]
    pages: Final = {
        "/": '<a href="/a">a</a> <a href="/b#part">b</a> <a href="http://elsewhere.example/">no</a>',
        "/a": '<a href="/">home</a> <a href="/b">b</a> <a href="/gone">gone</a>',
        "/b": '<a href="a">a</a>',
    }

    def do_GET(self) -> None:
        self.visits.append(self.path)
        self.inside.append(self.path)
        self.together.append(len(self.inside))
        text = self.pages.get(self.path, "")
        if self.path == "/b" and self.visits.count("/b") == 1:
            self.send_response(503)
            self.send_header("Retry-After", "0.2")
        else:
            self.send_response(200 if text else 404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())
        self.inside.remove(self.path)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_the_crawler_visits_each_page_once_and_comes_back_to_a_busy_one(tmp_path: Path, env: dict[str, str]) -> None:
    visits: list[str] = []
    together: list[int] = []
    handler = type("OneSite", (Site,), {"visits": visits, "inside": [], "together": together})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"

        with worker("crawler:app", tmp_path, env):
            shown = run(EXAMPLES / "crawler.py", address, directory=tmp_path, env=env)
        server.shutdown()

    assert shown.splitlines() == [
        "1 of 3  /  2 links, attempt 1",
        "2 of 4  /a  3 links, attempt 1",
        "3 of 4  /b  1 links, attempt 2",
        "4 of 4  /gone  cancelled",
    ]
    assert sorted(visits) == ["/", "/a", "/b", "/b", "/gone"]
    assert together == [1] * len(visits)


def test_signing_up_leads_to_a_greeting_a_gift_and_a_question_in_a_week(tmp_path: Path, env: dict[str, str]) -> None:
    shown = run(EXAMPLES / "sign_up.py", "Ada", "Grace", "Ada", directory=tmp_path, env=env)
    run("-m", "conveyor", "work", "--app", "sign_up:app", "--burst", directory=tmp_path, env=env)

    assert shown.splitlines() == ["Ada is user 1", "Grace is user 2", "Ada is taken"]
    with closing(sqlite3.connect(tmp_path / "sign_up.db")) as connection:
        sent = sorted(connection.execute("SELECT user, what FROM sent"))
        waiting = connection.execute("SELECT type, count(*) FROM conveyor_every WHERE status = 'pending' GROUP BY type")
        assert sent == [
            (1, "A gift: ten pictures"),
            (1, "Welcome, Ada!"),
            (2, "A gift: ten pictures"),
            (2, "Welcome, Grace!"),
        ]
        assert waiting.fetchall() == [("user.ask", 2)]


def test_pictures_are_shrunk_once_and_what_is_none_is_named(tmp_path: Path, env: dict[str, str]) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (640, 320), "red").save(folder / "a.png")
    Image.new("RGBA", (100, 400), "blue").save(folder / "b.webp")
    (folder / "c.jpg").write_bytes(b"no picture")
    (folder / "notes.txt").write_text("nor is this")

    with worker("thumbnails:app", tmp_path, env):
        first = run(EXAMPLES / "thumbnails.py", folder, directory=tmp_path, env=env)
        second = run(EXAMPLES / "thumbnails.py", folder, directory=tmp_path, env=env)

    bad = "c.jpg  PIL.UnidentifiedImageError"
    assert first.splitlines() == ["3 pictures, 3 to do", "a.png  160 x 80", "b.webp  40 x 160", bad]
    assert second.splitlines() == ["3 pictures, 1 to do", bad]
    assert sorted(each.name for each in (folder / "thumbnails").iterdir()) == ["a.png.jpg", "b.webp.jpg"]


def test_what_was_sold_is_reported_on_demand(tmp_path: Path, env: dict[str, str]) -> None:
    (tmp_path / "orders.csv").write_text("id,day,cents\n1,2026-03-27,1250\n2,2026-03-27,50\n3,2026-03-28,999\n")

    run(EXAMPLES / "nightly_report.py", "orders.csv", directory=tmp_path, env=env)
    run("-m", "conveyor", "work", "--app", "nightly_report:app", "--burst", directory=tmp_path, env=env)
    run("-m", "conveyor", "schedule", "run", "nightly", "--app", "nightly_report:app", directory=tmp_path, env=env)
    run("-m", "conveyor", "work", "--app", "nightly_report:app", "--burst", directory=tmp_path, env=env)

    assert (tmp_path / "report.txt").read_text() == "2026-03-27       13.00\n2026-03-28        9.99\n"


def test_every_night_has_one_report_by_the_clock_of_berlin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(EXAMPLES), *sys.path])
    example = importlib.import_module("nightly_report")
    app: Conveyor = example.app
    (tmp_path / "orders.csv").write_text("id,day,cents\n1,2026-03-25,1250\n")

    # In the last of these nights there is no half past two.
    with Kit(app, now=datetime(2026, 3, 26, 12, tzinfo=UTC)) as kit:
        example.import_orders.push("orders.csv")
        kit.drain()
        runs = kit.drain(until=timedelta(days=3))

    assert [run.handle.info.due_at for run in runs] == [
        micros(datetime(2026, 3, day, 1, 30 * (day != 29), tzinfo=UTC), "due") for day in (27, 28, 29)
    ]
    assert (tmp_path / "report.txt").read_text() == "2026-03-25       12.50\n"
