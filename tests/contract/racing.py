"""Other processes and threads beside a test."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

T = TypeVar("T")

ROOT: Final = Path(__file__).parents[2]


class Racer:
    """A process that runs racer.py."""

    def __init__(self, what: str, url: str, *arguments: object) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.contract.racer", what, url, *map(str, arguments)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def wait_until_ready(self) -> None:
        assert self._read() == "ready\n"

    def go(self, line: object = "") -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        return json.loads(self._read())

    def _read(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline()

    def end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(30)


@contextmanager
def racers(number: int, what: str, url: str, argument: Callable[[int], tuple[object, ...]]) -> Generator[list[Racer]]:
    """Processes that have opened the store and wait for `go`."""
    started = [Racer(what, url, *argument(place)) for place in range(number)]
    try:
        for racer in started:
            racer.wait_until_ready()
        yield started
    finally:
        for racer in started:
            racer.end()


def at_once(number: int, act: Callable[[int], T]) -> list[T]:
    """What `act` answers in this many threads that start together."""
    answers: dict[int, T] = {}
    start = threading.Barrier(number)

    def run(place: int) -> None:
        start.wait(30)
        answers[place] = act(place)

    threads = [threading.Thread(target=run, args=(place,)) for place in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == number, "a thread has raised: see the warning"
    return [answers[place] for place in range(number)]
