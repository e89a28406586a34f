"""The thread that runs sync jobs, one after another. Every microsecond here is paid by every job."""

from __future__ import annotations

import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, Any, Final

from msgspec.structs import replace

from conveyor import hooks
from conveyor.context import running
from conveyor.errors import PayloadError, StoreError
from conveyor.records import Claim, ClaimKey, Outcome
from conveyor.signals import JobCancelled, JobTimeout
from conveyor.worker import endings, events
from conveyor.worker.buffer import Buffer
from conveyor.worker.guards import CANCELLED, Guard, timed_out
from conveyor.worker.locks import JobLocks
from conveyor.worker.memory import Gauge
from conveyor.worker.plans import BILLION, Plan
from conveyor.worker.store import Patience

if TYPE_CHECKING:
    from collections.abc import Mapping

    from conveyor.app import Conveyor
    from conveyor.hooks import Hooks
    from conveyor.middleware import Middleware
    from conveyor.worker.settler import Settler
    from conveyor.worker.slots import SlotTable


class Bench:
    """What all runners of a child work with."""

    __slots__ = ("app", "asked", "hooks", "lease", "locks", "name", "plans", "settler", "slots")

    def __init__(
        self,
        app: Conveyor,
        plans: Mapping[str, Plan],
        slots: SlotTable,
        settler: Settler,
        *,
        name: str,
        lease: float,
        locks: JobLocks,
    ) -> None:
        self.app: Final = app
        self.hooks: Final[Hooks | None] = app.hooks if app.hooks is not None and app.hooks.want_runs else None
        self.plans: Final = plans
        self.slots: Final = slots
        self.settler: Final = settler
        self.name: Final = name
        self.lease: Final = lease
        self.locks: Final = locks
        self.asked: Final[dict[int, list[Claim]]] = {}
        """Which claims a thread asks the store about, before it runs the first of them."""

    @property
    def claims(self) -> list[ClaimKey]:
        """What runs, or is about to. From any thread."""
        asked = [ClaimKey(claim.id, claim.attempt) for claims in list(self.asked.values()) for claim in claims]
        return asked + [job.key for job in self.slots.running()]

    def end(self, slot: int, outcome: Outcome, since: int) -> None:
        """A run in this slot has ended."""
        claim = outcome.claim
        if claim.max_crashes == 1:
            # Nobody may run it again, so it stays in its slot, where a crash would find it, until the store knows that
            # it has ended. Its time no longer runs.
            self.slots.begin(slot, claim.id, claim.attempt, since, 0, self.plans[claim.type].number)
            self.settler.settle_now(outcome)
        else:
            self.settler.add(outcome)

    def still_ours(self, claim: Claim, buffer: Buffer) -> bool:
        """Whether a claim may still be run that has waited so long that its lease may have lapsed.

        A process that was stopped, on a machine that was asleep, comes here first when it wakes: somebody else may have
        run its jobs meanwhile. What waits behind this claim is asked about too, and thrown out where it is lost.
        """
        behind = buffer.take_back()
        asked = self.asked[threading.get_ident()] = [claim, *behind]
        valid_until = time.time_ns() + round(self.lease * BILLION)
        patience = Patience("extend leases")
        while True:
            try:
                held = self.app.driver.extend([ClaimKey(each.id, each.attempt) for each in asked], self.lease)
                break
            except StoreError as error:
                time.sleep(patience.failed(error))
                valid_until = time.time_ns() + round(self.lease * BILLION)
        patience.succeeded()
        for each, is_held in zip(asked, held, strict=True):
            if not is_held:
                events.lost(each)
        # To the front: what came in the meantime was claimed later.
        buffer.waiting.extendleft(each for each, is_held in zip(behind[::-1], held[:0:-1], strict=True) if is_held)
        buffer.valid_until = valid_until
        # What is run begins in a moment.
        del self.asked[threading.get_ident()]
        return held[0]


