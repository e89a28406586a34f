"""The names of the queues that a worker serves, and with `*` those that come to exist while it works."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from conveyor.errors import ConfigError
from conveyor.worker.settings import ALL, QueueShare, WorkerSettings

if TYPE_CHECKING:
    from conveyor.app import Conveyor

EVERY: Final = 1.0
"""Seconds between two looks for new queues."""


def shares_of(settings: WorkerSettings, app: Conveyor) -> tuple[QueueShare, ...]:
    """What to serve: what the settings name, or every queue of the application's jobs, without what is excluded.

    Queues that nobody has put in an order share the worker alike, so that a full one does not starve the others.

    Raises:
        ConfigError: nothing is left.
    """
    named = settings.queues or tuple(QueueShare(name, weight=1) for name in _queues_of(app))
    left = tuple(share for share in named if share.name not in settings.exclude)
    if not left:
        names = ", ".join(share.name for share in named)
        raise ConfigError(f"no queue is left to serve: {names} are all excluded; exclude fewer, or name another queue")
    return left


class Queues:
    """The queues by name.

    Args:
        app: where `*` is among the shares, its store is asked for more, and the queues of its jobs are served before
            anything has been pushed to them.
        shares: what to serve, as `shares_of` has it.
        exclude: what `*` does not stand for.
    """

    def __init__(self, app: Conveyor, shares: Sequence[QueueShare], *, exclude: Sequence[str] = ()) -> None:
        self._app = app
        self._exclude = frozenset(exclude)
        self._next_look = 0.0
        self.is_open: Final = any(share.name == ALL for share in shares)
        """More may come."""
        self.names: list[str] = [share.name for share in shares if share.name != ALL]
        if self.is_open:
            self._add(_queues_of(app))

    def look(self) -> bool:
        """Ask the store for more, if more may come and the last answer is a second old; answer whether there are.

        Raises:
            StoreError: the store does not answer, and is asked again the next time.
        """
        if not self.is_open or time.monotonic() < self._next_look:
            return False
        found = self._add([counts.queue for counts in self._app.driver.counts()])
        self._next_look = time.monotonic() + EVERY
        return found

    def look_again(self) -> None:
        """Let the next `look` ask. From any thread."""
        self._next_look = 0.0

    def replace(self, names: Sequence[str]) -> None:
        """A newer program serves these instead, and what the next look finds."""
        self.names = list(names)
        self.look_again()

    def _add(self, names: Sequence[str]) -> bool:
        new = [name for name in names if name not in self._exclude and name not in self.names]
        # A new list: other threads may be going through the old one.
        self.names = [*self.names, *new]
        return bool(new)


def _queues_of(app: Conveyor) -> list[str]:
    """Every queue that the registered jobs name, and the application's own."""
    return sorted({app.default_queue, *(job_type.queue for job_type in app.job_types.values())})
