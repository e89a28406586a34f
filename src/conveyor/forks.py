"""What a forked child must do before anything else, and what it must never do."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import Final
from weakref import WeakMethod

import msgspec


class _Forks:
    """One hook for all: `os.register_at_fork` takes none back, and applications come and go."""

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._methods: list[WeakMethod[Callable[[], None]]] = []
        self._is_hooked = False

    def add(self, method: Callable[[], None]) -> None:
        with self._lock:
            self._methods = [known for known in self._methods if known() is not None]
            self._methods.append(WeakMethod(method))
            if not self._is_hooked:
                os.register_at_fork(before=self._lock.acquire, after_in_parent=self._lock.release)
                os.register_at_fork(after_in_child=self._in_child)
                self._is_hooked = True

    def _in_child(self) -> None:
        self._lock.release()
        for known in self._methods:
            method = known()
            if method is not None:
                method()


_FORKS: Final = _Forks()


def after_fork(method: Callable[[], None]) -> None:
    """Call a bound method in every child forked from now on, as long as its object lives."""
    _FORKS.add(method)


class _Kept(msgspec.Struct, gc=False):
    """Refers to itself and is unknown to the collector, so that it is never freed, not even when Python ends."""

    what: object
    itself: _Kept | None = None


def keep_for_ever(what: object) -> None:
    """Never free this.

    A child owns copies of its parent's connections. To close one, which freeing it does, would speak on the parent's
    socket, or end the parent's locks on a file.
    """
    kept = _Kept(what)
    kept.itself = kept
