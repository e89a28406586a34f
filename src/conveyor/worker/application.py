"""The application of a worker: imported, on its store, and waited for where its files are watched."""

from __future__ import annotations

import logging
import os
import select
import sys
from typing import TYPE_CHECKING, Final

from conveyor.config import load_app
from conveyor.errors import ConfigError
from conveyor.worker.orders import Orders
from conveyor.worker.settings import WorkerSettings

if TYPE_CHECKING:
    from conveyor.app import Conveyor

logger: Final = logging.getLogger("conveyor.worker")


def load(settings: WorkerSettings, orders: Orders) -> Conveyor | None:
    """The application, on the store that it is to have; `None` when told to stop before it could be imported.

    Raises:
        ConfigError: it cannot be imported, and its files are not watched; or its store cannot serve a worker.
    """
    try:
        app = load_app(settings.app)
    except ConfigError as error:
        if not settings.watch:
            raise
        logger.error("%s; waiting for the next change", error)  # noqa: TRY400 - said in one line
        _wait_for_change(orders)
        return None
    if settings.url is not None:
        app.url = settings.url
    if app.url.partition(":")[0] == "memory":
        raise ConfigError(
            f"the store is {app.url}, which lives in one process, so child processes cannot share it; "
            "give the worker a store such as sqlite:///conveyor.db"
        )
    return app


def _wait_for_change(orders: Orders) -> None:
    """Begin this process again when something has changed; return when it is to stop.

    What was imported before the import failed stays imported, so only a new program sees how it has changed.
    """
    while True:
        select.select([orders], [], [])
        said = orders.take()
        if said.stops:
            return
        if said.restart:
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - as it was started
