"""Jobs on their way through the store: push, claim, extend, settle, cancel."""

from __future__ import annotations

import operator
import sqlite3
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any, Final
from uuid import UUID

import msgspec

from conveyor.drivers.base import MAX_ERRORS, STEP
from conveyor.drivers.sqlite import counters
from conveyor.drivers.sqlite.counters import Tally, of_stage
from conveyor.drivers.sqlite.joining import ajoin, join, lent
from conveyor.drivers.sqlite.part import Part, micros, to_json
from conveyor.drivers.sqlite.statements import SQL
from conveyor.drivers.sqlite.unique import has_rule, stand_in
from conveyor.drivers.sqlite.unreadable import set_apart
from conveyor.errors import InvalidValue
from conveyor.measures import Memory
from conveyor.records import CancelAnswer, Claim, ClaimKey, Failure, JobId, JobStatus, NewJob, Outcome, Reason
from conveyor.times import moment

DELAYED_STAGE, READY_STAGE, PROCESSING_STAGE, HELD_STAGE = 0, 1, 2, 3

Ended = list[Any]
"""A job on its way out of `conveyor_job`, as complete.sql, finish.sql, bury.sql and again.sql read it."""

_Row = tuple[str, str, str, int, int, int, int, int, str, str | None, int | None, str | None]

_Pairs: Final = msgspec.json.Decoder(list[tuple[int, int]])
_place_of: Final = operator.attrgetter("queue", "priority")
_Claims: Final = msgspec.json.Decoder(list[Claim])


