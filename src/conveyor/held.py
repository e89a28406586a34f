"""Pushes that are held back until it is known whether they are to be: those of a command's handler."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from conveyor.records import NewJob

if TYPE_CHECKING:
    from conveyor.app import Conveyor


class Held:
    """What is pushed on an application while it is held, in this context: in tasks that begin there too."""

    __slots__ = ("_app", "is_open", "jobs")

    def __init__(self, app: Conveyor) -> None:
        self._app: Final = app
        self.is_open = True
        self.jobs: Final[list[NewJob]] = []

    def takes(self, app: Conveyor, jobs: Sequence[NewJob]) -> bool:
        """Whether these are held now. What comes later, from a task that goes on, is pushed as ever."""
        if app is not self._app or not self.is_open:
            return False
        self.jobs.extend(jobs)
        return True


holding: Final[ContextVar[Held | None]] = ContextVar("conveyor_held", default=None)


@contextmanager
def held_back(held: Held) -> Generator[None]:
    """Hold what is pushed inside the block."""
    token = holding.set(held)
    try:
        yield
    finally:
        held.is_open = False
        holding.reset(token)
