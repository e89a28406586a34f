"""What conditions look at: what the store knows at one moment. Read when first asked for, and once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import msgspec

from conveyor.health import QueueHealth, WorkerHealth
from conveyor.metrics import Figures

if TYPE_CHECKING:
    from conveyor.app import Conveyor


class Sample(msgspec.Struct, frozen=True, array_like=True):
    """How many dead letters the queues had at one moment; those that had none are left out."""

    at: int
    dead: dict[str, int]


class Sight(Protocol):
    """What there is to see at one moment."""

    @property
    def queues(self) -> Sequence[QueueHealth]:
        """Every queue."""
        ...

    @property
    def workers(self) -> Sequence[WorkerHealth]:
        """Every worker, healthy or not."""
        ...

    @property
    def samples(self) -> Sequence[Sample]:
        """How many dead letters there were, oldest first, for the rule that looks now and wants to know."""
        ...

    def runs_by_queue(self, window: float, type: str | None) -> Sequence[Figures]:
        """What ran within the window, by queue."""
        ...

    def runs_by_type(self, window: float, queue: str | None) -> Sequence[Figures]:
        """What ran within the window, by job type."""
        ...


class StoreSight:
    """What an application's store shows.

    Raises:
        StoreError: by every look at it, when the store does not answer.
    """

    def __init__(self, app: Conveyor) -> None:
        self._app: Final = app
        self._queues: Sequence[QueueHealth] | None = None
        self._workers: Sequence[WorkerHealth] | None = None
        self.samples: Sequence[Sample] = ()
        self._runs: Final[dict[tuple[str, float, str | None], Sequence[Figures]]] = {}

    @property
    def queues(self) -> Sequence[QueueHealth]:
        if self._queues is None:
            self._queues = self._app.health.check_queues()
        return self._queues

    @property
    def workers(self) -> Sequence[WorkerHealth]:
        if self._workers is None:
            self._workers = self._app.health.check_workers().workers
        return self._workers

    def runs_by_queue(self, window: float, type: str | None) -> Sequence[Figures]:
        key = ("queue", window, type)
        if key not in self._runs:
            self._runs[key] = self._app.metrics.queues(window, type=type)
        return self._runs[key]

    def runs_by_type(self, window: float, queue: str | None) -> Sequence[Figures]:
        key = ("type", window, queue)
        if key not in self._runs:
            self._runs[key] = self._app.metrics.types(window, queue=queue)
        return self._runs[key]
