"""Somebody who does what a page says, in an empty directory, from its top to its end.

How a block is understood:

- a block of any language with `title="jobs.py"` is that file; a later block of the page has to use it;
- `python` runs, in one session for the page; `pycon` is what is typed at the prompt, compared with what it shows;
- `console` is what is typed in a terminal, with its lines as shown; where lines follow a command, all of them have to;
- `console` with a title is a terminal of its own, in which the command goes on until a line `^C`, or the page ends;
- the PostgreSQL server `db.example`, with its database `shop`, is one that runs here;
- `sh` is not run: what installs or deploys. `text` and `toml` show something, `py` a signature; `ini` and `dockerfile`
  are checked elsewhere.

Ids, moments, durations and sizes of the page stand for those of this run; `...` stands for anything.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests import postgres
from tests.docs.blocks import Block, blocks
from tests.docs.shown import Names
from tests.docs.terminal import Terminals, environment

SHOWN_ONLY: Final = {"text", "toml", "ini", "dockerfile", "yaml", "py"}
NOT_RUN: Final = ("make ", "pip install ", "git ", "python -m venv ", ". .venv/", "sudo ", "docker ", "cd ", "#")


class Session:
    """A Python process that runs blocks."""

    def __init__(self, home: Path, directory: Path) -> None:
        self._log = (home / "session.log").open("w+b")
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", str(Path(__file__).with_name("session.py"))],
            cwd=directory,
            env=environment(home) | {"PYTHONPATH": str(directory)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )

    def run(self, block: Block, text: str) -> None:
        """Run the block; it has to end without an error."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([block.language, text, block.where, block.line]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, f"{block.where} ended Python:\n{self._said()}"
        assert json.loads(answer) == "", f"{block.where}:\n{json.loads(answer)}"

    def close(self) -> None:
        """End it; it has to end quietly."""
        _, _ = self._process.communicate(timeout=30)
        said = self._said()
        self._log.close()
        assert self._process.returncode == 0, f"Python ended with {self._process.returncode}:\n{said}"

    def _said(self) -> str:
        self._log.flush()
        return Path(os.fsdecode(self._log.name)).read_text(errors="replace")


class Reader:
    """Somebody who does what a page says."""

    def __init__(self, home: Path, directory: Path, terminals: Terminals, names: Names) -> None:
        self._home = home
        self._directory = directory
        self._terminals = terminals
        self._names = names
        self._session: Session | None = None
        self._has_database = False
        self._unused: dict[str, str] = {}

    def read(self, block: Block) -> None:
        """Do what one block says."""
        for title in list(self._unused):
            if title in block.text or Path(title).stem in block.text or block.title == title:
                assert block.title != title, f"{self._unused[title]}: {title} is replaced before anything uses it"
                del self._unused[title]
        if block.title and block.language != "console":
            self._write(block)
        elif block.language in ("python", "pycon"):
            if self._session is None:
                self._session = Session(self._home, self._directory)
            self._session.run(block, self._with_server(self._names.real(block.text)))
        elif block.language == "console" and block.title:
            self._terminals.go_on(block.title, block.text, block.where)
        elif block.language == "console":
            self._terminals.run(block.text, block.where)
        elif block.language == "sh":
            for line in block.text.splitlines():
                assert line.startswith(NOT_RUN), f"{block.where}: write it as console, to be run: {line}"
        else:
            assert block.language in SHOWN_ONLY, f"{block.where} is {block.language!r}; see {__name__}"

    def finish(self) -> None:
        """The end of the page."""
        self.close()
        assert not self._unused, f"nothing on the page uses {self._unused}"

    def close(self) -> None:
        """Leave Python."""
        if self._session is not None:
            session, self._session = self._session, None
            session.close()

    def _with_server(self, code: str) -> str:
        """The code with a server that is there, and an empty database for this page."""
        if "db.example" not in code:
            return code
        server = postgres.server()
        if not self._has_database:
            server.execute("DROP DATABASE IF EXISTS shop WITH (FORCE)")
            if not server.execute("SELECT rolname FROM pg_roles WHERE rolname = 'shop'"):
                server.execute("CREATE ROLE shop LOGIN")
            server.execute("CREATE DATABASE shop OWNER shop")
            self._has_database = True
        place = server.directory
        return code.replace("@db.example/shop", f"@/shop?host={place}").replace('"db.example"', f'"{place}"')

    def _write(self, block: Block) -> None:
        file = self._directory / block.title
        if file.exists() and file.suffix == ".py":
            # What has been imported does not change.
            self.close()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(self._with_server(block.text), encoding="utf-8")
        if file.name != "conveyor.toml":
            self._unused[block.title] = block.where


@contextmanager
def reader(tmp_path: Path) -> Generator[Reader]:
    home, directory = tmp_path / "home", tmp_path / "page"
    home.mkdir()
    directory.mkdir()
    names = Names()
    with ExitStack() as stack:
        terminals = stack.enter_context(Terminals(home, directory, names))
        each = Reader(home, directory, terminals, names)
        stack.callback(each.close)
        yield each


def read(page: Path, tmp_path: Path) -> None:
    """Do everything that a page says.

    Raises:
        AssertionError: something is not as the page says.
    """
    with reader(tmp_path) as someone:
        for block in blocks(page):
            someone.read(block)
        someone.finish()