class Runner:
    """Runs what waits in a buffer, on the thread that calls `run`."""

    def __init__(self, bench: Bench, buffer: Buffer, slot: int, guard: Guard, gauge: Gauge) -> None:
        self._bench = bench
        self._buffer = buffer
        self._slot = slot
        self.guard: Final = guard
        self._gauge = gauge

    def run(self) -> None:
        """Run jobs until the buffer is closed and empty."""
        buffer = self._buffer
        waiting = buffer.waiting
        next_claim = waiting.popleft
        perform = self._perform
        claim: Claim | None
        while True:
            try:
                claim = next_claim()
            except IndexError:
                claim = self._rest()
                if claim is None:
                    return
            if len(waiting) <= buffer.low:
                buffer.reached_low()
            # What a job sets as context variables is gone with it.
            copy_context().run(perform, claim)

    def _rest(self) -> Claim | None:
        """Nothing waits: until something does."""
        bench, buffer = self._bench, self._buffer
        bench.slots.clear(self._slot)
        if buffer.free + 1 >= buffer.capacity:
            bench.settler.flush()
        return buffer.wait()

    def _perform(self, claim: Claim) -> None:  # noqa: C901, PLR0912, PLR0915 - every job would pay for every call
        bench, buffer, guard = self._bench, self._buffer, self.guard
        began = time.time_ns()
        if began > buffer.valid_until:
            bench.slots.clear(self._slot)
            if not bench.still_ours(claim, buffer):
                return
            began = time.time_ns()
        since = time.monotonic_ns()
        plan = bench.plans.get(claim.type)
        if plan is None:
            bench.settler.add(endings.unknown(claim))
            return
        try:
            timeout = plan.timeout_ns if plan.has_one_timeout and not claim.options else plan.timeout_of(claim)
        except PayloadError as error:
            bench.settler.add(endings.unreadable(claim, error, bench.name))
            return
        until = since + timeout if timeout else 0
        buffer.started_at = since
        # Before the payload is read: reading runs code of the user's, which may hang or take the process down.
        bench.slots.begin(self._slot, claim.id, claim.attempt, since, until, plan.number)

        value: Any = None
        failed: BaseException | None = None
        is_read = False
        lock = ""
        resident = self._gauge.begin(since) if since >= self._gauge.due else 0
        begun: list[Middleware] = []
        with running(claim, bench.app, began) as current:
            try:
                guard.begin(claim, since, until)
                try:
                    call = plan.load(claim.payload)
                    is_read = True
                    if plan.lock is not None:
                        lock = bench.locks.enter(plan.lock, claim, call)
                    value = call() if bench.hooks is None else bench.hooks.run(current, call, begun)
                finally:
                    guard.end()
            except BaseException as error:  # noqa: BLE001 - whatever a job raises, the child goes on
                _explain(error, since, until)
                failed = error
            took = time.monotonic_ns() - since
            if begun:
                hooks.ended(current, begun, value, failed, took)
            if lock:
                bench.locks.leave(lock, claim)

        started_at = began // 1000
        ended_at = (began + took) // 1000
        if failed is None:
            outcome = endings.completed(claim, plan, value, current.follow_ups, started_at, ended_at)
        else:
            outcome = endings.failed(
                claim, plan, failed, is_read=is_read, worker=bench.name, started_at=started_at, ended_at=ended_at
            )
        if current.is_completed:
            bench.settler.completed_already(outcome)
        if resident:
            outcome = replace(outcome, memory=self._gauge.end(resident))
        bench.end(self._slot, outcome, since)


def _explain(error: BaseException, since: int, until: int) -> None:
    """Give what the interpreter raised in a thread, which has no words, its words."""
    if not error.args:
        if isinstance(error, JobTimeout):
            error.args = timed_out(since, until).args
        elif isinstance(error, JobCancelled):
            error.args = (CANCELLED,)
