"""A driver's own statements, recorded once and replayed with nothing of ours around them: the bare loop.

The SQLite driver speaks through `Connection.execute`. Recording a piece of its work keeps each statement with its
parameters and connection; replaying runs the same text with the same values in the same transactions on a new file,
by plain `sqlite3`. So the bare loop cannot fall behind the driver, and `replay` checks that it left the same counters.
"""

from __future__ import annotations

import gc
import sqlite3
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal
from unittest import mock

_COUNTERS: Final = "SELECT * FROM conveyor_counter ORDER BY queue, priority"

_connect: Final = sqlite3.connect


class Tape:
    """The statements of one store, from its making on. Play begins at `start()`; what came before is preparation."""

    def __init__(self) -> None:
        self._settings: list[dict[str, Any]] = []
        self._steps: list[tuple[int, str, Any, bool]] = []
        self._start = 0
        self._counters: list[Any] = []

    @contextmanager
    def recording(self, path: Path) -> Generator[None]:
        """Record what is done to the store that is made there."""
        with mock.patch.object(sqlite3, "connect", self._record):
            yield
        self._counters = rows(path, _COUNTERS)

    def start(self) -> None:
        """What is recorded from now on is what `replay` measures."""
        self._start = len(self._steps)

    def replay(self, path: Path) -> float:
        """Seconds that the statements take, on a new file that was prepared by the same statements as the first."""
        connections = [_connect(path, **settings) for settings in self._settings]
        steps = [
            (connections[number].execute, sql, parameters, answers) for number, sql, parameters, answers in self._steps
        ]
        _play(steps[: self._start])
        measured = steps[self._start :]
        gc.collect()
        began = time.perf_counter()
        _play(measured)
        seconds = time.perf_counter() - began
        for connection in connections:
            connection.close()
        if (counters := rows(path, _COUNTERS)) != self._counters:
            raise AssertionError(f"the replay counts {counters}, the recorded store {self._counters}")
        return seconds

    def _record(
        self, path: Path, *, factory: type[sqlite3.Connection] = sqlite3.Connection, **settings: Any
    ) -> sqlite3.Connection:
        # The driver's own class is left out of the replay, as all that is ours.
        number = len(self._settings)
        self._settings.append(settings)
        steps = self._steps

        class Recorder(factory):  # type: ignore[misc, valid-type] # whichever the driver asks for
            def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
                cursor: sqlite3.Cursor = super().execute(sql, parameters)
                steps.append((number, sql, parameters, cursor.description is not None))
                return cursor

            def __exit__(
                self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None, /
            ) -> Literal[False]:
                # Ending a `with` ends its transaction, without a word to `execute`.
                if self.in_transaction:
                    steps.append((number, "COMMIT" if kind is None else "ROLLBACK", (), False))
                super().__exit__(kind, error, traceback)
                return False

        return _connect(path, factory=Recorder, **settings)


def _play(steps: list[tuple[Any, str, Any, bool]]) -> None:
    for execute, sql, parameters, answers in steps:
        cursor = execute(sql, parameters)
        if answers:
            cursor.fetchone()


def rows(path: Path, statement: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
    """What plain SQL answers on a store's file."""
    with closing(_connect(path)) as connection:
        return connection.execute(statement, parameters).fetchall()
