"""A real driver and the memory driver, side by side through the same story."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, TypeVar

import hypothesis.strategies as st
import msgspec
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from conveyor.drivers.base import Driver
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
from conveyor.retention import Retention
from conveyor.selection import DEAD
from tests.contract.recount import check_counters
from tests.contract.stores import START, FakeClock, Kind, every
from tests.model.drawing import (
    QUEUES,
    TYPES,
    WORKERS,
    Push,
    Settle,
    claim_numbers,
    durations,
    edits,
    filters,
    leases,
    limits,
    new_job,
    outcome_of,
    pushes,
    queue_lists,
    settles,
)

T = TypeVar("T")
J = TypeVar("J", Claim, StoredJob)


class SideBySide(RuleBasedStateMachine):
    """Every step is done on both; they must answer the same, and look the same afterwards."""

    kind: ClassVar[Kind]
    """The real driver."""
    retention: ClassVar = Retention(finished_age=None, finished_count=3, dead_age=None, dead_count=4)
    """By count alone: after a clock has gone back, which of two jobs is older is anybody's guess."""
    may_go_back: ClassVar = True
    """Whether the clock may."""

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
        """On jobs that are kept: an id pushed again after its job was deleted begins anew, and so does its fence."""
        self.popped = 0
        self.jobs: dict[JobId, StoredJob] = {}
        """As they were before the step."""
        self.deleted = 0
        self.moves: Counter[JobStatus] = Counter()
        """How often jobs came into each status."""

    def open(self, url: str) -> Driver:
        return open_driver(url, clock=self.clock, retention=self.retention)

    def teardown(self) -> None:
        self.real.close()
        self.model.close()
        self.directory.cleanup()

    def both(self, act: Callable[[Driver], T]) -> T:
        """Do it on both, and answer what both answer."""
        expected = act(self.model)
        answer = act(self.real)
        assert answer == expected, difference(answer, expected)
        return answer

    # ── jobs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def make(self, drawn: Push) -> NewJob:
        job = self.drawn(drawn)
        self.pushed.append(job)
        return job

    def drawn(self, push: Push) -> NewJob:
        """The job that is pushed."""
        return new_job(push, len(self.pushed), self.pushed, self.clock.now)

    def enough(self, limit: int) -> int:
        """How many are claimed when so many are drawn."""
        return limit

    def ordered(self, jobs: list[J]) -> list[J]:
        """What was claimed or is next, as far as its order is promised."""
        return jobs

    def lapsed(self, driver: Driver, limit: int) -> list[Claim]:
        """As far as its order is promised."""
        return driver.lapsed(limit)

    def ending(self, drawn: list[Settle]) -> list[Settle]:
        """What is settled together."""
        return drawn

    def meant(self, where: Filter, edits: Edits | None) -> Filter:
        """Which dead letters are brought back with these edits."""
        return where

    @initialize(drawn=st.lists(pushes, min_size=6, max_size=12), limit=st.integers(0, 5))
    def begin(self, drawn: list[Push], limit: int) -> None:
        """Some jobs wait and some run: no story is about an empty store."""
        self.push(drawn)
        self.all_is_well()
        self.claim(QUEUES, limit, 60.0, WORKERS[0])

    @rule(drawn=st.lists(pushes, min_size=2, max_size=7))
    def push(self, drawn: list[Push]) -> None:
        jobs = [self.make(push) for push in drawn]
        self.both(lambda driver: driver.push(jobs))

    @precondition(lambda self: self.some_wait)
    @rule(queues=queue_lists, limit=st.sampled_from([0, 1, 2, 3, 5, 9]), lease=leases, worker=st.sampled_from(WORKERS))
    def claim(self, queues: tuple[str, ...], limit: int, lease: float, worker: str) -> None:
        enough = self.enough(limit)
        claims = self.both(lambda driver: self.ordered(driver.claim(queues, limit=enough, lease=lease, worker=worker)))

        keys = {(claim.id, claim.attempt) for claim in claims}
        assert len(keys) == len(claims) <= enough
        assert self.handed_out.isdisjoint(keys), "one attempt was handed out twice"
        self.claims += claims
        self.popped += len(claims)

    @precondition(lambda self: self.some_run)
    @rule(drawn=st.lists(settles, min_size=1, max_size=5, unique_by=lambda settle: settle.claim))
    def settle(self, drawn: list[Settle]) -> None:
        outcomes = [
            outcome_of(
                self.claim_of(settle.claim),
                settle.how,
                settle.delay,
                tuple(self.make(push) for push in settle.follow_ups) if settle.how == "complete" else (),
                self.clock.now,
            )
            for settle in self.ending(drawn)
        ]
        self.both(lambda driver: driver.settle(outcomes))

    @precondition(lambda self: self.some_wait)
    @rule(queues=queue_lists, drawn=st.lists(settles, min_size=2, max_size=5, unique_by=lambda settle: settle.claim))
    def work(self, queues: tuple[str, ...], drawn: list[Settle]) -> None:
        """Claim, and end what is held now."""
        self.claim(queues, len(drawn), 60.0, WORKERS[0])
        self.all_is_well()
        if self.some_run:
            self.settle(drawn)

    # Most of the story.
    push_again = push
    work_again = work
    work_once_more = work

    @precondition(lambda self: self.claims)
    @rule(numbers=st.lists(claim_numbers, min_size=1, max_size=3), lease=leases)
    def extend(self, numbers: list[int], lease: float) -> None:
        keys = [self.key_of(number) for number in numbers]
        self.both(lambda driver: driver.extend(keys, lease))

    @precondition(lambda self: self.claims)
    @rule(number=claim_numbers, current=st.integers(0, 9))
    def progress(self, number: int, current: int) -> None:
        key = self.key_of(number)
        self.both(lambda driver: driver.write_progress(key, Progress(current=current)))

    def claim_of(self, number: int) -> Claim:
        """One of the newest claims, that still holds or does not; from 10 on, one that holds if there is any."""
        running = {(job.id, job.attempt) for job in self.jobs.values() if job.status is JobStatus.PROCESSING}
        holding = [claim for claim in self.claims if (claim.id, claim.attempt) in running]
        choice = holding if holding and number >= 10 else self.claims
        return choice[-1 - number % 10 % len(choice)]

    def key_of(self, number: int) -> ClaimKey:
        claim = self.claim_of(number)
        return ClaimKey(claim.id, claim.attempt)

    @property
    def handed_out(self) -> set[tuple[JobId, int]]:
        return {(claim.id, claim.attempt) for claim in self.claims}

    @property
    def some_wait(self) -> bool:
        return any(job.status in {JobStatus.PENDING, JobStatus.RETRYING} for job in self.jobs.values())

    @property
    def some_run(self) -> bool:
        return any(job.status is JobStatus.PROCESSING for job in self.jobs.values())

    @property
    def some_are_dead(self) -> bool:
        return any(job.status.is_failure for job in self.jobs.values())

    @precondition(lambda self: self.some_wait)
    @rule(numbers=st.sets(st.integers(0, 19), min_size=1, max_size=2))
    def cancel(self, numbers: set[int]) -> None:
        ids = list(dict.fromkeys(self.pushed[-1 - number % len(self.pushed)].id for number in sorted(numbers)))
        self.both(lambda driver: driver.cancel(ids))

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.jobs)
    @rule(seconds=durations)
    def go_forward(self, seconds: float) -> None:
        self.clock.step(seconds)

    @precondition(lambda self: self.jobs and self.may_go_back)
    @rule(seconds=st.sampled_from([0.000001, 1.0, 60.0, 600.0]))
    def go_back(self, seconds: float) -> None:
        self.clock.step(-seconds)
        self.went_back = True

    @precondition(lambda self: self.jobs)
    @rule(types=st.sampled_from([(), ("t",), TYPES]))
    def tend(self, types: tuple[str, ...]) -> None:
        self.deleted += self.both(lambda driver: driver.tend(types)).pruned

    @precondition(lambda self: self.some_run)
    @rule(limit=st.sampled_from([1, 100]))
    def rescue(self, limit: int) -> None:
        lapsed = self.both(lambda driver: self.lapsed(driver, limit))
        outcomes = [
            after_crash(
                claim,
                Failure(attempt=claim.attempt, reason=Reason.CRASHED, error_type="", message="its lease lapsed"),
            )
            for claim in lapsed
        ]
        assert all(self.both(lambda driver: driver.settle(outcomes)))

    # ── people ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.some_are_dead)
    @rule(where=filters, edits=st.none() | edits, limit=limits, own=st.booleans())
    def redrive(self, where: Filter, edits: Edits | None, limit: int | None, own: bool) -> None:
        if edits is not None and own:
            # Every second job gets a payload of its own, if it is among the dead letters.
            payloads = {job.id: f'{{"n":"own {place}"}}' for place, job in enumerate(self.pushed) if place % 2}
            edits = msgspec.structs.replace(edits, payloads=payloads)
        meant = self.meant(where, edits)
        self.both(lambda driver: driver.redrive(meant, edits=edits, limit=limit))

    @precondition(lambda self: self.some_are_dead)
    @rule(where=filters)
    def lose_and_bury(self, where: Filter) -> None:
        where = msgspec.structs.replace(where, statuses=DEAD)
        letters = every(self.model, where)[::-1]
        self.both(lambda driver: driver.forget(where))
        self.both(lambda driver: driver.bury([*letters, *letters[:1]]))

    @precondition(lambda self: len(self.jobs) > 12)
    @rule(queue=st.sampled_from(QUEUES))
    def clear(self, queue: str) -> None:
        self.deleted += self.both(lambda driver: driver.clear(queue))

    @precondition(lambda self: len(self.jobs) > 8)
    @rule(where=filters, limit=limits)
    def forget(self, where: Filter, limit: int | None) -> None:
        self.deleted += self.both(lambda driver: driver.forget(where, limit=limit))

    @precondition(lambda self: self.jobs)
    @rule(queue=st.sampled_from(QUEUES), pause=st.sampled_from([False, False, True]))
    def pause_or_resume(self, queue: str, pause: bool) -> None:
        self.both(lambda driver: driver.pause(queue) if pause else driver.resume(queue))

    @precondition(lambda self: self.jobs)
    @rule(where=filters, limit=st.integers(1, 3), worker=st.sampled_from(WORKERS))
    def look(self, where: Filter, limit: int, worker: str) -> None:
        ids = [job.id for job in self.pushed]
        self.both(lambda driver: driver.get(ids))
        self.both(lambda driver: driver.read_progress(ids))
        self.both(lambda driver: sorted(driver.held_by([worker]), key=lambda claim: claim.id))
        record = WorkerRecord(
            name="w", host="h", pid=1, started_at=START, queues=QUEUES, state="running", children=(worker,)
        )
        self.both(lambda driver: set(driver.beat(record)))
        self.both(lambda driver: sorted(driver.dead_groups(where), key=lambda group: group.newest))
        page = self.both(lambda driver: driver.find(where, limit=limit))
        while page.next is not None:
            cursor = page.next
            page = self.both(lambda driver, cursor=cursor: driver.find(where, limit=limit, cursor=cursor))  # type: ignore[misc]

    @precondition(lambda self: self.jobs)
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
        self.both(self.counters)
        for queue in QUEUES:
            self.both(lambda driver, queue=queue: self.ordered(driver.peek(queue, 50)))  # type: ignore[misc]
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
        self.claims = [claim for claim in self.claims if claim.id in jobs]

    def no_job_is_lost_and_the_counters_add_up(self) -> None:
        # Both have just answered the same: asking the model is asking both.
        check_counters(self.model)
        total = Counts()
        for queue in self.model.counts():
            for counts in queue.by_priority.values():
                total.pushed += counts.pushed
                total.popped += counts.popped
                total.completed += counts.completed
                total.failed += counts.failed
                total.retried += counts.retried
                total.cancelled += counts.cancelled
        assert total.pushed == len(self.jobs) + self.deleted
        assert total.popped == self.popped
        assert total.completed == self.moves[JobStatus.COMPLETED]
        assert total.failed == self.moves[JobStatus.FAILED] + self.moves[JobStatus.EXPIRED]
        assert total.retried == self.moves[JobStatus.RETRYING]
        assert total.cancelled == self.moves[JobStatus.CANCELLED]

    def each_running_job_has_one_holder(self) -> None:
        handed_out = self.handed_out
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


def difference(answer: object, expected: object) -> str:
    """Where the two differ. Of long lists, only what is not in both."""
    if isinstance(answer, list) and isinstance(expected, list):
        real: list[object] = [item for item in answer if item not in expected]  # pyright: ignore[reportUnknownVariableType] - of objects
        model: list[object] = [item for item in expected if item not in answer]  # pyright: ignore[reportUnknownVariableType] - of objects
        if real or model:
            return f"only the real driver answers {real}, only the model {model}"
    return f"the real driver answers {answer}, the model {expected}"


def machine_for(kind: Kind, machine: type[SideBySide] = SideBySide, **more: object) -> type[SideBySide]:
    """The machine that drives this kind of store."""
    return type(f"SideBySide_{kind.name}", (machine,), {"kind": kind, **more})
