"""What an application offers to whoever runs it, each part made when it is first asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from conveyor.records import LockRecord
from conveyor.retry import Duration

if TYPE_CHECKING:
    from conveyor.alerts.alerts import Alerts
    from conveyor.app import Conveyor
    from conveyor.dead_letters import DeadLetters
    from conveyor.health import Health
    from conveyor.locks import Lock
    from conveyor.metrics import Metrics


class Operations(ABC):
    """The services of an application."""

    _alerts: Alerts | None = None

    @property
    @abstractmethod
    def _conveyor(self) -> Conveyor:
        """The application itself."""

    @property
    def alerts(self) -> Alerts:
        """Rules on what the store knows, which workers look at, and who is told when one begins to hold."""
        if self._alerts is None:
            from conveyor.alerts.alerts import Alerts

            self._alerts = Alerts(self._conveyor)
        return self._alerts

    @property
    def dead_letters(self) -> DeadLetters:
        """The jobs that failed for good: to find, count, bring back and forget."""
        from conveyor.dead_letters import DeadLetters

        return DeadLetters(self._conveyor)

    @property
    def health(self) -> Health:
        """Which workers are alive and able to work, and which queues nobody gets through."""
        from conveyor.health import Health

        return Health(self._conveyor)

    @property
    def metrics(self) -> Metrics:
        """How many jobs ran, how long they took and waited, and how often they failed: by type, queue and time."""
        from conveyor.metrics import Metrics

        return Metrics(self._conveyor)

    def lock(self, name: str, *, ttl: Duration = 30, wait: Duration | None = 10) -> Lock:
        """A lock that one holder at a time has, over all processes that use this store: `with app.lock("import"):`.

        Jobs that are registered with `lock=` share these names.

        Args:
            name: 1 to 200 printable characters.
            ttl: seconds or timedelta after which it is free when its holder has died; renewed while the holder lives.
            wait: seconds or timedelta to wait for it at most; 0 tries once, `None` waits for ever.

        Raises:
            InvalidValue: an argument breaks its rule.
        """
        from conveyor.locks import Lock

        return Lock(self._conveyor, name, ttl=ttl, wait=wait)

    def locks(self) -> list[LockRecord]:
        """The locks that are held now, by name, and by whom."""
        return self._conveyor.driver.locks()

    async def alocks(self) -> list[LockRecord]:
        """As `locks`."""
        return await self._conveyor.aio.call(self.locks)