class Jobs(Part):
    """The operations on jobs; their promises stand in `drivers/base.py`."""

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        if not jobs:
            return []
        store = self._storing(jobs)
        return self._database.write(store) if connection is None else join(connection, self._database, store)

    async def apush(self, jobs: Sequence[NewJob], *, connection: object) -> list[JobId]:
        return await ajoin(connection, self._database, self._storing(jobs)) if jobs else []

    def _storing(self, jobs: Sequence[NewJob]) -> Callable[[sqlite3.Connection | sqlite3.Cursor], list[JobId]]:
        """What stores the jobs in a transaction that is open."""
        tally = Tally()
        now = self._clock()
        # Before the lock is taken, for others wait for it.
        rows = [_row(job, now) for job in jobs]

        def store(writer: sqlite3.Connection | sqlite3.Cursor) -> list[JobId]:
            ids = [_store(writer.execute, job, row, tally) for job, row in zip(jobs, rows, strict=True)]
            tally.write(writer.execute, now)
            return ids

        return store

    def claim(self, queues: Sequence[str], *, limit: int, lease: float, worker: str) -> list[Claim]:
        now = self._clock()
        probe = {"queues": to_json(list(queues)), "now": now}
        # Reading takes no lock, so that idle workers are in nobody's way.
        promising = _promising(self._database.read(SQL["probe"], probe))
        if not promising:
            return []
        # After a long absence they may be a million: in steps, between which others get their turn.
        for queue, _, _, overdue in promising:
            while overdue and self._bury_some(queue, now) == STEP:
                pass
        taking = {"lease_until": now + micros(lease), "worker": worker, "now": now}
        return self._database.write(lambda writer: self._take(writer, probe, limit, taking), hurry=False)

    def _take(
        self, writer: sqlite3.Connection, probe: dict[str, Any], limit: int, taking: dict[str, Any]
    ) -> list[Claim]:
        now, tally = taking["now"], Tally()
        claims: list[Claim] = []
        room = min(limit, STEP)
        for queue, ready, due, overdue in _promising(writer.execute(SQL["probe"], probe).fetchone()[0]):
            if overdue:
                while bury_overdue(writer, queue, now, tally) == STEP:
                    pass
            if due:
                promote_due(writer, queue, now, tally)
            if (ready or due) and room > 0:
                seqs, taken = _next(writer, {"queue": queue, "limit": room, **self._levels}, now, tally)
                writer.execute(SQL["claim"], {"seqs": seqs, **taking})
                claims += taken
                room -= len(taken)
        # Apart: only a queue from which something was taken was active.
        taking_tally = Tally()
        for (queue, priority), count in Counter(map(_place_of, claims)).items():
            taking_tally.add(queue, priority, counters.READY, -count)
            taking_tally.add(queue, priority, counters.PROCESSING, count)
            taking_tally.add(queue, priority, counters.POPPED, count)
        tally.write(writer.execute, None)
        taking_tally.write(writer.execute, now)
        return claims

    def _bury_some(self, queue: str, now: int) -> int:
        """Bury up to STEP overdue jobs, in a transaction of their own; answer how many."""

        def bury(writer: sqlite3.Connection) -> int:
            tally = Tally()
            buried = bury_overdue(writer, queue, now, tally)
            tally.write(writer.execute, None)
            return buried

        return self._database.write(bury, hurry=False)

    def extend(self, claims: Sequence[ClaimKey], lease: float) -> list[bool]:
        if not claims:
            return []
        keys = to_json([(claim.id, claim.attempt) for claim in claims])

        def lengthen(writer: sqlite3.Connection) -> list[bool]:
            holding = dict(_Pairs.decode(writer.execute(SQL["holding"], {"claims": keys}).fetchone()[0]))
            writer.execute(SQL["extend"], {"lease_until": self._clock() + micros(lease), "claims": keys})
            return [position in holding for position in range(len(claims))]

        return self._database.write(lengthen, hurry=False)

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        return self._database.write(self._settling(outcomes), hurry=False) if outcomes else []

    def settle_in(self, connection: object, outcome: Outcome) -> bool:
        return join(connection, self._database, self._settling([outcome]))[0]

    async def asettle_in(self, connection: object, outcome: Outcome) -> bool:
        return (await ajoin(connection, self._database, self._settling([outcome])))[0]

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        return lent(self._database)

    def atransaction(self) -> AbstractAsyncContextManager[object]:
        raise InvalidValue(
            "an SQLite store has no async transactions of its own; give one of yours: transaction(connection=…)"
        )

    def _settling(self, outcomes: Sequence[Outcome]) -> Callable[[sqlite3.Connection | sqlite3.Cursor], list[bool]]:
        """What settles the outcomes in a transaction that is open."""
        keys = to_json([(o.claim.id, o.claim.attempt, o.claim.queue, o.claim.priority) for o in outcomes])
        now = self._clock()
        # As if every claim held, as nearly all do: whatever can be done before the lock is taken keeps nobody waiting.
        ending = _Ending(now)
        for outcome in outcomes:
            ending.add(outcome)
        ending.close()
        # A claim named twice holds for its first outcome only. (A UUID's own hash is Python code, and slow.)
        are_distinct = len({outcome.claim.id.int for outcome in outcomes}) == len(outcomes)

        def end(writer: sqlite3.Connection | sqlite3.Cursor) -> list[bool]:
            held, ended = [True] * len(outcomes), ending
            holding = dict(_Pairs.decode(writer.execute(SQL["holding"], {"claims": keys}).fetchone()[0]))
            if len(holding) < len(outcomes) or not are_distinct or any(holding.values()):
                held, ended = _those_held(outcomes, holding, now)
            ended.write(writer.execute)
            for job in ended.follow_ups:
                _store(writer.execute, job, _row(job, now), ended.tally)
            ended.tally.write(writer.execute, now if True in held else None)
            return held

        return end

    def cancel(self, ids: Sequence[JobId]) -> list[CancelAnswer]:
        if not ids:
            return []
        tally = Tally()
        answers: dict[str, CancelAnswer] = {}
        cancelled: list[Ended] = []
        requested: list[str] = []

        def mark(writer: sqlite3.Connection) -> list[CancelAnswer]:
            places = writer.execute(SQL["whereabouts"], {"ids": to_json(list(ids))}).fetchone()[0]
            rows = {row[0]: row for row in msgspec.json.decode(places)}
            # In the order asked for: it is the order in which they end, and are pruned.
            in_order = [rows[text] for text in dict.fromkeys(map(str, ids)) if text in rows]
            for job_id, place, stage, queue, priority, attempt, failures, crashes in in_order:
                if place != "job":
                    answers[job_id] = CancelAnswer.TOO_LATE
                elif stage == PROCESSING_STAGE:
                    answers[job_id] = CancelAnswer.REQUESTED
                    requested.append(job_id)
                else:
                    answers[job_id] = CancelAnswer.CANCELLED
                    cancelled.append([job_id, attempt, JobStatus.CANCELLED, failures, crashes, None, None, None, None])
                    tally.add(queue, priority, of_stage(stage), -1)
                    tally.add(queue, priority, counters.FINISHED)
                    tally.add(queue, priority, counters.CANCELLED)
            move(writer, "finish", cancelled, self._clock())
            if requested:
                writer.execute(SQL["cancel_request"], {"ids": to_json(requested)})
            tally.write(writer.execute, None)
            return [answers.get(str(job_id), CancelAnswer.UNKNOWN) for job_id in ids]

        return self._database.write(mark)


