"""A queue whose jobs are in a history."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from conveyor.errors import InvalidValue
from conveyor.history.history import History
from conveyor.history.records import HistoryEvent, HistoryStatistics, Rebuilt
from conveyor.queue import Queue
from conveyor.records import JobId


class PersistentQueue(Queue):
    """A queue of any application, and a history of its jobs that outlives the store.

    Everything that goes into the queue is recorded, whoever pushes it, and all that its workers make of it, in every
    process that loads the module which makes this. A push raises StoreError, and pushes nothing, while the history
    cannot be written.

    Args:
        queue: from `Conveyor.queue`.
        history: where its jobs are recorded; several queues may share one.

    Raises:
        InvalidValue: `queue` or `history` is none.

    Attributes:
        history: where its jobs are recorded.
    """

    def __init__(self, queue: Queue, history: History) -> None:
        if not isinstance(queue, Queue):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
            raise InvalidValue(f"queue is {queue!r}; give a queue such as app.queue('emails')")
        if not isinstance(history, History):  # pyright: ignore[reportUnnecessaryIsInstance] - likewise
            raise InvalidValue(f"history is {history!r}; give History('sqlite:///history.db')")
        super().__init__(queue.app, queue.name)
        self.history: Final = history
        history.record(queue.app, queue.name)

    def __repr__(self) -> str:
        return f"<queue {self.name!r} with {self.history!r}>"

    def rebuild(self) -> Rebuilt:
        """Put back the jobs of this queue that its store has lost; see `History.rebuild`."""
        return self.history.rebuild(self)

    def timeline(self, id: JobId | UUID | str) -> list[HistoryEvent]:
        """All that has happened to one job; see `History.timeline`."""
        return self.history.timeline(id)

    def statistics(self) -> HistoryStatistics:
        """How many jobs of this queue the history has, by what became of them."""
        return self.history.statistics(self.name)

    async def arebuild(self) -> Rebuilt:
        """As `rebuild`."""
        return await self.app.aio.call(self.rebuild)

    async def atimeline(self, id: JobId | UUID | str) -> list[HistoryEvent]:
        """As `timeline`."""
        return await self.app.aio.call(self.timeline, id)

    async def astatistics(self) -> HistoryStatistics:
        """As `statistics`."""
        return await self.app.aio.call(self.statistics)
