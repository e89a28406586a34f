"""The store in this process's memory: the driver contract as readable Python, for tests and programs of one process.

`memory://` is a store of its own; `memory://name` is one store for everybody in the process who opens that name, and
lasts as long as one of them has it open.
"""

from __future__ import annotations

import re
from typing import Final
from weakref import WeakValueDictionary

from conveyor.drivers.base import Driver
from conveyor.drivers.memory.driver import MemoryDriver
from conveyor.drivers.memory.state import State
from conveyor.errors import ConfigError
from conveyor.priority import Aging
from conveyor.retention import Retention
from conveyor.times import Clock

__all__ = ["MemoryDriver", "open_url"]

_URL: Final = re.compile(r"memory://([A-Za-z0-9._-]*)")
_shared: Final[WeakValueDictionary[str, State]] = WeakValueDictionary()


def open_url(url: str, *, clock: Clock, aging: Aging, retention: Retention) -> Driver:
    """Open the store that `url` names; see the module.

    Raises:
        ConfigError: the URL is anything but `memory://` and a name of letters, digits, dots, dashes and underscores.
    """
    match = _URL.fullmatch(url)
    if match is None:
        raise ConfigError(
            f"the store URL {url!r} does not fit: give memory:// or memory://name, the name of letters, digits, "
            "dots, dashes and underscores; it has no options"
        )
    name = match[1]
    state = _shared.setdefault(name, State()) if name else State()
    return MemoryDriver(url, state, clock=clock, aging=aging, retention=retention)
