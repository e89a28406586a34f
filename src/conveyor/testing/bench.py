"""Runs claims in this process with the parts of a worker: arguments, middleware, locks, timeouts, outcomes."""

from __future__ import annotations

import asyncio
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from conveyor.middleware import Middleware
from conveyor.records import Claim, ClaimKey, Outcome
from conveyor.testing.guard import KitGuard
from conveyor.worker import endings
from conveyor.worker.buffer import Buffer
from conveyor.worker.estimates import Estimates
from conveyor.worker.locks import JobLocks
from conveyor.worker.loop import LoopRunner
from conveyor.worker.memory import Gauge
from conveyor.worker.plans import Plan, plans_of
from conveyor.worker.runner import Bench, Runner
from conveyor.worker.settler import Settler
from conveyor.worker.slots import SlotTable
from conveyor.worker.teller import Teller

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.context import CurrentJob
    from conveyor.drivers.base import Driver
    from conveyor.hooks import Hooks

WORKER: Final = "test"
"""The name under which tests claim."""

LEASE: Final = 30.0
"""Seconds by the test's clock, which stands still while a job runs."""

_FOR_EVER: Final = 1 << 63

_THREAD: Final = 0
_LOOP: Final = 1
"""Slots."""


class Raised(Middleware):
    """Keeps what jobs raise, of which the store keeps the text."""

    def __init__(self) -> None:
        self._errors: Final[dict[ClaimKey, tuple[BaseException, TracebackType | None]]] = {}

    def after_run(self, job: CurrentJob, result: object, error: BaseException | None, seconds: float) -> None:  # noqa: ARG002 - the hook's signature
        if error is not None:
            endings.bare(error)
            # Whoever settles the run takes the traceback away.
            self._errors[ClaimKey(job.id, job.attempt)] = error, error.__traceback__

    def take(self, claim: Claim) -> BaseException | None:
        """What the run of this claim raised, and where."""
        error, traceback = self._errors.pop(ClaimKey(claim.id, claim.attempt), (None, None))
        return None if error is None else error.with_traceback(traceback)


class Settlement(Settler):
    """Keeps how runs have ended until it is told to settle them, on the thread that tells it."""

    def __init__(self, driver: Driver, estimates: Estimates, hooks: Hooks) -> None:
        self._test_teller: Final = Teller(hooks)
        super().__init__(driver, estimates, teller=self._test_teller)
        self.ended: Final[SimpleQueue[Outcome]] = SimpleQueue()

    def add(self, outcome: Outcome) -> None:
        self.ended.put(outcome)

    def settle_now(self, outcome: Outcome) -> None:
        self.ended.put(outcome)

    def flush(self) -> None:
        """There is nothing to hurry."""

    def settle(self, outcome: Outcome) -> None:
        """Tell the store, the metrics and the middleware."""
        super().add(outcome)
        self.run_once()
        self._measure()
        self._test_teller.run_once()


class KitBench:
    """Where the jobs of one test run, one at a time."""

    def __init__(self, app: Conveyor, driver: Driver, hooks: Hooks) -> None:
        estimates = Estimates()
        self._app = app
        self._plans: Final[dict[str, Plan]] = {}
        self._slots: Final = SlotTable.create(2)
        self._slots.hand_over()
        self._guard: Final = KitGuard(self._slots, _THREAD)
        self.settlement: Final = Settlement(driver, estimates, hooks)
        locks = JobLocks(driver, WORKER, LEASE, estimates)
        self._bench: Final = Bench(
            app, self._plans, self._slots, self.settlement, name=WORKER, lease=LEASE, locks=locks
        )
        self._own_loop: tuple[LoopRunner, Buffer] | None = None

    def run(self, claim: Claim) -> Outcome:
        """Run it: a sync job on this thread, an async one on a loop that all of them share, on a thread of its own."""
        began = self._app.clock()
        if self._is_async(claim):
            self._loop_buffer().put([claim], _FOR_EVER)
        else:
            self._on_this_thread(claim)
        return _timed(self.settlement.ended.get(), began)

    async def arun(self, claim: Claim) -> Outcome:
        """Run it: an async job on the loop that runs this, a sync one on a thread."""
        began = self._app.clock()
        if self._is_async(claim):
            buffer = _holding(claim)
            buffer.free = 1
            await LoopRunner(self._bench, buffer, _LOOP, asyncio.get_running_loop()).until_closed()
        else:
            await asyncio.to_thread(self._on_this_thread, claim)
        return _timed(self.settlement.ended.get_nowait(), began)

    def close(self) -> None:
        """End its loop."""
        if self._own_loop is not None:
            runner, buffer = self._own_loop
            buffer.close()
            runner.join()

    def _is_async(self, claim: Claim) -> bool:
        if claim.type not in self._plans:
            # Tests register jobs too, at any time.
            self._plans.update(plans_of(self._app, None))
        plan = self._plans.get(claim.type)
        return plan is not None and plan.is_async

    def _on_this_thread(self, claim: Claim) -> None:
        Runner(self._bench, _holding(claim), _THREAD, self._guard, Gauge(runs_alone=False)).run()

    def _loop_buffer(self) -> Buffer:
        if self._own_loop is None:
            buffer = Buffer(1)
            self._own_loop = LoopRunner(self._bench, buffer, _LOOP), buffer
            self._own_loop[0].start()
        return self._own_loop[1]


def _holding(claim: Claim) -> Buffer:
    """A buffer with this claim, to which no other comes."""
    buffer = Buffer(1)
    buffer.put([claim], _FOR_EVER)
    buffer.close()
    return buffer


def _timed(outcome: Outcome, began: int) -> Outcome:
    """The outcome by the clock of the test, which stood still."""
    if outcome.started_at is None or outcome.ended_at is None:
        return outcome
    ended = began + outcome.ended_at - outcome.started_at
    failure = outcome.failure
    if failure is not None:
        failure = replace(failure, started_at=began, ended_at=ended)
    return replace(outcome, started_at=began, ended_at=ended, failure=failure)
