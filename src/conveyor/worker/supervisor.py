"""The supervisor: starts the children, watches them, replaces those that end, and stops them in order."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import selectors
import sys
import time
from typing import TYPE_CHECKING, Final, assert_never

from conveyor.drivers.base import Driver
from conveyor.errors import SchemaMismatch, StoreError
from conveyor.scheduler import Scheduler
from conveyor.worker import alarm, application, events, logs
from conveyor.worker.burst import Burst
from conveyor.worker.enforcer import Enforcer
from conveyor.worker.engine import slots_needed
from conveyor.worker.health import Health
from conveyor.worker.messages import (
    Begin,
    Drain,
    Finished,
    FromChild,
    Frozen,
    Idle,
    Ready,
    Retiring,
    Unfit,
)
from conveyor.worker.offspring import Offspring, State
from conveyor.worker.orders import Orders
from conveyor.worker.pacing import Pacing
from conveyor.worker.plans import plans_of
from conveyor.worker.queues import Queues, shares_of
from conveyor.worker.recycling import Recycling
from conveyor.worker.rotation import Rotation
from conveyor.worker.settings import WorkerSettings, new_name
from conveyor.worker.store import Patience
from conveyor.worker.tally import Tally
from conveyor.worker.upkeep import Upkeep

if TYPE_CHECKING:
    from conveyor.app import Conveyor

TICK: Final = 0.25
"""Seconds between two looks at what runs, at most."""

FAILED: Final = 1
"""The exit code when the children cannot even begin."""

_SIGN_OFF: Final = 5.0
"""Seconds to settle what was left, at the end."""

logger: Final = logging.getLogger("conveyor.worker")


def run_worker(settings: WorkerSettings) -> int:
    """Work until told to stop: the first SIGTERM or SIGINT drains, the second ends it now. Call it in the main thread.

    Answers the exit code: 0 when it drained, or was a burst that is done; 128 and the signal's number when a second
    signal ended it; 1 when its children cannot begin.

    Raises:
        ConfigError, SchemaMismatch: the application or the store cannot work. Where files are watched, an application
            that cannot be imported is waited for until they change.
    """
    logs.configure(logging.INFO, as_json=settings.log_json)
    events.show_arguments(show=settings.log_args)
    with contextlib.ExitStack() as closing:
        orders = closing.enter_context(contextlib.closing(Orders()))
        if settings.watch:
            # It loads a library that only development needs.
            from conveyor.worker.changes import Changes

            # Python takes a file for unchanged that keeps its size and the second of its last change.
            sys.dont_write_bytecode = True
            changes = Changes(settings.watch, orders.restart)
            changes.start()
            closing.callback(changes.stop)
        app = application.load(settings, orders)
        if app is None:
            return 0
        probes = None
        if settings.health_port is not None:
            # Loaded by those who want it.
            from conveyor.worker.probes import Probes

            probes = Probes(settings.health_host, settings.health_port)
            closing.callback(probes.stop)
        supervisor = Supervisor(app, settings, orders)
        if probes is not None:
            logger.info("answers probes at %s", probes.url)
            probes.start(supervisor.health)
        return supervisor.run()


class Supervisor:
    """A worker's first process. Runs no job itself."""

    def __init__(self, app: Conveyor, settings: WorkerSettings, orders: Orders) -> None:
        self._app = app
        self._settings = settings
        self._orders = orders
        self._name = settings.name or new_name()
        self._shares = shares_of(settings, app)
        self._queues = Queues(app, self._shares, exclude=settings.exclude)
        self._children: list[Offspring] = []
        # A worker that is started again under the name it had must not take its dead predecessor's claims for its own.
        self._lineage = self._name if settings.name is None else f"{self._name}-{os.urandom(3).hex()}"
        self._began = 0
        self._pacing = Pacing()
        self._tally = Tally()
        has_async = any(job_type.is_async for job_type in app.job_types.values())
        self.health: Final = Health(
            name=self._name,
            lease=settings.lease,
            processes=settings.processes,
            places=settings.threads + (settings.async_limit if has_async else 0),
            children=lambda: tuple(self._children),
            queues=lambda: self._queues.names,
        )
        self._has_worked = False
        self._was_ready = False
        self._enforcer = Enforcer(threads=settings.threads, grace=settings.grace, wake=orders.wake)
        self._rotation = Rotation()
        self._recycling = Recycling(settings.max_memory, settings.max_time)
        self._deadline: float | None = None
        self._exit_code = 0
        self._selector = selectors.DefaultSelector()
        self._upkeep: Upkeep
        self._driver: Driver
        self._burst: Burst | None = None

    def run(self) -> int:
        """Work until drained or ended; see `run_worker`."""
        logs.configure(logging.INFO, worker=self._name)
        plans = plans_of(self._app, self._settings.timeout)
        events.starting(self._settings, self._name, self._shares, plans)
        if not self._open():
            return 0
        # Where it is away again, whatever needs it next says so.
        with contextlib.suppress(StoreError):
            events.doubtful(self._driver.diagnose())
        self._upkeep = Upkeep(
            self._driver,
            plans,
            lease=self._settings.lease,
            name=self._name,
            health=self.health,
            queues=self._queues,
            children=lambda: tuple(self._children),
            on_lost=self._tally.lost,
            on_cancel=self._enforcer.want_cancelled,
            hooks=self._app.hooks,
            # A burst does what is there, and does not wait for what the clock brings.
            schedule=None if self._settings.burst else Scheduler(self._app).run_once,
        )
        self._burst = Burst(self._driver, self._queues) if self._settings.burst else None
        alerts = alarm.Alarm(self._app, self._name, is_on=not self._settings.burst)
        self._upkeep.start()
        alerts.start()
        # What is loaded now stays: the collector need not look at it again and again, nor when this process ends.
        gc.collect()
        gc.freeze()
        try:
            self._loop()
        finally:
            for child in self._children:
                child.kill({})
            while self._children:
                self._reap()
                time.sleep(0.001)
            self._selector.close()
            alerts.stop()
            self._upkeep.stop(_SIGN_OFF)
            self._app.close()
        logger.info("worker %s has stopped; it ran %s", self._name, self._tally.total(()))
        return self._exit_code

    def _open(self) -> bool:
        """Open the store, however long it takes; False when told to stop first."""
        patience = Patience("open the store", self._orders.stopping)
        self.health.asking_since = time.monotonic()
        while not self._orders.stopping.is_set():
            try:
                self._driver = self._app.driver
                self._driver.counts(())
                self._app.schedules.check()
                alarm.check(self._app)
            except SchemaMismatch:
                raise
            except StoreError as error:
                patience.pause(error)
            else:
                patience.succeeded()
                self.health.asking_since = None
                return True
        return False

    # ── the loop ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _loop(self) -> None:
        tick = min(TICK, max(0.01, self._settings.grace / 4))
        self._selector.register(self._orders, selectors.EVENT_READ)
        while True:
            self.health.turned()
            self._tally.run_once(self._children)
            self._staff()
            if self._deadline is not None and not self._children:
                return
            for ready, _ in self._selector.select(tick):
                if isinstance(ready.data, Offspring):
                    self._hear(ready.data)
            self._obey()
            self._reap()
            self._enforcer.run_once(self._children)
            if self._burst is not None:
                self._see_whether_done(self._burst)

    def _see_whether_done(self, burst: Burst) -> None:
        """End a burst that is over. The claims of dead children come back first."""
        if self._deadline is not None or len(self._children) < self._settings.processes or self._upkeep.is_busy:
            return
        if burst.is_over(self._children):
            if self._settings.once:
                logger.info("no job is ready")
            self._drain()

    def _obey(self) -> None:
        """What signals have said."""
        orders = self._orders.take()
        for number in orders.stops:
            if self._deadline is None:
                logger.info("%s: draining for at most %g s", number.name, self._settings.shutdown_timeout)
                self._drain()
            else:
                logger.warning("%s: stopping now", number.name)
                self._exit_code = 128 + number
                self._deadline = 0.0
        if orders.restart and self._deadline is None:
            logger.info("%s: replacing the children one by one", orders.restart)
            self._rotation.reload(self._children)
        if self._deadline is not None and time.monotonic() >= self._deadline:
            for child in self._children:
                child.kill({})

    def _drain(self) -> None:
        self._deadline = time.monotonic() + self._settings.shutdown_timeout
        self._rotation.clear()
        self._upkeep.announce("draining")
        for child in self._children:
            if child.state is State.STARTING:
                child.kill({})
            else:
                child.state = State.DRAINING
                child.send(Drain())

    # ── children ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _staff(self) -> None:
        """Start the children that are missing."""
        if self._deadline is not None or self._rotation.is_stalled:
            return
        self._rotation.add(self._recycling.due(self._children))
        if (pair := self._rotation.turn(self._children)) is not None:
            self._replace(*pair)
        now = time.monotonic()
        places = sum(not child.is_standby and child.state is not State.DRAINING for child in self._children)
        for _ in range(self._settings.processes - places):
            if now < self._pacing.next_start or self._start(is_standby=False) is None:
                return
        for child in tuple(self._children):
            if child.successor is child and now >= self._pacing.next_start:
                child.successor = self._start(is_standby=True) or child

    def _start(self, *, is_standby: bool) -> Offspring | None:
        self._began += 1
        settings = self._settings
        begin = Begin(
            settings=settings,
            name=f"{self._lineage}.{self._began}",
            path=tuple(sys.path),
            log_level=logging.getLogger().getEffectiveLevel(),
            standby=is_standby,
        )
        try:
            child = Offspring(begin, slots_needed(settings.threads, settings.async_limit), settings.threads)
        except OSError as error:
            # No memory, no descriptors: the children that live go on, and one of them may end and make room.
            pause = self._pacing.died(0.0, was_ready=False)
            logger.error("cannot start a child: %s; trying again in %g s", error, pause)  # noqa: TRY400 - said in one line
            return None
        self._children.append(child)
        self._selector.register(child.channel.socket, selectors.EVENT_READ, child)
        return child

    def _hear(self, child: Offspring) -> None:
        messages = child.channel.receive()
        if messages is None:
            # It has closed its end, so it ends or has ended; `_reap` will know.
            self._selector.unregister(child.channel.socket)
            return
        for message in messages:
            self._heed(child, message)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType] - the channel decodes nothing else

    def _heed(self, child: Offspring, message: FromChild) -> None:
        match message:
            case Ready(types, queues):
                child.types = types
                child.was_ready = self._has_worked = True
                child.state = State.STANDBY if child.is_standby else State.WORKING
                self._say_when_ready()
                self._upkeep.announce("running" if self._was_ready else "starting")
                self._recycling.began(child)
                self._queues.replace(queues)
                self._upkeep.know(types)
            case Unfit(reason):
                child.unfit = reason
            case Retiring():
                if child.successor is None and self._deadline is None and not self._settings.once:
                    child.successor = child
            case Idle():
                child.is_idle = True
            case Frozen(quiet):
                child.is_quiet = quiet
            case Finished():
                child.state = State.DRAINING
                self._hand_over(child)
                if self._settings.once and self._deadline is None:
                    self._drain()
            case _:
                assert_never(message)

    def _say_when_ready(self) -> None:
        """Once, when all children are up."""
        working = sum(child.state is State.WORKING for child in self._children)
        if not self._was_ready and working == self._settings.processes:
            self._was_ready = True
            events.ready(self._name, working)

    def _replace(self, old: Offspring, new: Offspring) -> None:
        old.successor = None
        old.state = State.DRAINING
        old.send(Drain())
        new.thaw()

    def _reap(self) -> None:
        """See which children have ended, and what has to follow from it."""
        for child in tuple(self._children):
            aftermath = child.end()
            if aftermath is None:
                continue
            self._children.remove(child)
            if child.channel.socket in self._selector.get_map():
                self._selector.unregister(child.channel.socket)
            child.channel.socket.close()
            self._tally.bury(child)
            self._upkeep.bury(aftermath)
            self._mourn(child)
        self._orders.reap_strangers({child.pid for child in self._children})

    def _hand_over(self, child: Offspring) -> None:
        """Let the one that stands by for this child take its place."""
        successor, child.successor = child.successor, None
        if successor is not None and successor is not child:
            successor.thaw()

    def _mourn(self, child: Offspring) -> None:
        code = child.exit_code
        for other in self._children:
            if other.successor is child:
                # It was to take over from another one, which still lives.
                other.successor = other
        self._hand_over(child)
        if self._burst is not None:
            self._burst.go_on(self._children)
        if self._settings.once and child.was_ready and self._deadline is None:
            # Its job was the one; what becomes of that is in the aftermath.
            self._drain()
        if self._deadline is not None or (code == 0 and child.was_ready):
            return
        how = child.unfit or f"it ended with {f'signal {-code}' if code is not None and code < 0 else f'code {code}'}"
        if self._settings.watch and not child.was_ready:
            if self._rotation.stall(child, self._children):
                goes_on = ", while the code from before goes on" if self._children else ""
                logger.error("%s; waiting for the next change%s", how, goes_on)
            return
        pause = self._pacing.died(time.monotonic() - child.started, was_ready=child.was_ready)
        if not child.was_ready and not self._has_worked:
            logger.critical("child %s could not begin: %s", child.name, how)
            self._exit_code = FAILED
            self._drain()
            return
        logger.error(
            "child %s is lost: %s; starting another one%s", child.name, how, f" in {pause:g} s" if pause else ""
        )
