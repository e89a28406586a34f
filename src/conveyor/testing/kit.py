"""The jobs of an application in a test: kept, looked at, and run when the test says so."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Final, Self

from conveyor.errors import InvalidValue
from conveyor.records import Filter
from conveyor.retry import Duration
from conveyor.testing.bench import KitBench, Raised
from conveyor.testing.clock import VirtualClock
from conveyor.testing.faults import Fault
from conveyor.testing.inline import Inline, KitHooks, surface
from conveyor.testing.pushed import AnyType, PushedJob, Where, complaint, matching, name_of, read
from conveyor.testing.rounds import Rounds, kept
from conveyor.testing.run import Run
from conveyor.testing.store import KitStore
from conveyor.testing.turns import Begin, Turns
from conveyor.times import SECOND, micros, seconds

if TYPE_CHECKING:
    from conveyor.app import Conveyor


# `__tracebackhide__` lets pytest show the line of the test, and not ours.


class Kit:
    """Puts an application on a store of its own in memory, for the time of a `with` block.

    Nothing runs by itself: what is pushed is kept until `drain` runs it, or runs at once inside of `inline()`. The
    application's own store is not touched, not even opened, and is back after the block.

    A push with a `connection` is kept at once: this store has no part in your transaction.

    Args:
        app: the application under test.
        now: what time it is, an aware datetime; the present moment unless given.

    Raises:
        InvalidValue: `now` is no aware datetime.

    Attributes:
        app: the application.
        clock: its time, which stands still unless `drain` or the test moves it.
    """

    def __init__(self, app: Conveyor, *, now: datetime | None = None) -> None:
        self.app: Final = app
        self.clock: Final = VirtualClock(now)
        self._store: Final = KitStore(self.clock, app.aging)
        self._inline: Final = Inline(self._store)
        self._raised: Final = Raised()
        self._inside: Final = ExitStack()
        self._way: tuple[Turns, Rounds] | None = None

    def __repr__(self) -> str:
        return f"<kit for {self.app!r}>"

    def __enter__(self) -> Self:
        if self._way is not None:
            raise InvalidValue("this kit was used before; make another one for each test, with Kit(app)")
        hooks = KitHooks((self._raised, *self.app.middleware), self._inline)
        self._inside.callback(self._store.end)
        self._inside.enter_context(self.app.rehearsed(self._store, self.clock, hooks))
        bench = KitBench(self.app, self._store, hooks)
        self._inside.callback(bench.close)
        self._way = Turns(bench), Rounds(self.app, self._store, self.clock, bench, self._raised)
        self._inline.ready(*self._way)
        return self

    def __exit__(self, *raised: object) -> None:
        self._inside.close()

    # ── run ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def inline(self, *, raises: bool = True) -> AbstractContextManager[None]:
        """Run what is pushed inside the block at once, before the push answers: `with kit.inline():`.

        Only what is due runs, and what comes of it: a delay, a retry or a reminder waits for `drain`. What a job pushes
        runs when the job has ended; what is pushed with a `connection` runs with the next push, or `drain`.

        Args:
            raises: let a run that fails raise what the job raised out of the push. Without, it is as in production:
                the push answers a handle that tells of it.
        """
        return self._inline.on(raises=raises)

    def drain(self, *queues: str, until: Duration | datetime | None = None, raises: bool = True) -> list[Run]:
        """Run jobs until none waits, and answer what has run, in order.

        When nothing is due the clock jumps to when something is, so that delays and retries take no time. Schedules
        push nothing, for they would never end; say `until`, and all that a worker would do until then is done, each at
        its moment: schedules, and leases that nobody settled.

        Args:
            queues: only jobs of these queues; of all unless given. A paused queue is left alone.
            until: seconds or timedelta from now, or a moment, at which the clock stands afterwards.
            raises: when a job ended in the dead letters, raise what the first one raised, after all have run.

        Raises:
            InvalidValue: `until` is past, or this is called inside a job.
            AssertionError: it does not come to an end.
        """
        __tracebackhide__ = True
        begin, turns = self._drained(queues, until)
        return _ended(turns.run(begin), raises=raises)

    async def adrain(self, *queues: str, until: Duration | datetime | None = None, raises: bool = True) -> list[Run]:
        """As `drain`, with async jobs on the event loop of the test, and sync ones on a thread."""
        __tracebackhide__ = True
        begin, turns = self._drained(queues, until)
        return _ended(await turns.arun(begin), raises=raises)

    # ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def pushed(self, job: AnyType | None = None, *, where: Where | None = None) -> list[PushedJob]:
        """What was pushed, by whomever, in that order; whatever has become of it. See `assert_pushed`."""
        name = None if job is None else name_of(self.app, job)
        return matching(self._all(), name, where)

    def assert_pushed(self, job: AnyType, *, times: int | None = None, where: Where | None = None) -> list[PushedJob]:
        """The job was pushed; answer how. Jobs that its unique key made one count once.

        Args:
            job: a registered function or class, or its type.
            times: how often exactly; once at least unless given.
            where: count only these: arguments by name, such as `{"user_id": 7}`, or a function that is given a
                PushedJob and answers whether it is meant.

        Raises:
            AssertionError: it was not. The message shows all that was pushed.
            UnknownJobType, InvalidValue: there is no such job, or argument.
        """
        __tracebackhide__ = True
        name, everything = name_of(self.app, job), self._all()
        found = matching(everything, name, where)
        if len(found) != times if times is not None else not found:
            what = f"{name!r} was {_pushed(len(found))}{'' if times is None else f', not {_times(times)}'}"
            raise AssertionError(complaint(what, where, everything, self.clock.now))
        return found

    def assert_not_pushed(self, job: AnyType, *, where: Where | None = None) -> None:
        """The job was not pushed, or none of those that are meant; see `assert_pushed`.

        Raises:
            AssertionError: it was. The message shows all that was pushed.
        """
        __tracebackhide__ = True
        self.assert_pushed(job, times=0, where=where)

    def assert_nothing_pushed(self) -> None:
        """Nothing was pushed at all.

        Raises:
            AssertionError: something was. The message shows it.
        """
        __tracebackhide__ = True
        if everything := self._all():
            jobs = "a job was" if len(everything) == 1 else f"{len(everything)} jobs were"
            raise AssertionError(complaint(f"{jobs} pushed, not none", None, everything, self.clock.now))

    # ── break ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def crash_after_claim(self, job: AnyType, *, times: int = 1) -> None:
        """Let the worker die under the next `times` runs of this job, before the job does anything.

        It counts as a crash: the job is offered again, until its `max_crashes`.
        """
        self._rounds.faults.add(Fault.AFTER_CLAIM, name_of(self.app, job), times)

    def lose_settle(self, job: AnyType, *, times: int = 1) -> None:
        """Let the worker die after the next `times` runs of this job: it has run, and nobody knows.

        So the job runs again, which it must be able to bear; what it pushed with its completion is not pushed. Counts
        as a crash.
        """
        self._rounds.faults.add(Fault.BEFORE_SETTLE, name_of(self.app, job), times)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def _rounds(self) -> Rounds:
        return self._opened[1]

    @property
    def _opened(self) -> tuple[Turns, Rounds]:
        if self._way is None:
            raise InvalidValue("this kit is not in use yet; say `with kit:` around the test")
        return self._way

    def _drained(self, queues: tuple[str, ...], until: Duration | datetime | None) -> tuple[Begin, Turns]:
        turns, rounds = self._opened
        begin: Begin = partial(rounds.empty, queues=queues)
        if until is not None:
            begin = partial(rounds.until, queues=queues, end=self._moment(until))
        if not turns.take():
            raise InvalidValue("jobs run already; call drain() in the test, not inside a job or a second thread")
        return begin, turns

    def _moment(self, until: Duration | datetime) -> int:
        now = self.clock()
        end = micros(until, "until") if isinstance(until, datetime) else now + round(seconds(until, "until") * SECOND)
        if end < now:
            raise InvalidValue(f"until is {until}, and the clock is at {self.clock.now} already; it only goes forward")
        return end

    def _all(self) -> list[PushedJob]:
        jobs = sorted(kept(self._store, Filter()), key=lambda job: (job.pushed_at, job.id))
        return [read(self.app, job) for job in jobs]


def _ended(runs: list[Run], *, raises: bool) -> list[Run]:
    __tracebackhide__ = True
    if raises:
        surface([run for run in runs if run.status.is_failure])
    return runs


def _pushed(number: int) -> str:
    return f"pushed {_times(number)}" if number else "not pushed"


def _times(number: int) -> str:
    return f"{number} time{'s' * (number != 1)}"
