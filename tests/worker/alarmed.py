"""An application with an alert, for the workers under test: it tells the web server that the environment names."""

from __future__ import annotations

import os

from conveyor import Conveyor, DeadLetterSize, NoRetry, WebhookSink
from conveyor.alerts import lookout
from conveyor.worker import alarm

app = Conveyor("sqlite:///given-by-each-test.db", retry=NoRetry())

app.alerts.clear()
if url := os.environ.get("TELL"):
    # In the worker alone: tests do not wait as long as people do.
    alarm.FIRST_LOOK = 0.1  # type: ignore[misc] # pyright: ignore[reportConstantRedefinition]
    lookout.EVERY = 0.3  # type: ignore[misc] # pyright: ignore[reportConstantRedefinition]
    lookout._FIRST_PAUSE = 0.2  # type: ignore[misc] # pyright: ignore[reportConstantRedefinition, reportPrivateUsage]
    lookout._HOLD = 1.0  # type: ignore[misc] # pyright: ignore[reportConstantRedefinition, reportPrivateUsage]
    app.alerts.add(
        "dead", DeadLetterSize(1, queue="default"), for_=0.5, severity="critical", to=WebhookSink(url, timeout=2)
    )


@app.job("alarmed.fail")
def fail() -> None:
    raise ValueError("as it was told")
