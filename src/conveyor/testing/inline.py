"""Pushes that run at once."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Final

from conveyor.hooks import Hooks
from conveyor.middleware import Middleware
from conveyor.records import JobId, NewJob
from conveyor.signals import Cancel, Retry, Snooze
from conveyor.testing.rounds import Rounds
from conveyor.testing.run import Run
from conveyor.testing.store import KitStore
from conveyor.testing.turns import Turns

_STEERS: Final = (Cancel, Retry, Snooze)


class Inline:
    """Whether, and how, what is pushed runs at once."""

    def __init__(self, store: KitStore) -> None:
        self._store: Final = store
        self._is_on = False
        self._raises = True
        self._way: tuple[Turns, Rounds] | None = None

    def ready(self, turns: Turns, rounds: Rounds) -> None:
        """This is how jobs run."""
        self._way = turns, rounds

    @contextmanager
    def on(self, *, raises: bool) -> Generator[None]:
        """Run what is pushed inside the block."""
        before = self._is_on, self._raises
        self._is_on, self._raises = True, raises
        try:
            yield
        finally:
            self._is_on, self._raises = before

    def pushed(self, ids: Sequence[JobId]) -> None:
        """These were pushed. From inside a job: whoever runs it goes on with them."""
        __tracebackhide__ = True
        if self._way is not None and self._runs(ids) and self._way[0].take():
            turns, rounds = self._way
            self._raise(turns.run(rounds.due))

    async def apushed(self, ids: Sequence[JobId]) -> None:
        """As `pushed`."""
        __tracebackhide__ = True
        if self._way is not None and self._runs(ids) and self._way[0].take():
            turns, rounds = self._way
            self._raise(await turns.arun(rounds.due))

    def _runs(self, ids: Sequence[JobId]) -> bool:
        # What was pushed inside of a transaction cannot see yet what the transaction writes.
        return self._is_on and not self._store.joined.issuperset(ids)

    def _raise(self, runs: Sequence[Run]) -> None:
        __tracebackhide__ = True
        if self._raises:
            surface([run for run in runs if run.error is not None and not isinstance(run.error, _STEERS)])


class KitHooks(Hooks):
    """An application's middleware, and after it the runs of what was pushed."""

    __slots__ = ("_inline",)

    def __init__(self, middleware: Sequence[Middleware], inline: Inline) -> None:
        super().__init__(middleware)
        self._inline: Final = inline

    def anew(self, middleware: Sequence[Middleware]) -> Hooks:
        return KitHooks(middleware, self._inline)

    def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
        __tracebackhide__ = True
        super().after_push(jobs, ids)
        self._inline.pushed(ids)

    async def aafter_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
        __tracebackhide__ = True
        await super().aafter_push(jobs, ids)
        await self._inline.apushed(ids)


def surface(runs: Sequence[Run]) -> None:
    """Raise what the first of these jobs has raised, as it was raised; nothing of none."""
    __tracebackhide__ = True
    if not runs:
        return
    run, *others = runs
    error = run.error
    if error is None:
        run.handle.result(timeout=0)
        return
    more = f"; {len(others)} more run{'s' * (len(others) > 1)} failed after it" if others else ""
    error.add_note(
        f"raised by job {run.handle.id} of type {run.type!r}, attempt {run.attempt}; {run.status.value}{more}"
    )
    raise error
