"""The programs in examples/ run as they say, beside real workers."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest

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
    pages: Final = {
        "/": '<a href="/a">a</a> <a href="/b#part">b</a> <a href="http://elsewhere.example/">no</a>',
        "/a": '<a href="/">home</a> <a href="/b">b</a> <a href="/gone">gone</a>',
        "/b": '<a href="a">a</a>',
    }

    def do_GET(self) -> None:
        self.visits.append(self.path)
        text = self.pages.get(self.path, "")
        if self.path == "/b" and self.visits.count("/b") == 1:
            self.send_response(503)
            self.send_header("Retry-After", "0.2")
        else:
            self.send_response(200 if text else 404)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def test_the_crawler_visits_each_page_once_and_comes_back_to_a_busy_one(tmp_path: Path, env: dict[str, str]) -> None:
    visits: list[str] = []
    handler = type("OneSite", (Site,), {"visits": visits})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"

        with worker("crawler:app", tmp_path, env):
            shown = run(EXAMPLES / "crawler.py", address, directory=tmp_path, env=env)
        server.shutdown()

    assert shown.splitlines() == [
        "/  2 links, attempt 1",
        "/a  3 links, attempt 1",
        "/b  1 links, attempt 2",
        "/gone  cancelled",
    ]
    assert sorted(visits) == ["/", "/a", "/b", "/b", "/gone"]


def test_signing_up_leads_to_a_greeting_a_gift_and_a_question_in_a_week(tmp_path: Path, env: dict[str, str]) -> None:
    shown = run(EXAMPLES / "sign_up.py", "Ada", "Grace", directory=tmp_path, env=env)
    run("-m", "conveyor", "work", "--app", "sign_up:app", "--burst", directory=tmp_path, env=env)

    assert shown.splitlines() == ["Ada is user 1", "Grace is user 2"]
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
