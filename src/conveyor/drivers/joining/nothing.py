"""Of stores whose own steps cannot be a part of anybody's transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Any

from conveyor.errors import InvalidValue
from conveyor.records import JobId, NewJob, Outcome


class JoinsNothing(ABC):
    """The operations in transactions, all refused; see `drivers.base.Driver`."""

    @abstractmethod
    def push(self, jobs: Sequence[NewJob], *, connection: object | None = None) -> list[JobId]:
        """Refuse a `connection`."""

    async def apush(self, jobs: Sequence[NewJob], *, connection: object) -> list[JobId]:
        return self.push(jobs, connection=connection)

    def settle_in(self, connection: object, outcome: Outcome) -> bool:
        raise _nothing_to_join(f"job {outcome.claim.id} was to be completed in the transaction of {connection!r}")

    async def asettle_in(self, connection: object, outcome: Outcome) -> bool:
        return self.settle_in(connection, outcome)

    def transaction(self) -> AbstractContextManager[Any]:
        raise _nothing_to_join("a job was to be completed in a transaction")

    def atransaction(self) -> AbstractAsyncContextManager[Any]:
        raise _nothing_to_join("a job was to be completed in a transaction")


def _nothing_to_join(what: str) -> InvalidValue:
    return InvalidValue(
        f"{what}, and this store has none; keep it in SQLite or PostgreSQL beside your data, or let the job do what "
        "may be done twice"
    )
