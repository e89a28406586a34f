"""The thread that claims ahead, and hands back what was claimed too early."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final

from conveyor import lifecycle
from conveyor.drivers.base import STEP, Driver
from conveyor.errors import StoreError
from conveyor.records import Claim, ClaimKey
from conveyor.worker.buffer import NEVER
from conveyor.worker.doubt import Doubt
from conveyor.worker.essential import essential
from conveyor.worker.mix import Mix
from conveyor.worker.plans import BILLION, Plan
from conveyor.worker.queues import EVERY as LOOK_EVERY
from conveyor.worker.queues import Queues
from conveyor.worker.room import PATIENCE_NS, Lane
from conveyor.worker.settler import Settler
from conveyor.worker.shares import Shares
from conveyor.worker.slots import SlotTable
from conveyor.worker.store import Patience

WAIT: Final = 5.0
"""Seconds to wait for a job before looking around."""

WAIT_IN_BURST: Final = 0.02
"""Likewise, while a burst may be about to end."""

_PATIENCE: Final = PATIENCE_NS / BILLION
_MARGIN: Final = 0.8
"""The share of a lease within which a claim may begin without asking the store again."""

logger: Final = logging.getLogger("conveyor.worker")


class Claimer:
    """Keeps the lanes supplied.

    Args:
        lanes: of sync jobs, and of async jobs where the application has any.
        mix: what is known of which queues hold which.
        max_jobs: how many to claim in all; `None` for no bound.
        known: answers the claims that run, or are about to.
        on_idle: called in a burst when nothing is ready, and nothing waits, runs or is unsettled here.
        on_late: called, once, when three quarters of `max_jobs` have been claimed.
        on_last: called when the last of `max_jobs` has been claimed.
    """

    def __init__(
        self,
        driver: Driver,
        queues: Queues,
        shares: Shares,
        lanes: tuple[Lane, Lane | None],
        *,
        mix: Mix,
        plans: Mapping[str, Plan],
        settler: Settler,
        slots: SlotTable,
        name: str,
        lease: float,
        is_frozen: bool,
        burst: bool = False,
        max_jobs: int | None = None,
        known: Callable[[], Collection[ClaimKey]],
        on_idle: Callable[[], object],
        on_late: Callable[[], object],
        on_last: Callable[[], object],
    ) -> None:
        self._driver = driver
        self._queues = queues
        self._shares = shares
        shares.meet(queues.names)
        self._sync, self._async = lanes
        self._lanes = [lane for lane in lanes if lane is not None]
        self._plans = plans
        self._settler = settler
        self._slots = slots
        self._name = name
        self._lease = lease
        self._is_frozen = is_frozen
        self._burst = burst
        self._left = max_jobs
        self._on_idle = on_idle
        self._late = -1 if max_jobs is None else max_jobs // 4
        self._on_late = on_late
        self._on_last = on_last
        self._was_idle = False
        self._mix = mix
        self._most = 1
        self._vain = 0
        self._stopping = threading.Event()
        self._wake = threading.Event()
        # Held from the look whether to claim until what came is in the buffers.
        self._turn = threading.Lock()
        self._store = Patience("claim jobs", self._stopping)
        self._known = known
        self._doubt = Doubt(driver, name, lease, self._held_here)
        self._asking_since = 0
        self._thread = essential("conveyor-claimer", self._run)
        for lane in self._lanes:
            lane.buffer.on_low = self._wake.set

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Claim nothing more and hand back what waits. Safe twice and unstarted; does not wait for the thread."""
        self._stopping.set()
        self._wake.set()
        with self._turn:
            for lane in self._lanes:
                self._hand_back(lane.buffer.take_back())

    def freeze(self) -> bool:
        """Claim nothing more until `thaw`; answer whether nothing waits, runs or is unsettled."""
        with self._turn:
            self._is_frozen = True
            return self._is_quiet

    def thaw(self) -> None:
        """Claim (again)."""
        self._is_frozen = False
        self._was_idle = False
        self._queues.look_again()
        self._wake.set()

    def cancel(self, key: ClaimKey) -> None:
        """Hand a claim back that still waits, for somebody wants its job cancelled: the store ends it as such."""
        for lane in self._lanes:
            if (claim := lane.buffer.take_out(key)) is not None:
                self._hand_back([claim])

    @property
    def _held(self) -> int:
        """How many claims wait here, or have ended and are not settled."""
        return sum(len(lane.buffer.waiting) for lane in self._lanes) + self._settler.held

    def recount(self) -> None:
        """Look whether the store holds claims for us that we do not know of, and hand them back."""
        self._doubt.arise()
        self._wake.set()

    def _held_here(self) -> set[ClaimKey]:
        """The claims that wait, run, or have ended and are not settled; a job that moves on is met further down."""
        waiting = [ClaimKey(claim.id, claim.attempt) for lane in self._lanes for claim in tuple(lane.buffer.waiting)]
        return {*waiting, *self._known(), *self._settler.claims}

    @property
    def _is_quiet(self) -> bool:
        return all(lane.buffer.is_quiet for lane in self._lanes) and not self._settler.held

    def run_once(self) -> None:
        """One round: hand back what is stuck, claim what there is room for, wait when there is nothing to do."""
        try:
            if strangers := self._doubt.strangers():
                plural = "" if len(strangers) == 1 else "s"
                logger.warning("handing back %d claim%s whose answer from the store was lost", len(strangers), plural)
                self._settler.add_all([lifecycle.handed_back(claim) for claim in strangers])
            self._round()
        except StoreError as error:
            if self._stopping.is_set():
                # Nothing more is wanted of the store, which may be closed already: a wait is left alone until then.
                return
            # What was asked for may have happened, or may happen yet.
            self._doubt.arise()
            self._store.pause(error)

    def _round(self) -> None:
        waits = self._look_after_what_waits()
        if self._is_frozen or self._left == 0:
            self._ask_no_more()
            self._sleep(_PATIENCE if waits else None)
            return
        if not self._room():
            for lane in self._lanes:
                lane.call_when_low()
            # What came before the readers were told to call is not slept over.
            if not self._room():
                self._ask_no_more()
                # Beside a slow job of one kind there may be room for the other.
                self._sleep(self._mix.pause(_PATIENCE if waits or self._async is not None else None))
            return
        if self._queues.look():
            self._shares.meet(self._queues.names)
        order = self._order()
        if not order and self._shares.names:
            self._sleep(self._mix.pause(_PATIENCE))
            return
        claims = self._claim(order)
        self._store.succeeded()
        if claims:
            self._vain = 0
        elif not self._stopping.is_set():
            self._wait_for_work(order)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.run_once()

    def _room(self) -> int:
        """How many jobs to claim now."""
        if self._async is None:
            room = self._sync.room()
        else:
            sync_room = None if self._sync.is_stuck else self._sync.room()
            async_room = None if self._async.is_stuck else self._async.room()
            room = min(self._mix.limit(sync_room, async_room), self._most)
        return room if self._left is None else min(room, self._left)

    def _order(self) -> list[str]:
        """The queues to claim from now: without those that lately gave only what there is no room for."""
        order = self._shares.order()
        if self._async is None:
            return order
        return self._mix.open(order, has_sync=not self._sync.is_stuck, has_async=not self._async.is_stuck)

    def _claim(self, order: Sequence[str]) -> list[Claim]:
        with self._turn:
            if self._stopping.is_set() or self._is_frozen:
                return []
            limit = self._room()
            if not limit:
                return []
            now = time.time_ns()
            if not self._asking_since:
                self._asking_since = time.monotonic_ns()
            self._slots.asking(self._asking_since)
            claims = self._driver.claim(order, limit=limit, lease=self._lease, worker=self._name)
            self._slots.claimed(time.time_ns() // 1000)
            self._asking_since = 0
            if claims:
                self._was_idle = False
                self._shares.taken(order, claims)
                self._most = min(STEP, max(self._most, 2 * len(claims)))
                self._put(claims, now + round(self._lease * _MARGIN * BILLION))
        return claims

    def _ask_no_more(self) -> None:
        """What the store owes an answer to is no longer wanted: that it was not given says nothing from now on."""
        if self._asking_since:
            self._asking_since = 0
            self._slots.asking(0)

    def _put(self, claims: list[Claim], valid_until: int) -> None:
        """Let claims wait where they are to run; those of a lane that has no room at all go back."""
        if self._left is not None:
            self._left -= len(claims)
        async_claims: list[Claim] = []
        if self._async is None:
            sync_claims = claims
        else:
            plans = self._plans
            sync_claims = []
            for claim in claims:
                plan = plans.get(claim.type)
                (async_claims if plan is not None and plan.is_async else sync_claims).append(claim)
        self._slots.hold(self._held + len(claims))
        for lane, ours in ((self._sync, sync_claims), (self._async, async_claims)):
            if lane is None or not ours:
                continue
            if self._async is not None and lane.is_stuck:
                # The other kind had room, and nobody could know what would come.
                self._mix.refused(ours)
                self._hand_back(ours)
            else:
                lane.claimed(ours)
                lane.buffer.put(ours, valid_until)
        if self._async is not None:
            self._mix.learn(sync_claims, async_claims)
        if self._left is not None and self._left <= self._late:
            self._late = -1
            self._on_late()
        if self._left == 0:
            self._on_last()

    def _look_after_what_waits(self) -> bool:
        """Hand back what waits behind slow jobs; answer whether something waits still."""
        waits = False
        for lane in self._lanes:
            if lane.buffer.waiting:
                if lane.is_stuck:
                    lane.start_over()
                    with self._turn:
                        self._hand_back(lane.buffer.take_back())
                else:
                    waits = True
        return waits

    def _hand_back(self, claims: Sequence[Claim]) -> None:
        if claims:
            if self._left is not None:
                self._left += len(claims)
            self._settler.add_all([lifecycle.handed_back(claim) for claim in claims])

    def _sleep(self, timeout: float | None) -> None:
        """Until a buffer runs low, something is said, or the time is over."""
        self._slots.hold(self._held)
        self._wake.wait(min(self._doubt.left, threading.TIMEOUT_MAX if timeout is None else timeout))
        self._wake.clear()
        for lane in self._lanes:
            lane.buffer.low = NEVER

    def _wait_for_work(self, order: Sequence[str]) -> None:
        self._slots.hold(self._held)
        timeout = LOOK_EVERY if self._queues.is_open else WAIT
        if self._burst and not self._was_idle:
            timeout = WAIT_IN_BURST
            if self._is_quiet:
                self._was_idle = True
                self._on_idle()
        if any(lane.buffer.waiting for lane in self._lanes) or len(order) < len(self._shares.names):
            # What waits may have to go back, and room for what the other queues hold may come.
            timeout = min(timeout, _PATIENCE)
        timeout = min(self._doubt.left, self._mix.pause(timeout) or timeout)
        is_ready = self._driver.wait(order, timeout)
        # A store may say so in vain, and another worker may be quicker: then ask again, but not all the time.
        self._vain = self._vain + 1 if is_ready else 0
        if self._vain > 1:
            self._stopping.wait(min(0.05, 0.001 * 2 ** min(self._vain, 6)))
