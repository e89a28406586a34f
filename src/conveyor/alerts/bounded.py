"""Sending within a time, whatever the sink does."""

from __future__ import annotations

import threading
from typing import Final

from conveyor.alerts.alert import Alert
from conveyor.alerts.sinks import Sink

TIMEOUT: Final = 30.0
"""Seconds for a sink that does not say itself how long it may take."""


class SinkTimeout(Exception):
    """The sink had not ended in its time; whether it took the alert, nobody knows."""


class Senders:
    """Sends, each on a thread of its own, which is left behind when the sink does not end."""

    def __init__(self) -> None:
        self._busy: Final[dict[str, threading.Thread]] = {}

    def send(self, sink: Sink, alert: Alert) -> None:
        """Let the sink take the alert.

        Raises:
            SinkTimeout: it did not end in time, or still has not ended from the last time.
            Exception: whatever it raised.
        """
        if (last := self._busy.get(sink.name)) is not None and last.is_alive():
            raise SinkTimeout("the last try has not ended yet")
        timeout = float(getattr(sink, "timeout", TIMEOUT))
        raised: list[BaseException] = []

        def run() -> None:
            try:
                sink.send(alert)
            except BaseException as error:  # noqa: BLE001 - it is raised where it was waited for
                raised.append(error)

        thread = threading.Thread(target=run, name=f"conveyor-alert to {sink.name}", daemon=True)
        thread.start()
        thread.join(timeout)
        if thread.is_alive():
            self._busy[sink.name] = thread
            raise SinkTimeout(f"it had not ended after {timeout:g} s")
        self._busy.pop(sink.name, None)
        if raised:
            error = raised[0]
            raise error if isinstance(error, Exception) else RuntimeError(f"it raised {error!r}") from error
