"""What comes next in a test: claims that are due, and, when there are none, the moment at which the next one is."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from conveyor import lifecycle
from conveyor.drivers.base import STEP
from conveyor.failures import failure_of
from conveyor.handle import JobHandle
from conveyor.records import Claim, Filter, JobId, JobStatus, Outcome, Reason, StoredJob
from conveyor.scheduler import Scheduler
from conveyor.testing.bench import LEASE, WORKER, KitBench, Raised
from conveyor.testing.clock import VirtualClock
from conveyor.testing.faults import Fault, Faults, crashed
from conveyor.testing.run import Run
from conveyor.times import micros, moment

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.drivers.base import Driver

_WAITING: Final = (JobStatus.PENDING, JobStatus.RETRYING)

_RUNS: Final = (JobStatus.PROCESSING,)

Steps = Generator[Claim, Outcome, None]
"""Claims to be run, answered with how their runs ended."""


class Rounds:
    """The jobs of one test, in the order in which a worker would run them."""

    def __init__(self, app: Conveyor, driver: Driver, clock: VirtualClock, bench: KitBench, raised: Raised) -> None:
        self._app = app
        self._driver = driver
        self._clock = clock
        self._bench = bench
        self._raised = raised
        self._scheduler: Final = Scheduler(app)
        self.faults: Final = Faults()

    def due(self, runs: list[Run], queues: Sequence[str] = ()) -> Steps:
        """All that is due now, what comes of it included. Each run is added to `runs`."""
        while claim := self._claim(queues):
            runs.append((yield from self._run(claim)))

    def empty(self, runs: list[Run], queues: Sequence[str]) -> Steps:
        """All that waits: what is due later when nothing is due sooner, at its moment."""
        while True:
            yield from self.due(runs, queues)
            upcoming = self._next_due(queues, _WAITING)
            if upcoming is None:
                return
            self._clock.move_to(moment(upcoming))

    def until(self, runs: list[Run], queues: Sequence[str], end: int) -> Steps:
        """All that a worker would do until `end`: schedules and lapsed leases too, each at its moment."""
        while True:
            self._scheduler.run_once()
            self._rescue()
            yield from self.due(runs, queues)
            coming = [self._next_due(queues, _WAITING + _RUNS), self._next_slot()]
            upcoming = min((each for each in coming if each is not None), default=end)
            if upcoming > end or self._clock() >= end:
                self._clock.move_to(moment(max(end, self._clock())))
                return
            self._clock.move_to(moment(upcoming))

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _claim(self, queues: Sequence[str]) -> Claim | None:
        served = queues or [counts.queue for counts in self._driver.counts()]
        claims = self._driver.claim(served, limit=1, lease=LEASE, worker=WORKER) if served else []
        return claims[0] if claims else None

    def _run(self, claim: Claim) -> Generator[Claim, Outcome, Run]:
        if self.faults.meets(Fault.AFTER_CLAIM, claim):
            outcome = crashed(claim, Fault.AFTER_CLAIM)
        else:
            outcome = yield claim
            if self.faults.meets(Fault.BEFORE_SETTLE, claim):
                self._raised.take(claim)
                outcome = crashed(claim, Fault.BEFORE_SETTLE, outcome)
        error = self._raised.take(claim)
        self._bench.settlement.settle(outcome)
        if isinstance(error, KeyboardInterrupt):
            # Somebody wants the tests to end.
            raise error
        handle = JobHandle[object](self._app, claim.id)
        return Run(claim.type, claim.attempt, handle.status, error, handle)

    def _rescue(self) -> None:
        """What was taken by hand and not settled in time is offered again."""
        for claim in self._driver.lapsed(STEP):
            failure = failure_of("the lease lapsed", claim, Reason.CRASHED, ended_at=self._clock())
            self._driver.settle([lifecycle.after_crash(claim, failure)])

    def _next_due(self, queues: Sequence[str], statuses: tuple[JobStatus, ...]) -> int | None:
        """When the next of these jobs is due, or its lease over."""
        paused = {counts.queue for counts in self._driver.counts() if counts.paused}
        now = self._clock()
        found = (
            job.due_at if job.lease_until is None else job.lease_until
            for job in kept(self._driver, Filter(queues=tuple(queues), statuses=statuses))
            if not job.held and job.queue not in paused
        )
        return min((at for at in found if at > now), default=None)

    def _next_slot(self) -> int | None:
        now = self._clock()
        coming = (micros(each.next_at, "next_at") for each in self._app.schedules.list() if each.next_at is not None)
        return min((at for at in coming if at > now), default=None)


def kept(driver: Driver, where: Filter) -> Iterator[StoredJob]:
    """The jobs that meet the filter, newest id first."""
    cursor: JobId | None = None
    while True:
        page = driver.find(where, limit=STEP, cursor=cursor)
        yield from page.jobs
        cursor = page.next
        if cursor is None:
            return