def _those_held(outcomes: Sequence[Outcome], holding: Mapping[int, int], now: int) -> tuple[list[bool], _Ending]:
    """Which claims hold their job, and their outcomes; `holding`: by position, is the job asked to be cancelled."""
    ending = _Ending(now)
    held: list[bool] = []
    settled: set[int] = set()
    for position, outcome in enumerate(outcomes):
        number = outcome.claim.id.int
        holds = position in holding and number not in settled
        held.append(holds)
        if holds:
            settled.add(number)
            ending.add(outcome, cancel=bool(holding[position]))
    ending.close()
    return held, ending


class _Ending:
    """The outcomes of one settle, sorted by where their jobs go: `add` each, `close`, `write`."""

    def __init__(self, now: int) -> None:
        self.tally = Tally()
        self.follow_ups: list[NewJob] = []
        self._now = now
        self._finished: list[tuple[JobStatus, Outcome]] = []
        self._is_plain = True
        self._completions: dict[tuple[str, int], int] = {}
        self._buried: list[Ended] = []
        self._again: list[Ended] = []
        self._moves: list[tuple[str, str]] = []
        self._memories: list[tuple[JobId, Memory]] = []

    def add(self, outcome: Outcome, *, cancel: bool = False) -> None:
        """Sort one outcome in; `cancel`: someone asked for the job to be cancelled while it ran."""
        claim, status = outcome.claim, outcome.status
        queue, priority = claim.queue, claim.priority
        if outcome.follow_ups:
            self.follow_ups += outcome.follow_ups
        if outcome.memory is not None:
            self._memories.append((claim.id, outcome.memory))
        if status is JobStatus.COMPLETED:
            # What most jobs come to takes the shortest way.
            self._finished.append((status, outcome))
            if outcome.note is not None or outcome.failure is not None:
                self._is_plain = False
            self._completions[queue, priority] = self._completions.get((queue, priority), 0) + 1
            return
        add = self.tally.add
        add(queue, priority, counters.PROCESSING, -1)
        if status is JobStatus.CANCELLED or (cancel and not status.is_failure):
            self._finished.append((JobStatus.CANCELLED, outcome))
            self._is_plain = False
            add(queue, priority, counters.FINISHED)
            add(queue, priority, counters.CANCELLED)
        elif status.is_failure:
            self._buried.append(_ended(outcome, status, outcome.reason or Reason.FAILED))
            add(queue, priority, counters.DEAD)
            add(queue, priority, counters.FAILED)
        else:
            due = None if outcome.delay is None else self._now + micros(outcome.delay)
            is_due = due is None or due <= self._now
            stage = HELD_STAGE if outcome.held else READY_STAGE if is_due else DELAYED_STAGE
            retrying = status is JobStatus.RETRYING
            # fmt: off
            self._again.append([claim.id, claim.attempt, int(retrying), outcome.failures, outcome.crashes, due, stage,
                                outcome.note, outcome.failure])
            # fmt: on
            add(queue, priority, of_stage(stage))
            if retrying:
                add(queue, priority, counters.RETRIED)

    def close(self) -> None:
        """Nothing more is added: get everything ready for `write`."""
        for (queue, priority), count in self._completions.items():
            self.tally.add(queue, priority, counters.PROCESSING, -count)
            self.tally.add(queue, priority, counters.FINISHED, count)
            self.tally.add(queue, priority, counters.COMPLETED, count)
        if self._is_plain:
            ways = {"complete": [[each.claim.id, each.started_at, each.result] for _, each in self._finished]}
        else:
            # In one statement, so that the history keeps the order of the outcomes.
            ways = {"finish": [_ended(each, status, each.result) for status, each in self._finished]}
        ways |= {"bury": self._buried, "again": self._again}
        self._moves = [(statement, to_json(ended)) for statement, ended in ways.items() if ended]

    def write(self, execute: Callable[..., object]) -> None:
        """Move the jobs to where they go."""
        for statement, ended in self._moves:
            execute(SQL[statement], {"ended": ended, "now": self._now, "max_errors": MAX_ERRORS})
            if statement != "again":
                execute(SQL["leave"], {"ended": ended})
        if self._memories:
            memories = {"memories": to_json(self._memories)}
            execute(SQL["keep_memory"], memories)
            execute(SQL["keep_memory_dead"], memories)


def _ended(outcome: Outcome, status: JobStatus, result_or_reason: str | None) -> Ended:
    """The outcome as finish.sql and bury.sql want it."""
    claim = outcome.claim
    # fmt: off
    return [claim.id, claim.attempt, status, outcome.failures, outcome.crashes, outcome.started_at, result_or_reason,
            outcome.note, outcome.failure]
    # fmt: on


