"""Steps that are not broken off half-way: a job's timeout, or its cancellation, waits until its thread is through.

An exception between two statements of a transaction would leave it open, with everybody else waiting for it.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import get_ident
from typing import Final, TypeVar

T = TypeVar("T")

_inside: Final[dict[int, list[Callable[[], object]]]] = {}
"""The threads that are in such a step, each with what is to happen as soon as it is through."""


def step(action: Callable[[], T]) -> T:
    """Answer `action()`, done as one such step by this thread. What was postponed happens then, and may raise."""
    me, pop = get_ident(), _inside.pop
    postponed: list[Callable[[], object]] = []
    try:
        _inside[me] = postponed
        return action()
    finally:
        pop(me, None)
        if postponed:
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
