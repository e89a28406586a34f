"""Jobs on their way through the store: push, claim, extend, settle, cancel."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import starmap
from typing import Any, Final
from uuid import UUID

import msgspec
import psycopg
from psycopg.rows import TupleRow

from conveyor.drivers.base import STEP
from conveyor.drivers.postgres.database import Database, Rows
from conveyor.drivers.postgres.joining import Joining
from conveyor.drivers.postgres.lending import Lending
from conveyor.drivers.postgres.part import Part, micros, to_json
from conveyor.priority import Aging
from conveyor.records import (
    CancelAnswer,
    Claim,
    ClaimKey,
    Failure,
    JobId,
    JobStatus,
    NewJob,
    Outcome,
)
from conveyor.retention import Retention
from conveyor.times import Clock

_FOLD_AFTER: Final = 500
"""Pushes after which we add the counters up ourselves: perhaps no worker runs that would."""


class Jobs(Part):
    """The operations on jobs; their promises stand in `drivers/base.py`."""

    def __init__(self, database: Database, clock: Clock, aging: Aging, retention: Retention) -> None:
        super().__init__(database, clock, aging, retention)
        self._pushes = 0
        self._joining: Final = Joining(database)
        self._lending: Final = Lending(database.settings, is_pooled=database.is_pooled)

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        if not jobs:
            return []
        if connection is None and any(job.attempt for job in jobs):
            return self._push_past(jobs)
        statement, parameters = self._pushing(jobs)
        if connection is None:
            rows = self._database.run(statement, parameters)
        else:
            rows = self._joining.run(connection, statement, parameters)
        if self._is_to_fold():
            self._database.run("fold")
        return _answered(jobs, statement, rows)

    def _push_past(self, jobs: Sequence[NewJob]) -> list[JobId]:
        rows = [[*self._row(job), job.attempt, job.failures, job.crashes] for job in jobs]
        parameters = {"jobs": to_json(rows), "now": self._now()}
        while True:
            ids: list[JobId | None] = self._database.run("push_past", parameters)[0][0]
            stand = [id for id in ids if id is not None]
            if len(stand) == len(ids):
                return stand

    async def apush(self, jobs: Sequence[NewJob], *, connection: object) -> list[JobId]:
        if not jobs:
            return []
        statement, parameters = self._pushing(jobs)
        rows = await self._joining.arun(connection, statement, parameters)
        if self._is_to_fold():
            await asyncio.to_thread(self._database.run, "fold")
        return _answered(jobs, statement, rows)

    def _is_to_fold(self) -> bool:
        self._pushes += 1
        return self._pushes % _FOLD_AFTER == 0

    def _pushing(self, jobs: Sequence[NewJob]) -> tuple[str, dict[str, Any]]:
        """The statement that stores these jobs, and its parameters."""
        now = self._now()
        if any(job.unique is not None or job.slot is not None for job in jobs):
            return "push_each", {"jobs": to_json([self._row(job) for job in jobs]), "now": now}
        if len(jobs) > 1:
            return "push", {"jobs": to_json([self._row(job) for job in jobs]), "now": now}
        (job,) = jobs
        return "push_one", {
            "id": job.id,
            "queue": job.queue,
            "type": job.type,
            "priority": job.priority,
            "payload": job.payload,
            "options": job.options or None,
            "run_at": job.run_at,
            "delay": micros(job.delay),
            "expires_at": job.expires_at,
            "expires": None if job.expires is None else micros(job.expires),
            "max_crashes": job.max_crashes,
            "lift": self._aging.offsets[job.priority],
            "now": now,
        }

    def _row(self, job: NewJob) -> list[Any]:
        """The job as migrations/0003.sql wants it."""
        slot = job.slot
        # fmt: off
        return [job.id, job.queue, job.type, job.priority, job.payload, job.options or None, job.run_at,
                micros(job.delay), job.expires_at, None if job.expires is None else micros(job.expires),
                job.max_crashes, job.unique, None if slot is None else slot.name, None if slot is None else slot.at,
                self._aging.offsets[job.priority], job.unique_until,
                None if job.unique_ttl is None else micros(job.unique_ttl), job.on_conflict]
        # fmt: on

    def claim(self, queues: Sequence[str], *, limit: int, lease: float, worker: str) -> list[Claim]:
        now = self._now()
        parameters = {
            "queues": to_json(list(queues)),
            "limit": max(0, min(limit, STEP)),
            "lease": micros(lease),
            "worker": worker,
            "now": now,
            "fronts": self._fronts.of(queues),
        }
        began = time.monotonic()
        rows = self._database.run("claim", parameters)
        if rows and rows[-1][0] is None:
            _, is_behind, _, _, _, told, *_, moment, _ = rows.pop()
            self._fronts.learn(told, moment, time.monotonic() - began)
            if is_behind:
                self._bury_overdue(queues, now)
        return list(starmap(Claim, rows))

    def _bury_overdue(self, queues: Sequence[str], now: int | None) -> None:
        """Bury all overdue jobs: after a long absence they may be a million, and others get their turn in between."""
        for queue in queues:
            parameters = {"queue": queue, "limit": STEP, "now": now}
            while self._database.run("bury_overdue", parameters)[0][0] == STEP:
                pass

    def extend(self, claims: Sequence[ClaimKey], lease: float) -> list[bool]:
        if not claims:
            return []
        keys = to_json([(claim.id, claim.attempt) for claim in claims])
        rows = self._database.run("extend", {"claims": keys, "lease": micros(lease), "now": self._now()})
        return _held(rows, len(claims))

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        if not outcomes:
            return []
        # A claim named twice holds for its first outcome only. (A UUID's own hash is Python code, and slow.)
        first: dict[tuple[int, int, str, int], int] = {}
        for position, outcome in enumerate(outcomes):
            claim = outcome.claim
            first.setdefault((claim.id.int, claim.attempt, claim.queue, claim.priority), position)
        chosen = outcomes if len(first) == len(outcomes) else [outcomes[position] for position in first.values()]
        answers = _held(self._database.run(*self._settling(chosen)), len(chosen))
        if chosen is outcomes:
            return answers
        held = dict(zip(first.values(), answers, strict=True))
        return [held.get(position, False) for position in range(len(outcomes))]

    def settle_in(self, connection: object, outcome: Outcome) -> bool:
        return bool(self._joining.run(connection, *self._settling([outcome])))

    async def asettle_in(self, connection: object, outcome: Outcome) -> bool:
        return bool(await self._joining.arun(connection, *self._settling([outcome])))

    @contextmanager
    def transaction(self) -> Generator[psycopg.Connection[TupleRow]]:
        self._database.check_open()
        with self._lending.transaction() as connection:
            self._joining.know(connection)
            yield connection

    @asynccontextmanager
    async def atransaction(self) -> AsyncGenerator[psycopg.AsyncConnection[TupleRow]]:
        self._database.check_open()
        async with self._lending.atransaction() as connection:
            self._joining.know(connection)
            yield connection

    def _settling(self, outcomes: Sequence[Outcome]) -> tuple[str, dict[str, Any]]:
        """The statement that settles these outcomes, and its parameters."""
        now = self._now()
        if all(
            o.status is JobStatus.COMPLETED and o.note is None and o.failure is None and not o.follow_ups
            for o in outcomes
        ):
            # fmt: off
            ended = [(o.claim.id, o.claim.attempt, o.claim.queue, o.claim.priority, o.started_at, o.result,
                      o.memory and to_json(o.memory)) for o in outcomes]
            # fmt: on
            return "complete", {"outcomes": to_json(ended), "now": now}
        follow_ups = [
            (place, self._row(job)) for place, outcome in enumerate(outcomes, 1) for job in outcome.follow_ups
        ]
        return "settle", {
            "outcomes": to_json([self._ended(outcome) for outcome in outcomes]),
            "follow_ups": to_json(follow_ups) if follow_ups else None,
            "now": now,
        }

    def _ended(self, outcome: Outcome) -> list[Any]:
        """The outcome as migrations/0005.sql wants it."""
        claim = outcome.claim
        # fmt: off
        return [claim.id, claim.attempt, claim.queue, claim.priority, outcome.status, outcome.failures, outcome.crashes,
                None if outcome.delay is None else micros(outcome.delay), self._aging.offsets[claim.priority],
                outcome.started_at, outcome.result, _kept(outcome.failure), outcome.reason, _text(outcome.note),
                outcome.held, outcome.memory and to_json(outcome.memory)]
        # fmt: on

    def cancel(self, ids: Sequence[JobId]) -> list[CancelAnswer]:
        if not ids:
            return []
        asked = list(dict.fromkeys(ids))
        ((words,),) = self._database.run("cancel", {"ids": to_json(asked), "now": self._now()})
        answers = dict(zip(asked, map(CancelAnswer, words), strict=True))
        return [answers[job_id] for job_id in ids]


def _answered(jobs: Sequence[NewJob], statement: str, rows: Rows) -> list[JobId]:
    """What a push answers on a connection that may have ideas of its own about what a UUID is in Python."""
    if statement != "push_each":
        return [job.id for job in jobs]
    return [JobId(each if type(each) is UUID else UUID(str(each))) for each in rows[0][0]]


def _held(rows: list[tuple[Any, ...]], number: int) -> list[bool]:
    """Which of so many claims held, as the server names their positions."""
    answers = [False] * number
    for (position,) in rows:
        answers[position - 1] = True
    return answers


def _text(text: str | None) -> str | None:
    """A text for people, as the server can keep it: without NUL."""
    return None if text is None else text.replace("\0", "\N{SYMBOL FOR NULL}")


def _kept(failure: Failure | None) -> str | None:
    """A failure as the server can keep and search it: as JSON."""
    if failure is None:
        return None
    if "\\u0000" not in (text := to_json(failure)):
        return text
    return to_json(
        msgspec.structs.replace(
            failure,
            **{name: _text(getattr(failure, name)) for name in ("error_type", "message", "traceback", "worker")},
        )
    )
