"""The thread that tells the store what became of jobs: in batches, 10 ms late at most, at once when nothing runs."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from conveyor import lifecycle
from conveyor.drivers.base import STEP, Driver
from conveyor.errors import StoreError
from conveyor.failures import failure_of
from conveyor.measurements import MINUTE, Measurements
from conveyor.records import ClaimKey, JobStatus, Outcome, Reason
from conveyor.worker import events
from conveyor.worker.essential import essential
from conveyor.worker.estimates import Estimates
from conveyor.worker.store import Patience
from conveyor.worker.teller import Teller

LATEST: Final = 0.010
"""Seconds an outcome waits for company, at most."""

METRICS_EVERY: Final = 1.0
"""Seconds."""

_RUNS_THAT_FAILED: Final = frozenset({Reason.FAILED, Reason.TIMED_OUT, Reason.GIVEN_UP})

_Alike = tuple[str, str, int, JobStatus | None]
"""Runs that are counted together: their type, queue, minute, and whether they completed (`None`: not measured)."""

_UNSETTLED: Final = "what its run came to could not be stored: "

logger: Final = logging.getLogger("conveyor.worker")


class Settler:
    """Takes outcomes from any thread, settles them on its own, and keeps them while the store is away.

    Args:
        driver: where to settle.
        estimates: learns how long jobs take.
        tally: told, after each step, how many runs have ended and been settled so far, and how many of them failed.
        teller: told of each outcome that the store has taken.
    """

    def __init__(
        self,
        driver: Driver,
        estimates: Estimates,
        tally: Callable[[int, int], object] = lambda _ended, _failed: None,
        teller: Teller | None = None,
        *,
        measures: bool = True,
    ) -> None:
        self._driver = driver
        self._estimates = estimates
        self._tally = tally
        self._teller = teller
        self._runs = 0
        self._failures = 0
        self._measures = measures
        self._measured = Measurements()
        self._measured_at = time.monotonic()
        self._ended: Final[deque[Outcome]] = deque()
        self._taken = 0
        self._batch: Sequence[Outcome] = ()
        self._refused: list[tuple[Outcome, bool]] = []
        self._awaited: dict[ClaimKey, threading.Event] = {}
        self._completed_already: Final[set[ClaimKey]] = set()
        self._wake = threading.Event()
        self._asleep = False
        self._urgent = False
        self._stopping = False
        self._store = Patience("settle jobs")
        self._metrics_store = Patience("record metrics")
        self._thread = essential("conveyor-settler", self._run)

    def start(self) -> None:
        """Settle from now on, on a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Settle everything there is, however long the store is away, and end. Safe twice and unstarted."""
        self._stopping = True
        self.flush()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def held(self) -> int:
        """How many outcomes are not settled yet."""
        return len(self._ended) + self._taken

    @property
    def claims(self) -> list[ClaimKey]:
        """Whose outcomes these are, those left out that are just being taken out of the line. From any thread."""
        return [ClaimKey(each.claim.id, each.claim.attempt) for each in (*self._batch, *self._ended.copy())]

    def add(self, outcome: Outcome) -> None:
        """A run has ended."""
        self._ended.append(outcome)
        if self._asleep:
            self._asleep = False
            self._wake.set()

    def completed_already(self, outcome: Outcome) -> None:
        """The run has completed its job in a transaction of its own: should the store refuse this, that is why."""
        self._completed_already.add(ClaimKey(outcome.claim.id, outcome.claim.attempt))

    def flush(self) -> None:
        """Nothing else runs: what has ended need not wait for company."""
        self._urgent = True
        self._wake.set()

    def add_all(self, outcomes: Sequence[Outcome]) -> None:
        """These are to be settled at once."""
        self._ended.extend(outcomes)
        self.flush()

    def settle_now(self, outcome: Outcome) -> None:
        """As `add`, and wait until the store knows."""
        done = self._awaited[ClaimKey(outcome.claim.id, outcome.claim.attempt)] = threading.Event()
        self.add_all([outcome])
        done.wait()

    def run_once(self) -> None:
        """Settle what there is."""
        ended = self._ended
        while ended:
            # Counted before they leave the line, so that nobody finds them in neither place.
            self._taken = count = min(len(ended), STEP)
            self._batch = batch = [ended.popleft() for _ in range(count)]
            self._settle(batch)
            self._taken = 0
            self._batch = ()
            if self._awaited:
                for outcome in batch:
                    if (done := self._awaited.pop(ClaimKey(outcome.claim.id, outcome.claim.attempt), None)) is not None:
                        done.set()
        if self._refused:
            self._explain()

    def _run(self) -> None:
        while True:
            if self._ended:
                if not self._urgent:
                    self._wake.wait(LATEST)
                self._urgent = False
                self._wake.clear()
                self.run_once()
            elif self._stopping:
                break
            else:
                self._asleep = True
                # What came between the look and the word is not slept over.
                if not self._ended:
                    self._wake.wait(None if self._measured.is_empty else METRICS_EVERY)
                self._asleep = False
                self._wake.clear()
            if time.monotonic() - self._measured_at >= METRICS_EVERY:
                self._measure()
        self._measure()

    def _settle(self, batch: list[Outcome], *, alone: bool = False) -> None:
        again = False
        while True:
            try:
                held = self._driver.settle(batch)
            except StoreError as error:
                again = True
                time.sleep(self._store.failed(error))
            except Exception as error:  # a defect, ours or the driver's: it must not take every other outcome with it
                if not alone:
                    for outcome in batch:
                        self._settle([outcome], alone=True)
                elif batch[0].failure is not None and batch[0].failure.message.startswith(_UNSETTLED):
                    logger.exception("a job can be neither settled nor buried; it is offered again after this process")
                else:
                    logger.exception("an outcome cannot be settled; its job goes to the dead letters instead")
                    self._settle([_buried(batch[0], error)], alone=True)
                return
            else:
                self._store.succeeded()
                if self._completed_already:
                    batch, held = self._with_own(batch, held)
                self._note(batch, held, again=again)
                if self._teller is not None:
                    self._teller.tell_all(batch, held)
                return

    def _with_own(self, batch: list[Outcome], held: Sequence[bool]) -> tuple[list[Outcome], list[bool]]:
        """What holds, where jobs have completed themselves in a transaction: how a run ended is no matter."""
        told: list[Outcome] = []
        holds: list[bool] = []
        for outcome, is_held in zip(batch, held, strict=True):
            key = ClaimKey(outcome.claim.id, outcome.claim.attempt)
            is_own = key in self._completed_already and not is_held
            self._completed_already.discard(key)
            if is_own and (outcome.failure is not None or outcome.result is not None):
                events.came_late(outcome)
            told.append(_success(outcome) if is_own else outcome)
            holds.append(is_held or is_own)
        return told, holds

    def _note(self, batch: list[Outcome], held: Sequence[bool], *, again: bool) -> None:
        """What the store has answered: into the log, the metrics and the estimates."""
        runs: dict[_Alike, list[Outcome]] = {}
        logs_success = events.logger.isEnabledFor(logging.DEBUG)
        for outcome, is_held in zip(batch, held, strict=True):
            if not is_held:
                self._refused.append((outcome, again))
                continue
            completed = outcome.status is JobStatus.COMPLETED
            if not completed or outcome.note or logs_success:
                events.settled(outcome)
            started_at, ended_at = outcome.started_at, outcome.ended_at
            if started_at is None or ended_at is None:
                continue
            claim, failure = outcome.claim, outcome.failure
            self._failures += failure is not None
            counts = completed or (failure is not None and failure.reason in _RUNS_THAT_FAILED)
            alike = (claim.type, claim.queue, ended_at // MINUTE, outcome.status if counts else None)
            if alike in runs:
                runs[alike].append(outcome)
            else:
                runs[alike] = [outcome]
        self._count(runs)

    def _explain(self) -> None:
        """Say why the store has refused outcomes: in one line for all that it knows nothing of any more."""
        refused, self._refused = self._refused, []
        try:
            found = self._driver.get([outcome.claim.id for outcome, _ in refused])
        except StoreError:
            found = None
        lost: list[Outcome] = []
        for place, (outcome, again) in enumerate(refused):
            job = found[place] if found else None
            if found and (job is None or job.attempt < outcome.claim.attempt):
                lost.append(outcome)
            elif not again:
                # Else a try whose answer was lost may have settled it.
                events.refused(outcome)
        if lost:
            events.forgotten(lost)

    def _count(self, runs: Mapping[_Alike, Sequence[Outcome]]) -> None:
        """Add up runs that have ended."""
        of_type: dict[str, list[int]] = {}
        for (type, queue, minute, status), alike in runs.items():
            times = [(outcome.ended_at or 0) - (outcome.started_at or 0) for outcome in alike]
            self._runs += len(times)
            of_type.setdefault(type, []).extend(times)
            if status is not None and self._measures:
                tally = self._measured.tally(type, queue, minute)
                tally.runs(
                    times,
                    # Machines' clocks may differ a little, and nothing begins before it is due.
                    [max(0, (outcome.started_at or 0) - outcome.claim.due_at) for outcome in alike],
                    failed=status is not JobStatus.COMPLETED,
                    retried=status is JobStatus.RETRYING,
                )
                for outcome in alike:
                    if outcome.memory is not None:
                        tally.weigh(outcome.memory.peak)
        for type, times in of_type.items():
            self._estimates.learn(type, sum(times), len(times))
        self._tally(self._runs, self._failures)

    def _measure(self) -> None:
        self._measured_at = time.monotonic()
        if metrics := self._measured.take():
            try:
                self._driver.add_metrics(metrics)
            except StoreError as error:
                self._metrics_store.failed(error)
                self._measured.put_back(metrics)
            else:
                self._metrics_store.succeeded()


def _success(outcome: Outcome) -> Outcome:
    """What became of the job that has completed itself, however its run went on."""
    return lifecycle.after_success(
        outcome.claim, None, started_at=outcome.started_at, ended_at=outcome.ended_at, follow_ups=outcome.follow_ups
    )


def _buried(outcome: Outcome, error: Exception) -> Outcome:
    """In place of an outcome that cannot be settled, because of `error`."""
    claim = outcome.claim
    failure = failure_of(error, claim, started_at=outcome.started_at, ended_at=outcome.ended_at)
    return lifecycle.given_up(claim, msgspec.structs.replace(failure, message=f"{_UNSETTLED}{failure.message}"))
