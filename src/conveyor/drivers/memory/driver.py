"""The memory driver, put together."""

from __future__ import annotations

from conveyor.drivers.memory.jobs import Jobs
from conveyor.drivers.memory.looking import Looking
from conveyor.drivers.memory.people import People
from conveyor.drivers.memory.schedules import Schedules
from conveyor.drivers.memory.shared import Shared
from conveyor.drivers.memory.tending import Tending
from conveyor.drivers.memory.workers import Workers


class MemoryDriver(Jobs, Tending, Looking, People, Workers, Shared, Schedules):
    """One opened memory store. Made by `open_url`."""

    @property
    def url(self) -> str:
        return self._url

    def close(self) -> None:
        state = self._opened
        if state is not None:
            with state.changed:
                self._opened = None
                # Whoever waits through this driver is to learn that it is closed.
                state.changed.notify_all()
