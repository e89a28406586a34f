"""What an application's middleware asks to be called, sorted by moment."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from conveyor.errors import InvalidValue
from conveyor.middleware import Middleware
from conveyor.records import JobId, JobStatus, NewJob, Outcome

if TYPE_CHECKING:
    from conveyor.context import CurrentJob

T = TypeVar("T")


class Hooks:
    """Middleware, ready to be called. What none of it overrides is not called at all.

    Args:
        middleware: in the order of their `before_…` hooks.

    Raises:
        InvalidValue: one of them is no Middleware, or a hook is `async def` that must not be, or the other way round.
    """

    __slots__ = ("_after_push", "_before_push", "_dead", "_retry", "_runs", "middleware")

    def __init__(self, middleware: Sequence[Middleware]) -> None:
        for each in middleware:
            _check(each)
        self.middleware: Final = tuple(middleware)
        self._before_push: Final = self._with("before_push", "abefore_push")
        self._after_push: Final = self._with("after_push", "aafter_push")[::-1]
        self._runs: Final = self._with("before_run", "after_run", "abefore_run", "aafter_run")
        self._retry: Final = self._with("on_retry")
        self._dead: Final = self._with("on_dead")

    def anew(self, middleware: Sequence[Middleware]) -> Hooks:
        """The same for other middleware."""
        return Hooks(middleware)

    @property
    def want_runs(self) -> bool:
        """Something is to be called around runs."""
        return bool(self._runs)

    @property
    def want_ends(self) -> bool:
        """Something is to be called when runs have been settled; see `settled`."""
        return bool(self._retry or self._dead or self._after_push)

    # ── pushes ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def before_push(self, jobs: Sequence[NewJob]) -> Sequence[NewJob]:
        """What is to be stored in their place."""
        for each in self._before_push:
            jobs = [_checked(each, each.before_push(job)) for job in jobs]
        return jobs

    async def abefore_push(self, jobs: Sequence[NewJob]) -> Sequence[NewJob]:
        """As `before_push`."""
        for each in self._before_push:
            jobs = [_checked(each, await each.abefore_push(job)) for job in jobs]
        return jobs

    def after_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
        for each in self._after_push:
            try:
                each.after_push(jobs, ids)
            except Exception as error:  # noqa: BLE001 - the jobs are stored, whatever a hook raises
                _log(each, "after_push", error)

    async def aafter_push(self, jobs: Sequence[NewJob], ids: Sequence[JobId]) -> None:
        """As `after_push`."""
        for each in self._after_push:
            try:
                await each.aafter_push(jobs, ids)
            except Exception as error:  # noqa: BLE001 - likewise
                _log(each, "aafter_push", error)

    # ── runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def run(self, job: CurrentJob, call: Callable[[], T], begun: list[Middleware]) -> T:
        """What `call` answers, once `before_run` was called of all; `begun` then holds those to be told of the end."""
        for each in self._runs:
            each.before_run(job)
            begun.append(each)
        return call()

    async def arun(self, job: CurrentJob, call: Callable[[], Coroutine[Any, Any, T]], begun: list[Middleware]) -> T:
        """As `run`."""
        for each in self._runs:
            await each.abefore_run(job)
            begun.append(each)
        return await call()

    def settled(self, outcome: Outcome) -> None:
        """The store knows how a run ended: tell of what it pushed, and of what it failed with."""
        if outcome.follow_ups:
            self.after_push(outcome.follow_ups, [job.id for job in outcome.follow_ups])
        failure = outcome.failure
        if failure is None:
            return
        claim = outcome.claim
        if outcome.status in _RUNS_AGAIN:
            for each in self._retry:
                try:
                    each.on_retry(claim, failure, outcome.delay or 0.0)
                except Exception as error:  # noqa: BLE001 - the job is settled, whatever a hook raises
                    _log(each, "on_retry", error)
        else:
            for each in self._dead:
                try:
                    each.on_dead(claim, failure)
                except Exception as error:  # noqa: BLE001 - likewise
                    _log(each, "on_dead", error)

    def _with(self, *names: str) -> tuple[Middleware, ...]:
        """Those that override one of these."""
        return tuple(
            each for each in self.middleware if any(_home(each, name) is not _home(_PLAIN, name) for name in names)
        )


def ended(job: CurrentJob, begun: Sequence[Middleware], result: object, error: BaseException | None, took: int) -> None:
    """Tell those that `Hooks.run` has left in `begun` of the end, the last one first. `took`: nanoseconds."""
    for each in reversed(begun):
        try:
            each.after_run(job, result, error, took / 1e9)
        except BaseException as broken:  # noqa: BLE001 - the run is over, whatever a hook raises
            _log(each, "after_run", broken)


async def aended(
    job: CurrentJob, begun: Sequence[Middleware], result: object, error: BaseException | None, took: int
) -> None:
    """As `ended`."""
    for each in reversed(begun):
        try:
            await each.aafter_run(job, result, error, took / 1e9)
        except BaseException as broken:  # noqa: BLE001 - likewise
            _log(each, "aafter_run", broken)


_PLAIN: Final = Middleware()
_RUNS_AGAIN: Final = frozenset({JobStatus.RETRYING, JobStatus.PENDING})
_SYNC: Final = ("before_push", "after_push", "before_run", "after_run", "on_retry", "on_dead")
_ASYNC: Final = ("abefore_push", "aafter_push", "abefore_run", "aafter_run")


def _home(middleware: Middleware, name: str) -> object:
    """What is called by this name: the function itself, of a method."""
    hook: object = getattr(middleware, name)
    return getattr(hook, "__func__", hook)


def _check(middleware: object) -> None:
    if not isinstance(middleware, Middleware):
        raise InvalidValue(f"{middleware!r} is no middleware; give an instance of a class derived from Middleware")
    import inspect

    for name in _SYNC:
        if inspect.iscoroutinefunction(getattr(middleware, name)):
            remedy = f"call it a{name}, or make it a plain def" if f"a{name}" in _ASYNC else "make it a plain def"
            raise InvalidValue(f"{name} of {middleware!r} is async, and would never be awaited; {remedy}")
    for name in _ASYNC:
        if not inspect.iscoroutinefunction(getattr(middleware, name)):
            raise InvalidValue(f"{name} of {middleware!r} is not async; make it async def, or call it {name[1:]}")


def _checked(middleware: Middleware, job: object) -> NewJob:
    if not isinstance(job, NewJob):
        raise InvalidValue(f"before_push of {middleware!r} answered {job!r}; return the job, changed or not")
    return job


def _log(middleware: Middleware, name: str, error: BaseException) -> None:
    import logging

    logging.getLogger("conveyor.middleware").error(
        "%s of %r raised; it changes nothing", name, middleware, exc_info=error
    )
