"""Watches Python files in development, so that the worker runs the code as it is now."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from conveyor.errors import ConfigError
from conveyor.worker.essential import essential

_TOGETHER_MS: Final = 400
"""What changes within so many milliseconds is one change, at most: editors and tools write several files at once."""

_STEP_MS: Final = 50
"""A change is told when nothing more has changed for so long."""

_LOOK_MS: Final = 500
"""How long it may take to stop."""


class Changes:
    """Tells of changed Python files below some directories, from a thread of its own.

    Args:
        directories: where to look. Hidden tool directories, caches and virtual environments in them are left out.
        on_change: told what has happened, in words.

    Raises:
        ConfigError: there is no such directory, or the library is not installed; install conveyor[watch].
    """

    def __init__(self, directories: Sequence[str], on_change: Callable[[str], object]) -> None:
        for directory in directories:
            if not Path(directory).is_dir():
                raise ConfigError(f"--watch is {directory!r}, which is no directory here; name one that exists")
        try:
            import watchfiles
        except ImportError as error:
            raise ConfigError(
                "--watch needs the library watchfiles; install it with `pip install conveyor[watch]`"
            ) from error
        # It tells of changes that are of no interest, too, and the worker tells of the others.
        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        self._directories = directories
        self._on_change = on_change
        self._stopping = threading.Event()
        self._watch: Final = watchfiles.watch
        self._filter: Final = watchfiles.PythonFilter()
        self._thread = essential("conveyor-changes", self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Watch no more. Safe twice and unstarted."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        for changes in self._watch(
            *self._directories,
            watch_filter=self._filter,
            debounce=_TOGETHER_MS,
            step=_STEP_MS,
            rust_timeout=_LOOK_MS,
            stop_event=self._stopping,
        ):
            names = sorted({Path(path).name for _, path in changes})
            more = f" and {len(names) - 1} more" if len(names) > 1 else ""
            self._on_change(f"{names[0]}{more} changed")
