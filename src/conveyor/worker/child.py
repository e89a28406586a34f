"""A worker's child process: `python -m conveyor.worker.child SOCKET TABLE SLOTS`, started by the supervisor alone."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING, Final

from conveyor.config import load_app
from conveyor.errors import ConveyorError, StoreError
from conveyor.worker import events, logs
from conveyor.worker.essential import ABANDONED, essential
from conveyor.worker.messages import (
    Begin,
    Cancel,
    Channel,
    Drain,
    Finished,
    Freeze,
    Ready,
    Recount,
    Thaw,
    ToChild,
    Unfit,
)
from conveyor.worker.slots import SlotTable
from conveyor.worker.store import Patience

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.worker.engine import Engine

SWITCH_INTERVAL: Final = 0.000_5
"""Seconds. Every step of SQLite gives the interpreter lock away and takes it back, and beside a busy main thread each
taking costs up to a whole interval. With the usual 5 ms the threads that claim and settle would starve the jobs."""

UNFIT: Final = 3
"""The exit code of a child that could not begin."""

logger: Final = logging.getLogger("conveyor.worker")


def main(arguments: list[str]) -> int:
    """Be a child until drained, or until the supervisor is gone."""
    sys.setswitchinterval(SWITCH_INTERVAL)
    # A service manager's SIGTERM to all reaches us too; what it means is the supervisor's to say. Handlers instead of
    # SIG_IGN, which the programs that jobs start would inherit.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _ignore)
    end, table, count = (int(argument) for argument in arguments)
    channel = Channel(socket.socket(fileno=end), ToChild)
    slots = SlotTable(table, count)
    begin = channel.next()
    if not isinstance(begin, Begin):
        # The supervisor has gone before it could say anything.
        return 0
    control = Control(channel)
    sys.path[:] = begin.path
    sys.dont_write_bytecode = bool(begin.settings.watch)
    logs.configure(begin.log_level, as_json=begin.settings.log_json, worker=begin.name)
    events.show_arguments(show=begin.settings.log_args)
    try:
        app = load_app(begin.settings.app)
        if begin.settings.url is not None:
            app.url = begin.settings.url
        _open(app)
        # It imports what the jobs are checked with, so only now is it known to be there.
        from conveyor.worker.engine import Engine

        engine = Engine(app, begin, slots, channel.send)
    except ConveyorError as error:
        channel.send(Unfit(str(error)))
        return UNFIT
    # What is loaded now stays: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    channel.send(Ready(tuple(app.job_types), engine.queues))
    control.attach(engine)
    engine.run()
    channel.send(Finished())
    with contextlib.suppress(StoreError):
        app.close()
    return 0


def _open(app: Conveyor) -> None:
    """Open the store, however long it takes. The supervisor has had it open: a file that is missing comes back."""
    patience = Patience("open the store")
    while True:
        try:
            app.open(create=False).counts(())
        except StoreError as error:
            from conveyor.errors import SchemaMismatch

            if isinstance(error, SchemaMismatch):
                raise
            patience.pause(error)
        else:
            patience.succeeded()
            return


class Control:
    """The thread that does what the supervisor says, and ends this process when the supervisor is gone.

    It listens from the start: a child whose application takes its time to load, or whose store is away, must not
    outlive its supervisor either. What comes before there is an engine is kept for it.
    """

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._early: list[object] = []
        self._engine: Engine | None = None
        essential("conveyor-control", self._listen).start()

    def attach(self, engine: Engine) -> None:
        """From now on this is what is told."""
        with self._lock:
            for message in self._early:
                _obey(engine, message)
            self._engine = engine

    def _listen(self) -> None:
        while (message := self._channel.next()) is not None:
            with self._lock:
                if self._engine is None:
                    self._early.append(message)
                else:
                    _obey(self._engine, message)
        if self._engine is None:
            os._exit(ABANDONED)
        self._engine.abandon()


def _obey(engine: Engine, message: object) -> None:
    match message:
        case Drain():
            engine.drain()
        case Freeze():
            engine.freeze()
        case Thaw():
            engine.thaw()
        case Cancel(key):
            engine.cancel(key)
        case Recount():
            engine.recount()
        case _:
            raise AssertionError(message)


def _ignore(_number: int, _frame: object) -> None:
    """The supervisor says when to stop."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
