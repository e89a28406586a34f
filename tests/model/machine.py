"""A real driver and the memory driver, side by side through the same story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, TypeVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from conveyor.drivers.base import Driver, Retention
from conveyor.drivers.open import open_driver
from conveyor.lifecycle import MOVES, after_crash
from conveyor.records import (
    Claim,
    ClaimKey,
    Counts,
    Edits,
    Failure,
    Filter,
    JobId,
    JobStatus,
    NewJob,
    Progress,
    Reason,
    StoredJob,
    WorkerRecord,
)
from tests.contract.recount import check_counters
from tests.contract.stores import START, FakeClock, Kind, every
from tests.model.drawing import (
    QUEUES,
    TYPES,
    WORKERS,
    Push,
    Settle,
    durations,
    edits,
    filters,
    limits,
    new_job,
    outcome_of,
    pushes,
    queue_lists,
    settles,
)

T = TypeVar("T")

RETENTION = Retention(finished_age=5000, finished_count=4, dead_age=9000, dead_count=6)


class SideBySide(RuleBasedStateMachine):
    """Every step is done on both; they must answer the same, and look the same afterwards."""

    kind: ClassVar[Kind]
    """The real driver."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = TemporaryDirectory()
        self.clock = FakeClock()
        self.url = self.kind.url(Path(self.directory.name))
        self.real = self.open(self.url)
        self.model = self.open("memory://")
        self.went_back = False
        self.pushed: list[NewJob] = []
        self.claims: list[Claim] = []
        self.jobs: dict[JobId, StoredJob] = {}
        """As they were before the step."""
        self.deleted = 0
        self.moves: Counter[JobStatus] = Counter()
        """How often jobs came into each status."""

    def open(self, url: str) -> Driver:
        return open_driver(url, clock=self.clock, retention=RETENTION)

    def teardown(self) -> None:
        self.real.close()
        self.model.close()
        self.directory.cleanup()

    def both(self, act: Callable[[Driver], T]) -> T:
        """Do it on both, and answer what both answer."""
        expected = act(self.model)
        answer = act(self.real)
        assert answer == expected
        return answer

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def make(self, drawn: Push) -> NewJob:
        job = new_job(drawn, len(self.pushed), self.pushed, self.clock.now)
        self.pushed.append(job)
        return job

    @rule(drawn=st.lists(pushes, min_size=1, max_size=4))
    def push(self, drawn: list[Push]) -> None:
        jobs = [self.make(push) for push in drawn]
        self.both(lambda driver: driver.push(jobs))

    @rule(
        queues=queue_lists,
        limit=st.integers(0, 4),
        lease=st.sampled_from([1.0, 60.0]),
        worker=st.sampled_from(WORKERS),
    )
    def claim(self, queues: tuple[str, ...], limit: int, lease: float, worker: str) -> None:
        claims = self.both(lambda driver: driver.claim(queues, limit=limit, lease=lease, worker=worker))

        before = {(claim.id, claim.attempt) for claim in self.claims}
        assert before.isdisjoint((claim.id, claim.attempt) for claim in claims), "one attempt was handed out twice"
        assert len({claim.id for claim in claims}) == len(claims) <= limit
        self.claims += claims

    @precondition(lambda self: self.claims)
    @rule(drawn=st.lists(settles, min_size=1, max_size=4))
    def settle(self, drawn: list[Settle]) -> None:
        outcomes = [
            outcome_of(
                self.claims[-1 - settle.claim % len(self.claims)],
                settle.how,
                settle.delay,
                tuple(self.make(push) for push in settle.follow_ups) if settle.how == "complete" else (),
                self.clock.now,
            )
            for settle in drawn
        ]
        self.both(lambda driver: driver.settle(outcomes))

    @precondition(lambda self: self.claims)
    @rule(numbers=st.lists(st.integers(0, 9), min_size=1, max_size=3), lease=st.sampled_from([1.0, 60.0]))
    def extend(self, numbers: list[int], lease: float) -> None:
        keys = [self.key_of(number) for number in numbers]
        self.both(lambda driver: driver.extend(keys, lease))

    @precondition(lambda self: self.claims)
    @rule(number=st.integers(0, 9), current=st.integers(0, 9))
    def progress(self, number: int, current: int) -> None:
        key = self.key_of(number)
        self.both(lambda driver: driver.write_progress(key, Progress(current=current)))

    def key_of(self, number: int) -> ClaimKey:
        claim = self.claims[-1 - number % len(self.claims)]
        return ClaimKey(claim.id, claim.attempt)

    @precondition(lambda self: self.pushed)
    @rule(numbers=st.sets(st.integers(0, 99), min_size=1, max_size=2))
    def cancel(self, numbers: set[int]) -> None:
        ids = list(dict.fromkeys(self.pushed[-1 - number % len(self.pushed)].id for number in sorted(numbers)))
        self.both(lambda driver: driver.cancel(ids))

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(seconds=durations)
    def go_forward(self, seconds: float) -> None:
        self.clock.step(seconds)

    @rule(seconds=st.sampled_from([0.000001, 1.0, 60.0, 600.0]))
    def go_back(self, seconds: float) -> None:
        self.clock.step(-seconds)
        self.went_back = True

    @rule(types=st.sampled_from([(), ("t",), TYPES]))
    def tend(self, types: tuple[str, ...]) -> None:
        tended = self.both(lambda driver: driver.tend(types))
        self.deleted += tended.pruned
        # What was buried in this step may be pruned in it, too: then no look at the jobs shows the move.
        buried = {job.id for job in every(self.model) if job.status is JobStatus.EXPIRED}
        seen = sum(not self.jobs[job_id].status.is_failure for job_id in self.jobs.keys() & buried)
        self.moves[JobStatus.EXPIRED] += tended.expired - seen

    @rule(limit=st.sampled_from([1, 100]))
    def rescue(self, limit: int) -> None:
        lapsed = self.both(lambda driver: driver.lapsed(limit))
        outcomes = [
            after_crash(
                claim,
                Failure(attempt=claim.attempt, reason=Reason.CRASHED, error_type="", message="its lease lapsed"),
            )
            for claim in lapsed
        ]
        assert all(self.both(lambda driver: driver.settle(outcomes)))

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(where=filters, edits=st.none() | edits, limit=limits)
    def redrive(self, where: Filter, edits: Edits | None, limit: int | None) -> None:
        self.both(lambda driver: driver.redrive(where, edits=edits, limit=limit))

    @rule(queue=st.sampled_from(QUEUES))
    def clear(self, queue: str) -> None:
        self.deleted += self.both(lambda driver: driver.clear(queue))

    @rule(where=filters, limit=limits)
    def forget(self, where: Filter, limit: int | None) -> None:
        self.deleted += self.both(lambda driver: driver.forget(where, limit=limit))

    @rule(queue=st.sampled_from(QUEUES))
    def pause(self, queue: str) -> None:
        self.both(lambda driver: driver.pause(queue))

    @rule(queue=st.sampled_from(QUEUES))
    def resume(self, queue: str) -> None:
        self.both(lambda driver: driver.resume(queue))

    @rule(where=filters, limit=st.integers(1, 3))
    def look(self, where: Filter, limit: int) -> None:
        page = self.both(lambda driver: driver.find(where, limit=limit))
        while page.next is not None:
            cursor = page.next
            page = self.both(lambda driver, cursor=cursor: driver.find(where, limit=limit, cursor=cursor))  # type: ignore[misc]

    @rule(worker=st.sampled_from(WORKERS))
    def beat(self, worker: str) -> None:
        record = WorkerRecord(
            name="w", host="h", pid=1, started_at=START, queues=QUEUES, state="running", children=(worker,)
        )
        self.both(lambda driver: set(driver.beat(record)))

    @rule()
    def restart(self) -> None:
        """The real driver's process dies and another one opens the store."""
        self.real.close()
        self.real = self.open(self.url)

    # ── what holds after every step ──────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def all_is_well(self) -> None:
        self.they_look_the_same()
        self.no_job_is_lost_and_the_counters_add_up()
        self.each_running_job_has_one_holder()

    def they_look_the_same(self) -> None:
        jobs = self.both(every)
        ids = [job.id for job in jobs]
        self.both(lambda driver: driver.get(ids))
        self.both(lambda driver: driver.read_progress(ids))
        self.both(self.counters)
        for queue in QUEUES:
            self.both(lambda driver, queue=queue: driver.peek(queue, 50))  # type: ignore[misc]
        self.both(lambda driver: sorted(driver.held_by(WORKERS), key=lambda claim: claim.id))
        self.check_moves({job.id: job for job in jobs})

    def check_moves(self, jobs: dict[JobId, StoredJob]) -> None:
        """Only MOVES happen, attempts never shrink, and what has ended stays as it is."""
        for job_id, job in jobs.items():
            before = self.jobs.get(job_id)
            if before is None:
                assert job.status is JobStatus.PENDING
            else:
                assert job.attempt - before.attempt in {0, 1}
                if job.status is not before.status:
                    assert job.status in MOVES[before.status]
                    self.moves[job.status] += 1
                elif not MOVES[job.status]:
                    assert job == before
        self.jobs = jobs

    def no_job_is_lost_and_the_counters_add_up(self) -> None:
        check_counters(self.real)
        total = Counts()
        for queue in self.real.counts():
            for counts in queue.by_priority.values():
                total.pushed += counts.pushed
                total.popped += counts.popped
                total.completed += counts.completed
                total.failed += counts.failed
                total.retried += counts.retried
                total.cancelled += counts.cancelled
        assert total.pushed == len(self.jobs) + self.deleted
        assert total.popped == len(self.claims)
        assert total.completed == self.moves[JobStatus.COMPLETED]
        assert total.failed == self.moves[JobStatus.FAILED] + self.moves[JobStatus.EXPIRED]
        assert total.retried == self.moves[JobStatus.RETRYING]
        assert total.cancelled == self.moves[JobStatus.CANCELLED]

    def each_running_job_has_one_holder(self) -> None:
        handed_out = {(claim.id, claim.attempt) for claim in self.claims}
        for job in self.jobs.values():
            if job.status is JobStatus.PROCESSING:
                assert (job.id, job.attempt) in handed_out
                assert job.lease_until is not None
            else:
                assert job.lease_until is None

    def counters(self, driver: Driver) -> dict[str, object]:
        """The counters, without rows that count nothing."""
        return {
            counts.queue: (
                counts.paused,
                {priority: of_level for priority, of_level in counts.by_priority.items() if of_level != Counts()},
                # After a step back the last activity may lie in the future of an earlier one.
                None if self.went_back else counts.last_activity,
                counts.oldest_ready,
            )
            for counts in driver.counts(QUEUES)
        }


def machine_for(kind: Kind) -> type[SideBySide]:
    """The machine that drives this kind of store."""
    return type(f"SideBySide_{kind.name}", (SideBySide,), {"kind": kind})
