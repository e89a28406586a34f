"""The supervisor's thread for alerts, apart from the others: a sink that hangs must hold up no lease and no beat."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Final

from conveyor.errors import StoreError
from conveyor.worker.store import Patience

if TYPE_CHECKING:
    from conveyor.app import Conveyor

FIRST_LOOK: Final = 5.0
"""Seconds after its start until a worker looks: its children are up by then, and one that is gone need not."""

_AFTER_DEFECT: Final = 60.0

logger: Final = logging.getLogger("conveyor.alerts")


def check(app: Conveyor) -> None:
    """Find out whether the alerts can work, and say what looks like a slip.

    Raises:
        ConfigError: they cannot.
        StoreError: the store does not answer.
    """
    for slip in app.alerts.check():
        logger.warning("%s", slip)


class Alarm:
    """Looks at the rules of the application until stopped; does nothing when it has none, or is not on."""

    def __init__(self, app: Conveyor, name: str, *, is_on: bool = True) -> None:
        from conveyor.alerts.lookout import Lookout

        self._is_on: Final = is_on and bool(app.alerts.rules)
        self._lookout: Final = Lookout(app, name)
        self._stopping: Final = threading.Event()
        self._store: Final = Patience("look at the alerts", self._stopping)
        self._thread: Final = threading.Thread(target=self._run, name="conveyor-alarm", daemon=True)

    def start(self) -> None:
        if self._is_on:
            self._thread.start()

    def stop(self, timeout: float = 1.0) -> None:
        """End; give up after `timeout` seconds. Safe twice and unstarted. What is untold, another worker tells."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout)

    def _run(self) -> None:
        self._stopping.wait(FIRST_LOOK)
        while not self._stopping.is_set():
            try:
                pause = self._lookout.run_once()
            except StoreError as error:
                self._store.pause(error)
                continue
            except Exception:
                # No reason to take the jobs down with it.
                logger.exception("the alerts could not be looked at, and are again in %g s", _AFTER_DEFECT)
                pause = _AFTER_DEFECT
            self._store.succeeded()
            self._stopping.wait(pause)
