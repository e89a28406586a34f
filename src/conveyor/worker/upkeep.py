"""The supervisor's thread for the store: leases, heartbeat, tending, and the claims of children that are no more.

Apart from the thread that watches the children, so that a store that does not answer hides no death.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from conveyor import lifecycle
from conveyor.depths import EVERY, look_if_due
from conveyor.drivers.base import Driver
from conveyor.errors import StoreError
from conveyor.hooks import Hooks
from conveyor.maintenance import Tending
from conveyor.records import Claim, ClaimKey, Outcome
from conveyor.worker import events, locks
from conveyor.worker.aftermath import Aftermath, outcomes_of
from conveyor.worker.essential import essential
from conveyor.worker.health import Health
from conveyor.worker.messages import Recount
from conveyor.worker.offspring import Offspring
from conveyor.worker.plans import Plan
from conveyor.worker.queues import Queues
from conveyor.worker.store import Patience
from conveyor.worker.teller import TOLD_WITHIN, teller_of

BEAT_BUSY: Final = 2.0
BEAT_IDLE: Final = 8.0
"""Seconds between two heartbeats while jobs run, and while none does. Wishes to cancel come back with them."""

FIRST_LOOK: Final = 5.0
"""Seconds after its start until a worker looks how deep the queues are; one that is gone by then need not."""

FIRST_VISIT: Final = 0.1
"""Seconds after its burial until the claims of a dead child are looked for again; each pause doubles."""

logger: Final = logging.getLogger("conveyor.worker")


class Upkeep:
    """Looks after the store until stopped.

    Args:
        health: what the worker says of itself.
        children: answers the children that live now.
        on_lost: told of each run that was cut short with its process, and failed by that.
        on_cancel: told which running jobs someone wants stopped; again with every beat until they have ended.
        hooks: told of the runs that are settled here.
        schedule: one round of the schedules; answers the seconds until the next.
    """

    def __init__(
        self,
        driver: Driver,
        plans: Mapping[str, Plan],
        *,
        lease: float,
        name: str,
        health: Health,
        queues: Queues,
        children: Callable[[], Sequence[Offspring]],
        on_lost: Callable[[], object],
        on_cancel: Callable[[Sequence[ClaimKey]], None],
        hooks: Hooks | None = None,
        schedule: Callable[[], float] | None = None,
    ) -> None:
        self._driver = driver
        self._plans = plans
        self._has_locks = any(plan.lock is not None for plan in plans.values())
        self._lease = lease
        self._name = name
        self._health = health
        self._queues = queues
        self._children = children
        self._on_lost = on_lost
        self._on_cancel = on_cancel
        self._teller = teller_of(hooks)
        self._tending = Tending(driver, tuple(plans), keep=self._keep, on_rescued=self._settled)
        self._aftermaths: deque[Aftermath] = deque()
        self._buried: dict[str, float] = {}
        self._visit_pause = FIRST_VISIT
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._store = Patience("reach the store", self._wake)
        self._due = {self._extend: 0.0, self._beat: 0.0, self._visit: math.inf, self._tend: 0.0}
        self._due[self._look] = time.monotonic() + FIRST_LOOK
        if schedule is not None:
            self._due[schedule] = 0.0
        self._next_idle_beat = 0.0
        self._has_news = False
        self._thread = essential("conveyor-upkeep", self._run)

    def start(self) -> None:
        if self._teller is not None:
            self._teller.start()
        self._thread.start()

    def stop(self, timeout: float) -> None:
        """Settle what dead children held, leave, and end; give up after `timeout` seconds. Safe twice and unstarted."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout)
        if self._teller is not None:
            self._teller.stop(TOLD_WITHIN)

    def bury(self, aftermath: Aftermath) -> None:
        """Settle the claims of a child that is no more, as soon as the store lets."""
        self._aftermaths.append(aftermath)
        self._wake.set()

    @property
    def is_busy(self) -> bool:
        """Claims of dead children are not settled yet."""
        return bool(self._aftermaths)

    def announce(self, state: str) -> None:
        """Say in the next heartbeat, which comes now, what the worker does: starting, running or draining."""
        self._health.state = state
        self._has_news = True
        self._wake.set()

    def know(self, types: Sequence[str]) -> None:
        """A child knows these job types: what is held of them may run."""
        self._tending.types = types

    def run_once(self) -> float:
        """Do what is due; answer the seconds until something else is.

        Raises:
            StoreError: the store does not answer; what was due still is.
        """
        while self._aftermaths:
            self._bury(self._aftermaths[0])
            self._aftermaths.popleft()
        if self._has_news:
            self._due[self._beat] = 0.0
        # In this order: leases are extended before others' are found to have lapsed.
        for duty, due in list(self._due.items()):
            if time.monotonic() >= due:
                self._due[duty] = time.monotonic() + duty()
        return 0.0 if self._has_news else max(0.0, min(self._due.values()) - time.monotonic())

    def _run(self) -> None:
        while not self._stopping.is_set() or self._aftermaths:
            if self._health.asking_since is None:
                self._health.asking_since = time.monotonic()
            try:
                pause = self.run_once()
            except StoreError as error:
                self._wake.clear()
                self._store.pause(error)
                continue
            self._health.asking_since = None
            if self._store.is_tried:
                self._recover()
            self._store.succeeded()
            if not self._stopping.is_set():
                began = time.time()
                self._wake.wait(pause)
                self._wake.clear()
                if time.time() - began > pause + self._lease / 3:
                    self._recover()
        try:
            self._driver.leave(self._name)
        except StoreError as error:
            logger.warning("could not sign off, so this worker is listed until it is cleaned up: %s", error)

    def _recover(self) -> None:
        """The store was away, or this process frozen, or its machine asleep: leases may have lapsed, ours and others'.

        Whoever is back extends its own first; only then is anybody's work taken for abandoned.
        """
        self._tending.spare(self._lease / 3)
        self._due[self._extend] = 0.0

    def _bury(self, aftermath: Aftermath) -> None:
        if self._has_locks:
            locks.release_all(self._driver, aftermath.child)
        if claims := self._driver.held_by([aftermath.child]):
            self._settle(outcomes_of(aftermath, claims, self._plans))
        # What the child asked for as it died may yet be done for it.
        now = time.monotonic()
        self._buried[aftermath.child] = now + self._lease
        self._visit_pause = FIRST_VISIT
        self._due[self._visit] = now + FIRST_VISIT

    def _visit(self) -> float:
        """Hand back what the store has claimed for dead children since: nobody knows of it, and it never ran.

        A server finishes what it was sent, though the connection be gone. After a lease nothing is as late as that.
        """
        now = time.monotonic()
        if late := self._driver.held_by(list(self._buried)):
            self._settle([lifecycle.handed_back(claim) for claim in late])
        self._buried = {child: until for child, until in self._buried.items() if until > now}
        self._visit_pause = min(2 * self._visit_pause, self._lease / 3)
        return self._visit_pause if self._buried else math.inf

    def _settle(self, outcomes: Sequence[Outcome]) -> None:
        for outcome, held in zip(outcomes, self._driver.settle(outcomes), strict=True):
            if held:
                self._settled(outcome)
                if outcome.failure is not None:
                    self._on_lost()

    def _settled(self, outcome: Outcome) -> None:
        events.settled(outcome)
        if self._teller is not None:
            self._teller.tell(outcome)

    def _extend(self) -> float:
        keys: list[ClaimKey] = []
        holders: list[str] = []
        for child in self._children():
            if child.slots.header().held:
                holders.append(child.name)
            else:
                keys += [job.key for job in child.slots.running()]
        if holders:
            # What waits or is unsettled in there is known to the store alone.
            keys += _keys(self._driver.held_by(holders))
        if keys:
            self._driver.extend(keys, self._lease)
        if self._has_locks:
            running = [(child.name, job.key) for child in self._children() for job in child.slots.running()]
            locks.renew(self._driver, running, self._lease)
        return self._lease / 3

    def _keep(self, claims: Sequence[Claim]) -> Collection[ClaimKey]:
        """Which lapsed claims are our own children's: they live, so their leases are only late.

        Or the children do not know of them: a request arrived long after its connection broke, or the server came back
        with a state from before it crashed. Then they hand them back.
        """
        children = self._children()
        if not (names := [child.name for child in children]):
            return ()
        ours = _keys(self._driver.held_by(names))
        if ours and not {(claim.id, claim.attempt) for claim in claims}.isdisjoint(
            (key.id, key.attempt) for key in ours
        ):
            self._driver.extend(ours, self._lease)
            for child in children:
                child.send(Recount())
        return set(ours)

    def _tend(self) -> float:
        if self._queues.look():
            # Who asks which queues are served shall know.
            self.announce(self._health.state)
        return self._tending.run_once()

    def _look(self) -> float:
        look_if_due(self._driver, self._name)
        return EVERY / 2

    def _beat(self) -> float:
        is_busy = any(child.slots.running() for child in self._children())
        if self._has_news:
            # What is announced from here on, while this beat is under way, is for the next one.
            self._has_news, self._next_idle_beat = False, 0.0
        if not is_busy and time.monotonic() < self._next_idle_beat:
            return BEAT_BUSY
        wanted = self._driver.beat(self._health.record())
        if wanted:
            self._on_cancel(wanted)
        self._next_idle_beat = time.monotonic() + BEAT_IDLE
        return BEAT_BUSY


def _keys(claims: Sequence[Claim]) -> list[ClaimKey]:
    return [ClaimKey(claim.id, claim.attempt) for claim in claims]
