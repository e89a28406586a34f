"""Threads without which a process is of no use."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import Final

BROKEN: Final = 70
"""The exit code of a process that found a defect in itself (EX_SOFTWARE of sysexits.h)."""

ABANDONED: Final = 1
"""The exit code of a child whose supervisor is gone."""


def essential(name: str, target: Callable[[], None]) -> threading.Thread:
    """A thread, not started, that takes its process down with it when it fails.

    A worker that goes on without one of its threads looks alive and does nothing. Its supervisor sees a process that
    has ended, gives its jobs to others and starts a new one.
    """

    def run() -> None:
        try:
            target()
        except BaseException:
            logging.getLogger("conveyor.worker").critical("the thread %s broke; its process ends", name, exc_info=True)
            logging.shutdown()
            os._exit(BROKEN)

    return threading.Thread(target=run, name=name, daemon=True)
