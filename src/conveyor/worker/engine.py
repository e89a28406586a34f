"""The parts of a child, put together: claimer, buffers, runners, settler."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import msgspec

from conveyor.records import ClaimKey
from conveyor.worker.aftermath import cut_off
from conveyor.worker.buffer import Buffer
from conveyor.worker.claimer import Claimer
from conveyor.worker.essential import ABANDONED
from conveyor.worker.estimates import Estimates
from conveyor.worker.guards import Alarm, Guard, SignalGuard, ThreadGuard
from conveyor.worker.locks import JobLocks
from conveyor.worker.memory import Gauge
from conveyor.worker.messages import Begin, Frozen, Idle, Retiring
from conveyor.worker.mix import Mix
from conveyor.worker.plans import plans_of
from conveyor.worker.queues import Queues, shares_of
from conveyor.worker.room import Lane
from conveyor.worker.runner import Bench, Runner
from conveyor.worker.settler import Settler
from conveyor.worker.shares import Shares
from conveyor.worker.slots import SlotTable
from conveyor.worker.teller import TOLD_WITHIN, teller_of

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.worker.loop import LoopRunner


_ABANDONED_WITHIN: Final = 5.0
"""Seconds it has to tell the store."""

logger: Final = logging.getLogger("conveyor.worker")


def slots_needed(threads: int, async_limit: int) -> int:
    """How many jobs a child may run at a time: sync jobs in the first slots, async jobs in those after them."""
    return threads + async_limit


class Engine:
    """Runs an application's jobs in this process, from `run` until it is drained.

    Args:
        begin: what the supervisor has said.
        tell: says something to the supervisor.
    """

    def __init__(self, app: Conveyor, begin: Begin, slots: SlotTable, tell: Callable[[msgspec.Struct], object]) -> None:
        settings = begin.settings
        estimates = Estimates()
        plans = plans_of(app, settings.timeout)
        self._name = begin.name
        self._tell = tell
        self._teller: Final = teller_of(app.hooks)
        measures = app.retention.metrics_age > 0
        self._settler: Final = Settler(app.driver, estimates, slots.settled, self._teller, measures=measures)
        locks = JobLocks(app.driver, begin.name, settings.lease, estimates)
        bench = Bench(app, plans, slots, self._settler, name=begin.name, lease=settings.lease, locks=locks)
        self._sync = Buffer(settings.threads)
        self._loop: LoopRunner | None = None
        async_lane: Lane | None = None
        self._buffers = [self._sync]
        if any(plan.is_async for plan in plans.values()):
            # asyncio takes memory and time to load, and many applications have no use for it.
            from conveyor.worker.loop import LoopRunner

            buffer = Buffer(settings.async_limit)
            async_lane = Lane(buffer, estimates)
            self._buffers.append(buffer)
            self._loop = LoopRunner(bench, buffer, settings.threads)
        self._alarm = Alarm() if settings.threads > 1 else None
        gauge = Gauge(runs_alone=settings.threads == 1)
        self._runners = [
            Runner(bench, self._sync, slot, self._guard(slots, slot), gauge) for slot in range(settings.threads)
        ]
        shares = shares_of(settings, app)
        queues = Queues(app, shares, exclude=settings.exclude)
        self.queues: Final = tuple(queues.names)
        """What is served from the start."""
        self._claimer: Final = Claimer(
            app.driver,
            queues,
            Shares(shares),
            (Lane(self._sync, estimates), async_lane),
            mix=Mix(
                {each.queue for each in app.job_types.values() if not each.is_async},
                {each.queue for each in app.job_types.values() if each.is_async},
            ),
            plans=plans,
            settler=self._settler,
            slots=slots,
            name=begin.name,
            lease=settings.lease,
            is_frozen=begin.standby,
            burst=settings.burst,
            max_jobs=settings.max_jobs,
            known=lambda: self._running(bench),
            on_idle=lambda: tell(Idle()),
            on_late=lambda: tell(Retiring()),
            on_last=self._finish,
        )

    def run(self) -> None:
        """Run jobs until drained; with one thread for sync jobs that is this one, which must be the main thread."""
        if self._teller is not None:
            self._teller.start()
        self._settler.start()
        if self._loop is not None:
            self._loop.start()
        self._claimer.start()
        if self._alarm is None:
            self._runners[0].run()
        else:
            threads = [
                threading.Thread(target=runner.run, name=f"conveyor-job-{number}", daemon=True)
                for number, runner in enumerate(self._runners)
            ]
            for thread in threads:
                thread.start()
            self._alarm.run()
            for thread in threads:
                thread.join()
        if self._loop is not None:
            self._loop.join()
        # Whatever else was closed for the last job of many: nothing may be left claimed.
        self._claimer.stop()
        self._settler.stop()
        if self._teller is not None:
            self._teller.stop(TOLD_WITHIN)

    def drain(self) -> None:
        """Hand back what waits, let what runs finish, then let `run` return. From any thread; again changes nothing."""
        self._claimer.stop()
        self._finish()

    def freeze(self) -> None:
        """Claim nothing until `thaw`, and tell."""
        self._tell(Frozen(quiet=self._claimer.freeze()))

    def thaw(self) -> None:
        self._claimer.thaw()

    def recount(self) -> None:
        """Look whether the store holds claims for this process that it does not know of."""
        self._claimer.recount()

    def cancel(self, key: ClaimKey) -> None:
        """Stop this job, if it is here: handed back while it waits, interrupted while it runs."""
        self._claimer.cancel(key)
        if self._loop is not None:
            self._loop.cancel(key)
        for runner in self._runners:
            runner.guard.cancel(key)

    def abandon(self) -> None:
        """Give up everything and end this process: whoever would look after it is gone."""
        logger.critical("the supervisor is gone, so this process gives back its jobs and ends")
        claims = [claim for runner in self._runners if (claim := runner.guard.claim) is not None]
        if self._loop is not None:
            claims += self._loop.claims
        self._claimer.stop()
        self._settler.add_all([cut_off(claim, "its worker was stopped while it ran", self._name) for claim in claims])
        # The store may be away too; then the leases lapse.
        stopping = threading.Thread(target=self._settler.stop, daemon=True)
        stopping.start()
        stopping.join(_ABANDONED_WITHIN)
        logging.shutdown()
        os._exit(ABANDONED)

    def _running(self, bench: Bench) -> list[ClaimKey]:
        """The claims that run, or are about to."""
        waiting_for_the_loop = [] if self._loop is None else self._loop.claims
        return [*(ClaimKey(claim.id, claim.attempt) for claim in waiting_for_the_loop), *bench.claims]

    def _finish(self) -> None:
        """Let the runners end when they have run what waits."""
        for buffer in self._buffers:
            buffer.close()
        if self._alarm is not None:
            self._alarm.stop()

    def _guard(self, slots: SlotTable, slot: int) -> Guard:
        return SignalGuard(slots, slot) if self._alarm is None else ThreadGuard(slots, slot, self._alarm)
