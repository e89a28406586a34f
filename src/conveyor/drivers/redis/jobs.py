"""Jobs on their way through the store: push, claim, extend, settle, cancel."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from conveyor.drivers.base import STEP
from conveyor.drivers.joining.nothing import JoinsNothing
from conveyor.drivers.redis.encoding import ids_in, joined, keys_of, micros, plain, pushed, settled
from conveyor.drivers.redis.part import Part
from conveyor.errors import InvalidValue
from conveyor.records import CancelAnswer, Claim, ClaimKey, JobId, NewJob, Outcome

_MANY_FOR: Final = 0.25
"""Seconds: where a claim has found more than a few new jobs the next ones will too."""

YES: Final = ord("1")
CANCELLED: Final = {
    ord("c"): CancelAnswer.CANCELLED,
    ord("r"): CancelAnswer.REQUESTED,
    ord("l"): CancelAnswer.TOO_LATE,
    ord("u"): CancelAnswer.UNKNOWN,
}


def join_nothing(connection: object | None) -> None:
    """Refuse a caller's own connection.

    Raises:
        InvalidValue: there is one.
    """
    if connection is not None:
        raise InvalidValue(
            f"connection is {connection!r}, and this store joins no transaction; push without it, "
            "or from inside a job, where a push commits with its completion"
        )


class Jobs(Part, JoinsNothing):
    """The operations on jobs; their promises stand in `drivers/base.py`."""

    _many_until = 0.0
    """Until when claims are taken to find more than claim_few.lua takes."""

    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        join_nothing(connection)
        if not jobs:
            return []
        if len(jobs) == 1 and (arguments := plain(jobs[0])) and self._run("push_one", *arguments):
            return [jobs[0].id]
        script, table, bodies = pushed(jobs)
        answer = self._run(script, table, *bodies)
        return [job.id for job in jobs] if answer is None else ids_in(answer)

    def claim(self, queues: Sequence[str], *, limit: int, lease: float, worker: str) -> list[Claim]:
        arguments = (max(0, min(limit, STEP)), micros(lease), worker, self._offsets, *queues)
        if time.monotonic() >= self._many_until:
            if (answer := self._run("claim_few", *arguments)) is not None:
                return self.claims(answer)
            self._many_until = time.monotonic() + _MANY_FOR
        # Nothing is no answer: so much was past its expiry that burying it took all of this step.
        while (answer := self._run("claim", *arguments)) is None:
            pass
        return self.claims(answer)

    def extend(self, claims: Sequence[ClaimKey], lease: float) -> list[bool]:
        if not claims:
            return []
        ids, attempts = keys_of(claims)
        return [word == YES for word in self._run("extend", micros(lease), ids, attempts)]

    def settle(self, outcomes: Sequence[Outcome]) -> list[bool]:
        if not outcomes:
            return []
        ids, table, bodies = settled(outcomes)
        return [word == YES for word in self._run("settle", ids, table, *bodies)]

    def cancel(self, ids: Sequence[JobId]) -> list[CancelAnswer]:
        if not ids:
            return []
        asked = list(dict.fromkeys(ids))
        answers = dict(zip(asked, self._run("cancel", joined(asked)), strict=True))
        return [CANCELLED[answers[job_id]] for job_id in ids]
