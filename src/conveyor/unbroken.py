"""Steps that are not broken off half-way: a job's timeout, or its cancellation, waits until its thread is through.

An exception between two statements of a transaction would leave it open, with everybody else waiting for it.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Final

_inside: Final[dict[int, list[Callable[[], object]]]] = {}
"""The threads that are in such a step, each with what is to happen as soon as it is through."""


def enter() -> None:
    """This thread begins one. They do not nest."""
    _inside[get_ident()] = []


def leave() -> None:
    """This thread is through: what was postponed happens now, and may raise. Again changes nothing."""
    if postponed := _inside.pop(get_ident(), None):
        postponed[0]()


def postpone(thread: int, call: Callable[[], object]) -> bool:
    """If the thread is in such a step, let it call this when it is through, and answer True.

    Asked from another thread, it may answer True although the step has ended meanwhile, and nothing will be called.
    """
    postponed = _inside.get(thread)
    if postponed is None:
        return False
    postponed.append(call)
    return True
