"""The transaction in which a job does its work and is completed: both, or neither."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, cast

from conveyor import lifecycle
from conveyor.errors import ClaimLost
from conveyor.records import Claim, NewJob, Outcome

if TYPE_CHECKING:
    from conveyor.app import Conveyor

C = TypeVar("C")


class JobTransaction(Generic[C]):
    """Made by `CurrentJob.transaction`, for one `with`, or `async with`, whose variable is the connection.

    When the block ends, the job is completed in the transaction, with what was pushed by `current_job().push`. Where
    its claim no longer holds, that is ClaimLost, and the transaction is rolled back.

    Attributes:
        result: what the job answers; set it inside the block. What its function returns comes too late.
        is_open: whether the block is under way.
        is_completed: whether it has ended, with the job completed in it.
    """

    def __init__(
        self, app: Conveyor, claim: Claim, began_ns: int, follow_ups: Sequence[NewJob], connection: C | None
    ) -> None:
        self.result: object = None
        self.is_open = False
        self.is_completed = False
        self._app: Final = app
        self._claim: Final = claim
        self._began_ns: Final = began_ns
        self._follow_ups: Final = follow_ups
        self._given: Final = connection
        self._block: AbstractContextManager[C] | None = None
        self._ablock: AbstractAsyncContextManager[C] | None = None

    def __enter__(self) -> C:
        self._block = self._run()
        return self._block.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._block is not None:
            self._block.__exit__(kind, error, traceback)

    async def __aenter__(self) -> C:
        self._ablock = self._arun()
        return await self._ablock.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._ablock is not None:
            await self._ablock.__aexit__(kind, error, traceback)

    @contextmanager
    def _run(self) -> Generator[C]:
        driver = self._app.driver
        with self._watching(), driver.transaction() if self._given is None else nullcontext(self._given) as connection:
            yield connection
            outcome = self._outcome()
            self._complete(outcome, holds=driver.settle_in(connection, outcome))

    @asynccontextmanager
    async def _arun(self) -> AsyncGenerator[C]:
        driver = self._app.driver
        given: AbstractAsyncContextManager[Any] = nullcontext(self._given)
        with self._watching():
            async with driver.atransaction() if self._given is None else given as connection:
                yield cast("C", connection)
                outcome = self._outcome()
                self._complete(outcome, holds=await driver.asettle_in(connection, outcome))

    @contextmanager
    def _watching(self) -> Generator[None]:
        self.is_open = True
        try:
            yield
        except BaseException:
            # It may be the commit that has failed.
            self.is_completed = False
            raise
        finally:
            self.is_open = False

    def _outcome(self) -> Outcome:
        app, claim = self._app, self._claim
        result = None if self.result is None else app.job_types.named(claim.type).dump_result(self.result)
        return lifecycle.after_success(
            claim,
            result,
            started_at=self._began_ns // 1000 or None,
            ended_at=app.clock(),
            follow_ups=tuple(self._follow_ups),
        )

    def _complete(self, outcome: Outcome, *, holds: bool) -> None:
        if not holds:
            raise ClaimLost(outcome.claim.id, outcome.claim.attempt)
        self.is_completed = True
