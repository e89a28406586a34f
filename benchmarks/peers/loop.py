"""An event loop for libraries that push in no other way."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import cache
from typing import Any


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


def run(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Let it run to its end; always on the same loop, as connections want it."""
    _loop().run_until_complete(coroutine)
