"""What tests of your own jobs need: no server, no worker, no waiting.

    with Kit(app) as kit:
        register("Ada")
        kit.assert_pushed(sign_up, where={"name": "Ada"})
        kit.drain()

pytest finds the fixtures `conveyor_kit` and `conveyor_inline` by itself; see `conveyor.pytest_plugin`.
"""

from __future__ import annotations

from conveyor.testing.clock import VirtualClock
from conveyor.testing.kit import Kit
from conveyor.testing.pushed import PushedJob
from conveyor.testing.run import Run

__all__ = ["Kit", "PushedJob", "Run", "VirtualClock"]