def move(writer: sqlite3.Connection, statement: str, ended: list[Ended], now: int) -> None:
    """Move jobs out of `conveyor_job` by complete.sql, finish.sql or bury.sql."""
    if ended:
        rows = to_json(ended)
        writer.execute(SQL[statement], {"ended": rows, "now": now, "max_errors": MAX_ERRORS})
        writer.execute(SQL["leave"], {"ended": rows})


def _next(writer: sqlite3.Connection, coming: dict[str, Any], now: int, tally: Tally) -> tuple[str, list[Claim]]:
    """The ready jobs that come next: their seqs as JSON, and the claims to be made on them."""
    seqs, found = writer.execute(SQL["next"], coming).fetchone()
    try:
        claims = _Claims.decode(found)
    except (msgspec.DecodeError, UnicodeDecodeError):
        move(writer, "bury", set_apart(writer, msgspec.json.decode(seqs), now, tally), now)
        seqs, found = writer.execute(SQL["next"], coming).fetchone()
        claims = _Claims.decode(found)
    return seqs.decode(), claims


def promote_due(writer: sqlite3.Connection, queue: str, now: int, tally: Tally, limit: int = STEP) -> int:
    """Make up to `limit` delayed jobs of the queue ready that have become due; answer how many."""
    seqs = writer.execute(SQL["due"], {"queue": queue, "now": now, "limit": limit}).fetchone()[0]
    due = _Pairs.decode(seqs)
    if due:
        writer.execute(SQL["promote"], {"seqs": seqs.decode()})
    for _, priority in due:
        tally.add(queue, priority, counters.DELAYED, -1)
        tally.add(queue, priority, counters.READY)
    return len(due)


def bury_overdue(writer: sqlite3.Connection, queue: str, now: int, tally: Tally, limit: int = STEP) -> int:
    """Bury up to `limit` waiting jobs of the queue that are past their `expires_at`; answer how many."""
    overdue = writer.execute(SQL["overdue"], {"queue": queue, "now": now, "limit": limit}).fetchone()[0]
    ended: list[Ended] = []
    for job_id, stage, priority, attempt, failures, crashes, expires_at in msgspec.json.decode(overdue):
        failure = Failure(
            attempt=attempt,
            reason=Reason.EXPIRED,
            error_type="",
            message=f"expired: not begun before {moment(expires_at).isoformat()}",
            ended_at=now,
        )
        ended.append([job_id, attempt, JobStatus.EXPIRED, failures, crashes, None, Reason.EXPIRED, None, failure])
        tally.add(queue, priority, of_stage(stage), -1)
        tally.add(queue, priority, counters.DEAD)
        tally.add(queue, priority, counters.FAILED)
    move(writer, "bury", ended, now)
    return len(ended)


def _promising(probed: bytes) -> list[tuple[str, int, int, int]]:
    """Of the queues that probe.sql looked at, those in which a claim would find something to do."""
    return [
        (queue, ready, due, overdue)
        for queue, ready, due, overdue, _ in msgspec.json.decode(probed)
        if ready or due or overdue
    ]


# fmt: off
def _row(job: NewJob, now: int) -> _Row:
    """The job as push.sql wants it."""
    run_at = job.run_at if job.run_at is not None else now + micros(job.delay)
    expires_at = job.expires_at if job.expires is None or job.expires_at is not None else now + micros(job.expires)
    is_due = run_at <= now
    # msgspec writes a UUID in a fifth of the time that `str` takes.
    return (msgspec.to_builtins(job.id), job.queue, job.type, job.priority, READY_STAGE if is_due else DELAYED_STAGE,
            now if is_due else run_at, now, job.max_crashes, job.payload, job.options or None, expires_at, job.unique)
# fmt: on


def _store(execute: Callable[..., sqlite3.Cursor], job: NewJob, row: _Row, tally: Tally) -> JobId:
    """Store one job by the rules of `push`; answer whose id stands for it."""
    job_id, stage, now = row[0], row[4], row[6]
    if job.unique is not None and has_rule(job) and (other := stand_in(execute, job, row, tally)) is not None:
        return other
    if not execute(SQL["push"], row).rowcount:
        return JobId(UUID(execute(SQL["push_kept"], (job_id, job.queue, job.unique)).fetchone()[0]))
    if job.slot is not None and not execute(SQL["slot_take"], (job.slot.name, job.slot.at, job_id, now)).rowcount:
        execute(SQL["leave"], {"ended": to_json([[job_id]])})
        return JobId(UUID(execute(SQL["slot_owner"], (job.slot.name, job.slot.at)).fetchone()[0]))
    if job.attempt:
        execute(SQL["push_past"], (job_id, job.attempt, job.failures, job.crashes))
    tally.add(job.queue, job.priority, of_stage(stage))
    tally.add(job.queue, job.priority, counters.PUSHED)
    return job.id
