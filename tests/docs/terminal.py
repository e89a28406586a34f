"""A terminal: commands run in it as a reader types them, and what it shows then."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tests.docs.shown import Names, plain

COLUMNS: Final = 120
DEADLINE: Final = 30.0

# The next command finds the directory, the variables and the exit code that the one before has left.
_SCRIPT: Final = """
. {state} 2>/dev/null; cd "$(cat {where})"; (exit {code})
{command}
code=$?; export -p > {state}; pwd > {where}; exit $code
"""


def environment(home: Path) -> dict[str, str]:
    """What a reader's shell has, and nothing of ours."""
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    kept = {name: value for name, value in os.environ.items() if name.startswith(("COVERAGE", "LC_", "LANG"))}
    return {
        **kept,
        "PATH": path,
        "HOME": str(home),
        "TMPDIR": str(home),
        "TERM": "xterm-256color",
        "COLUMNS": str(COLUMNS),
        "LINES": "40",
        "TZ": "UTC",
        # Pages rewrite their modules within a second: an old byte code file would look new.
        "PYTHONDONTWRITEBYTECODE": "1",
    }


class Running:
    """A command with a terminal of its own.

    Args:
        exec: replaces the shell, so that a signal meets the program itself.
    """

    def __init__(self, command: str, directory: Path, env: dict[str, str]) -> None:
        self._mine, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, COLUMNS, 0, 0))
        self._text = ""
        self._at = 0
        self._process = subprocess.Popen(
            ["bash", "--norc", "-c", command],
            cwd=directory,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def expect(self, pattern: str, lines: list[str], where: str) -> re.Match[str]:
        """Wait until it has shown this, right behind what was expected before."""
        deadline = time.monotonic() + DEADLINE
        compiled = re.compile(pattern)
        while True:
            ended = self._process.poll() is not None and not self._reader.is_alive()
            shown = plain(self._text)
            if (match := compiled.match(shown, self._at)) is not None:
                self._at = match.end()
                return match
            if ended or time.monotonic() > deadline:
                expected = plain("\n".join(lines))
                raise AssertionError(f"{where} shows\n{shown[self._at :]}\nwhere the page has\n{expected}")
            self._reader.join(0.02)

    def rest(self) -> tuple[int, str]:
        """Wait until it ends by itself; its exit code, and all that was not expected yet."""
        code = self._process.wait(DEADLINE)
        self._reader.join(DEADLINE)
        return code, plain(self._text)[self._at :]

    def interrupt(self) -> None:
        """What Ctrl-C does."""
        os.killpg(self._process.pid, signal.SIGINT)

    def close(self) -> int | None:
        """End it if it runs; its exit code if it had ended by itself."""
        code = self._process.poll()
        if code is None:
            self._process.terminate()
            try:
                code = self._process.wait(DEADLINE)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                raise
        self._reader.join(DEADLINE)
        os.close(self._mine)
        return code

    @property
    def shown(self) -> str:
        """All of it."""
        return plain(self._text)

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._mine], [], [], 0.05)
            if not ready:
                if self._process.poll() is not None:
                    return
                continue
            try:
                new = os.read(self._mine, 65536)
            except OSError:
                # Linux's word for: nobody has the other side open any more.
                return
            if not new:
                return
            self._text += new.decode(errors="replace")


class Terminals:
    """The terminals of one page: the one where commands end, and those where workers go on."""

    def __init__(self, home: Path, directory: Path, names: Names) -> None:
        self._directory = directory
        self._names = names
        self._env = environment(home)
        self._state = home / "state.sh"
        self._where = home / "where"
        self._where.write_text(f"{directory}\n")
        self._code = 0
        self._open: dict[str, Running] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        ended = {title: (running.close(), running.shown) for title, running in self._open.items()}
        if error is None:
            for title, (code, shown) in ended.items():
                assert code == 0, f"what ran in {title!r} ended with {code}:\n{shown}"

    def run(self, text: str, where: str) -> None:
        """A block of commands, one after the other, each to its end; what the page shows of them has to come."""
        steps = _steps(text, where)
        for number, (command, lines) in enumerate(steps):
            follows = steps[number + 1][0] if number + 1 < len(steps) else ""
            running = Running(self._script(self._names.real(command)), self._directory, self._env)
            try:
                if lines:
                    self._expect(running, lines, f"{where}: {command}")
                code, rest = running.rest()
            finally:
                running.close()
            is_whole = not lines or lines[-1].strip() == "..." or not rest.strip()
            assert is_whole, f"{where}: {command} also shows:\n{rest}"
            assert code == 0 or follows == "echo $?", f"{where}: {command} ended with {code}:\n{running.shown}"
            self._code = code

    def go_on(self, title: str, text: str, where: str) -> None:
        """A block in a terminal of its own, where a command runs until `^C` or the end of the page."""
        for command, lines in _steps(text, where, begun=title in self._open):
            if command:
                assert title not in self._open, f"{where}: something runs in {title!r} still"
                script = f'. {self._state} 2>/dev/null; cd "$(cat {self._where})"; exec {self._names.real(command)}'
                self._open[title] = Running(script, self._directory, self._env)
            running = self._open[title]
            shown = list(lines)
            if "^C" in shown:
                at = shown.index("^C")
                self._expect(running, shown[:at], where)
                running.interrupt()
                self._expect(running, shown[at + 1 :], where)
                code, rest = running.rest()
                del self._open[title]
                running.close()
                assert code == 0, f"{where}: it ended with {code}"
                assert not rest.strip(), f"{where}: it also shows:\n{rest}"
            else:
                self._expect(running, shown, where)

    def _expect(self, running: Running, lines: list[str], where: str) -> None:
        if lines:
            self._names.learn(running.expect(self._names.pattern(lines), lines, where))

    def _script(self, command: str) -> str:
        return _SCRIPT.format(state=self._state, where=self._where, code=self._code, command=command)


def _steps(text: str, where: str, *, begun: bool = False) -> list[tuple[str, list[str]]]:
    """Commands, and what the page shows of each. Before the first one (""), it is of a command that runs already."""
    steps: list[tuple[str, list[str]]] = [("", [])] if begun else []
    for line in text.splitlines():
        if line.startswith("$ "):
            steps.append((line[2:], []))
        elif steps and steps[-1][0].endswith("\\"):
            command, lines = steps[-1]
            steps[-1] = (f"{command}\n{line}", lines)
        else:
            assert steps, f"{where}: {line!r} is shown before any command; commands begin with '$ '"
            steps[-1][1].append(line)
    return steps if steps[0] != ("", []) else steps[1:]
