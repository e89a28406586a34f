"""The store of a test: in memory, and there until the test is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from conveyor.drivers.memory import MemoryDriver
from conveyor.drivers.memory.state import State
from conveyor.priority import Aging
from conveyor.records import JobId, NewJob, Outcome
from conveyor.retention import Retention
from conveyor.times import Clock


class KitStore(MemoryDriver):
    """A store in memory that takes pushes inside of transactions too, and that only `end` closes.

    It has no part in the caller's transaction: what is pushed with a connection is there at once, and stays.

    Attributes:
        joined: what was pushed with a connection.
    """

    def __init__(self, clock: Clock, aging: Aging) -> None:
        super().__init__("memory://", State(), clock=clock, aging=aging, retention=Retention())
        self.joined: Final[set[JobId]] = set()

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        ids = super().push(jobs)
        if connection is not None:
            self.joined.update(ids)
        return ids

    async def apush(self, jobs: Sequence[NewJob], *, connection: object) -> list[JobId]:
        return self.push(jobs, connection=connection)

    def settle_in(self, connection: object, outcome: Outcome) -> bool:
        del connection
        return self.settle([outcome])[0]

    def close(self) -> None:
        """Nothing: the application under test may close its store, and what is in it is still to be looked at."""

    def end(self) -> None:
        """The test is over."""
        super().close()
