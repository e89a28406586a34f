"""The schedules of an application: those that its code declares, and those that are kept in the store."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec

from conveyor.cron import Cron, Every
from conveyor.errors import ConfigError, DuplicateSchedule, InvalidValue, PayloadError, ScheduleNotFound, UnknownJobType
from conveyor.ids import new_id
from conveyor.pushing import push_prepared
from conveyor.records import NewJob, ScheduleBook, ScheduleRecord
from conveyor.retry import Duration
from conveyor.schedulable import Declared, Schedulable, call_of, prepared, type_of
from conveyor.schedule import Missed, Overlap, Rule, check_schedule_name, decode, without_overlap
from conveyor.times import moment

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.drivers.base import Driver
    from conveyor.handle import JobHandle


@dataclass(frozen=True, slots=True)
class Schedule:
    """A schedule as it is now.

    Attributes:
        name: its name.
        timing: when it comes round, in words: `0 8 * * *`, `every 5 minutes`.
        timezone: the zone that a cron expression is meant in.
        job_type: what it pushes.
        queue: where to.
        jitter: seconds by which a job becomes due later at most.
        missed: what becomes of slots that came round while no worker looked.
        overlap: what becomes of a slot while the job of an earlier one is active.
        is_declared: it stands in the code; otherwise it is kept in the store.
        is_paused: it pushes nothing until it is resumed.
        next_at: when it comes round next, `None` while it is paused.
        handled_at: up to when its slots were taken or passed over, `None` while no worker has seen it.
    """

    name: str
    timing: str
    timezone: str
    job_type: str
    queue: str
    jitter: float
    missed: Missed
    overlap: Overlap
    is_declared: bool
    is_paused: bool
    next_at: datetime | None
    handled_at: datetime | None


class Schedules:
    """The schedules of one application; made by `Conveyor.schedules`. Every worker pushes for all of them.

    Those that the code declares (`Conveyor.cron`, `Conveyor.every`) can be paused, but only the code removes them.
    """

    def __init__(self, app: Conveyor) -> None:
        self._app: Final = app
        self._declared: Final[dict[str, Declared]] = {}

    def __repr__(self) -> str:
        return f"<schedules of {self._app!r}>"

    # ── in the code ──────────────────────────────────────────────────────────────────────────────────────────────────

    def declare(self, rule: Rule, job: Schedulable, args: tuple[Any, ...], name: str | None) -> Declared:
        """Let workers push the job by the rule; see `Conveyor.cron`."""
        what = call_of(job, args)
        made = Declared(check_schedule_name(type_of(self._app, what) if name is None else name), rule, what)
        if made.name in self._declared:
            raise DuplicateSchedule(made.name, f"{self._declared[made.name].rule} in the code")
        if not isinstance(job, str) or job in self._app.job_types:
            self.prepare(made)
        self._declared[made.name] = made
        return made

    @property
    def declared(self) -> tuple[Declared, ...]:
        """Those that stand in the code."""
        return tuple(self._declared.values())

    def prepare(self, declared: Declared) -> NewJob:
        """What a declared schedule pushes.

        Raises:
            PayloadError, UnknownJobType, InvalidValue: it cannot be pushed.
        """
        return prepared(self._app, declared.rule, declared.job)

    def check(self) -> None:
        """Find out whether all that is declared can work; workers ask before they start.

        Raises:
            ConfigError: one of them names an unknown job type, or has arguments that do not fit, or has the name of
                one that is kept in the store.
            StoreError: the store does not answer.
        """
        for problem in self.problems():
            raise ConfigError(problem)

    def problems(self, driver: Driver | None = None) -> Iterator[str]:
        """What `check` would raise, all of it; `driver`: the store to look into, if not the application's own."""
        for each in self._declared.values():
            try:
                self.prepare(each)
            except (PayloadError, UnknownJobType, InvalidValue) as error:
                yield f"the schedule {each.name!r} cannot work: {error}"
        if not self._declared:
            return
        for record in (driver or self._app.driver).schedules().schedules:
            if record.spec and record.name in self._declared:
                yield (
                    f"two schedules are called {record.name!r}: one in the code and one in the store; rename "
                    f"the first, or remove the other: conveyor schedule remove {record.name!r} --url …"
                )

    # ── in the store ─────────────────────────────────────────────────────────────────────────────────────────────────

    def add(
        self,
        name: str,
        timing: str | Duration,
        job: Schedulable,
        *args: Any,
        timezone: str = "UTC",
        jitter: Duration = 0,
        missed: str = Missed.SKIP,
        overlap: str = Overlap.ALLOW,
        replace: bool = False,
    ) -> Schedule:
        """Keep a schedule in the store; workers push for it from now on, whether or not they know the job.

        The job is kept as a push would store it now: settings of its job type that change later do not reach it.

        Args:
            name: its name; 1 to 200 visible characters.
            timing: a cron expression, or seconds or timedelta between two slots.
            job: see `Conveyor.cron`.
            args: likewise.
            timezone: likewise.
            jitter: likewise.
            missed: likewise.
            overlap: likewise.
            replace: take the place of a stored schedule of that name; a pause stays.

        Raises:
            InvalidValue: an argument breaks its rule.
            PayloadError, UnknownJobType: the job cannot be pushed.
            DuplicateSchedule: there is one of that name.
        """
        check_schedule_name(name)
        when = Cron(timing, timezone) if isinstance(timing, str) else Every(timing)
        rule = Rule.of(when, jitter=jitter, missed=missed, overlap=overlap)
        new = prepared(self._app, rule, call_of(job, args))
        if name in self._declared:
            raise DuplicateSchedule(name, "one in the code")
        driver = self._app.driver
        now = driver.schedules().now
        spec = rule.encode(new)
        if not driver.add_schedule(ScheduleRecord(name=name, spec=spec, handled_at=now)):
            kept = _record(driver.schedules(), name)
            if not replace and kept is not None and kept.spec:
                raise DuplicateSchedule(name, "one in the store; replace=True takes its place")
            driver.change_schedule(name, spec=spec, handled_at=now)
        return self.get(name)

    def remove(self, name: str) -> None:
        """Forget a stored schedule. Jobs that it has pushed stay.

        Raises:
            ScheduleNotFound: there is none of that name.
            InvalidValue: it stands in the code.
        """
        if name in self._declared:
            raise InvalidValue(f"the schedule {name!r} stands in the code; remove it there, or pause it")
        if not self._app.driver.remove_schedule(name):
            raise ScheduleNotFound(name)

    # ── both ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def list(self) -> Sequence[Schedule]:
        """All of them, by name. A stored one that cannot be read is among them, with `unreadable` for its timing."""
        book = self._app.driver.schedules()
        names = self._declared.keys() | {record.name for record in book.schedules if record.spec}
        return [self._shown(name, book) for name in sorted(names)]

    def get(self, name: str) -> Schedule:
        """The schedule of that name.

        Raises:
            ScheduleNotFound: there is none.
        """
        return self._shown(name, self._app.driver.schedules())

    def next(self, name: str, count: int = 1) -> Sequence[datetime]:
        """The next moments at which it comes round, paused or not; jitter is not in them.

        Raises:
            ScheduleNotFound: there is none of that name.
        """
        book = self._app.driver.schedules()
        timing = self._rule(name, book)[0].timing
        found: list[datetime] = []
        at = timing.next(book.now)
        while at is not None and len(found) < count:
            found.append(moment(at))
            at = timing.next(at)
        return found

    def run_now(self, name: str) -> JobHandle[Any]:
        """Push its job once, now. Its slots are not touched.

        With `overlap="skip"` a job of it that is active is answered instead.

        Raises:
            ScheduleNotFound: there is none of that name.
        """
        rule, job = self._rule(name, self._app.driver.schedules())
        new = msgspec.structs.replace(without_overlap(name, rule, job), id=new_id())
        return push_prepared(self._app, (new,))[0]

    def pause(self, name: str) -> None:
        """Let it push nothing until `resume`. Again changes nothing.

        Raises:
            ScheduleNotFound: there is none of that name.
        """
        self._pause(name, paused=True)

    def resume(self, name: str) -> None:
        """End a pause: it goes on with its next slot, and those of the pause are not missed. Again changes nothing.

        Raises:
            ScheduleNotFound: there is none of that name.
        """
        self._pause(name, paused=False)

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def aadd(
        self,
        name: str,
        timing: str | Duration,
        job: Schedulable,
        *args: Any,
        timezone: str = "UTC",
        jitter: Duration = 0,
        missed: str = Missed.SKIP,
        overlap: str = Overlap.ALLOW,
        replace: bool = False,
    ) -> Schedule:
        """As `add`."""
        rule: dict[str, Any] = {"timezone": timezone, "jitter": jitter, "missed": missed, "overlap": overlap}
        return await self._app.aio.call(self.add, name, timing, job, *args, **rule, replace=replace)

    async def aremove(self, name: str) -> None:
        """As `remove`."""
        await self._app.aio.call(self.remove, name)

    async def alist(self) -> Sequence[Schedule]:
        """As `list`."""
        return await self._app.aio.call(self.list)

    async def aget(self, name: str) -> Schedule:
        """As `get`."""
        return await self._app.aio.call(self.get, name)

    async def anext(self, name: str, count: int = 1) -> Sequence[datetime]:
        """As `next`."""
        return await self._app.aio.call(self.next, name, count)

    async def arun_now(self, name: str) -> JobHandle[Any]:
        """As `run_now`."""
        return await self._app.aio.call(self.run_now, name)

    async def apause(self, name: str) -> None:
        """As `pause`."""
        await self._app.aio.call(self.pause, name)

    async def aresume(self, name: str) -> None:
        """As `resume`."""
        await self._app.aio.call(self.resume, name)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def rule(self, name: str, record: ScheduleRecord | None) -> tuple[Rule, NewJob]:
        """By which rule a schedule pushes what; for workers. What the code declares goes before what is stored.

        Raises:
            ScheduleNotFound: it is neither declared nor stored.
            PayloadError, UnknownJobType: it cannot be read, or its job not be pushed.
        """
        if (declared := self._declared.get(name)) is not None:
            return declared.rule, self.prepare(declared)
        if record is None or not record.spec:
            raise ScheduleNotFound(name)
        return decode(name, record.spec)

    def _rule(self, name: str, book: ScheduleBook) -> tuple[Rule, NewJob]:
        return self.rule(name, _record(book, name))

    def _shown(self, name: str, book: ScheduleBook) -> Schedule:
        record = _record(book, name)
        is_paused = record is not None and record.paused
        try:
            rule, job = self._rule(name, book)
        except PayloadError:
            rule, job = None, None
        next_at = None if rule is None or is_paused else rule.timing.next(book.now)
        return Schedule(
            name=name,
            timing="unreadable" if rule is None else str(rule),
            timezone="UTC" if rule is None else rule.timezone,
            job_type="" if job is None else job.type,
            queue="" if job is None else job.queue,
            jitter=0.0 if rule is None else rule.jitter,
            missed=Missed.SKIP if rule is None else rule.missed,
            overlap=Overlap.ALLOW if rule is None else rule.overlap,
            is_declared=name in self._declared,
            is_paused=is_paused,
            next_at=None if next_at is None else moment(next_at),
            handled_at=None if record is None else moment(record.handled_at),
        )

    def _pause(self, name: str, *, paused: bool) -> None:
        driver = self._app.driver
        book = driver.schedules()
        self._rule(name, book)
        record = _record(book, name)
        if record is None:
            driver.add_schedule(ScheduleRecord(name=name, handled_at=book.now))
        if record is None or record.paused is not paused:
            driver.change_schedule(name, paused=paused, handled_at=book.now)


def _record(book: ScheduleBook, name: str) -> ScheduleRecord | None:
    return next((record for record in book.schedules if record.name == name), None)
