"""Dead letters: jobs that failed for good, found, counted by their cause, brought back or forgotten."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Unpack
from uuid import UUID

import msgspec

from conveyor.drivers.base import STEP
from conveyor.edits import Edit, edited
from conveyor.errors import InvalidValue, JobNotFound
from conveyor.findings import DeadGroup
from conveyor.handle import JobHandle
from conveyor.ids import job_id
from conveyor.payload import check_queue_name
from conveyor.priority import Priority
from conveyor.records import Edits, Filter, JobId, Reason, StoredJob
from conveyor.retry import Duration
from conveyor.selection import Which, filter_of
from conveyor.times import seconds

if TYPE_CHECKING:
    from conveyor.app import Conveyor


class DeadLetterStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """Dead letters in numbers; moments in microseconds since 1970."""

    count: int
    oldest: int | None
    """When the one that is dead longest died; `None` when there is none."""
    newest: int | None
    by_reason: dict[Reason, int]
    by_queue: dict[str, int]
    by_type: dict[str, int]


class DeadLetters:
    """The dead letters of an application's store; `Conveyor.dead_letters`.

    A job gets here when its failures or crashes are used up, when it gave up, cannot be read, or was not begun in time.
    It keeps its payload and every attempt's error. Which ones is said by conditions that must all hold: `ids`, `queue`,
    `type`, `reason` (one or several each), `error` (a part of the last error's type or message), `fingerprint`, `tag`,
    `since` and `until` (a moment, or how long ago in seconds or as a timedelta). An unknown condition raises
    InvalidValue.
    """

    def __init__(self, app: Conveyor) -> None:
        self._app: Final = app

    def __repr__(self) -> str:
        return f"<dead letters of {self._app!r}>"

    # ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def list(
        self, *, limit: int = 100, after: StoredJob | JobId | None = None, **which: Unpack[Which]
    ) -> Sequence[StoredJob]:
        """Up to `limit` of them, newest job first.

        Args:
            limit: 1 or more.
            after: the last one of the page before.
        """
        cursor = after.id if isinstance(after, StoredJob) else after
        return self._app.driver.find(self._filter(which), limit=_whole(limit, "limit", 1), cursor=cursor).jobs

    def each(self, **which: Unpack[Which]) -> Iterator[StoredJob]:
        """All of them, newest job first, read page by page."""
        return self._walk(self._filter(which))

    def groups(self, **which: Unpack[Which]) -> Sequence[DeadGroup]:
        """They are counted by queue, type, reason, error type and fingerprint; the most frequent group first.

        A fingerprint stands for one cause: the job type, the error's type and the function that raised it.
        """
        return self._app.driver.dead_groups(self._filter(which))

    def get(self, id: JobId | UUID | str) -> StoredJob:
        """One of them, with all its errors.

        Raises:
            JobNotFound: no such job is kept.
            InvalidValue: it is none of them, but waits, runs or has ended well.
        """
        found = self._app.driver.get([job_id(id)])[0]
        if found is None:
            raise JobNotFound(id)
        if not found.status.is_failure:
            raise InvalidValue(f"job {found.id} is {found.status.value}, so it is no dead letter")
        return found

    def statistics(self, **which: Unpack[Which]) -> DeadLetterStatistics:
        """How many there are, since when, and why."""
        by_reason: Counter[Reason] = Counter()
        by_queue: Counter[str] = Counter()
        by_type: Counter[str] = Counter()
        groups = self.groups(**which)
        for group in groups:
            by_reason[group.reason] += group.count
            by_queue[group.queue] += group.count
            by_type[group.type] += group.count
        return DeadLetterStatistics(
            count=sum(group.count for group in groups),
            oldest=min((group.first for group in groups), default=None),
            newest=max((group.last for group in groups), default=None),
            by_reason=dict(by_reason.most_common()),
            by_queue=dict(by_queue.most_common()),
            by_type=dict(by_type.most_common()),
        )

    # ── bring back ───────────────────────────────────────────────────────────────────────────────────────────────────

    def retry(
        self,
        id: JobId | UUID | str,
        *,
        edit: Edit | None = None,
        into: str | None = None,
        priority: Priority | int | str | None = None,
        delay: Duration = 0,
    ) -> JobHandle[Any]:
        """Bring one back to its queue; see `retry_all` for what may be changed on the way.

        Raises:
            JobNotFound: no such job is kept.
            InvalidValue: it is no dead letter.
            PayloadError, UnknownJobType: the edited arguments do not fit its job.
        """
        found = self.get(id)
        payload = None if edit is None else edited(self._app, found, edit)
        edits = _edits(into, priority, delay)
        if not self._app.driver.redrive(Filter(ids=(found.id,)), edits=msgspec.structs.replace(edits, payload=payload)):
            # Somebody else was quicker.
            self.get(id)
        return JobHandle(self._app, found.id)

    def retry_all(
        self,
        *,
        limit: int | None = None,
        rate: float | None = None,
        edit: Edit | None = None,
        into: str | None = None,
        priority: Priority | int | str | None = None,
        delay: Duration = 0,
        dry_run: bool = False,
        **which: Unpack[Which],
    ) -> int:
        """Bring them back to their queues, oldest job first, and answer how many.

        They begin again with all their attempts, and keep their errors. It is done in small steps, each of them whole:
        interrupted, it has brought back some and lost none. What dies while it runs is left for the next time.

        Args:
            limit: at most so many.
            rate: so many a second become ready, from now on; all at once by itself.
            edit: new values of arguments by name, or a function that makes new arguments from the old ones; both are
                checked against the job's signature before any job is touched.
            into: the queue to bring them to; by itself the one they came from.
            priority: their priority from now on.
            delay: seconds or timedelta until the first of them is ready.
            dry_run: change nothing, and answer how many it would be.

        Raises:
            PayloadError, UnknownJobType: the edited arguments do not fit a job; nothing was changed.
            InvalidValue: an argument breaks its rule.
        """
        where = self._filter(which)
        where = msgspec.structs.replace(where, before=min(where.before or _FOREVER, self._app.driver.now() + 1))
        edits = _edits(into, priority, delay)
        most = None if limit is None else _whole(limit, "limit")
        pace = None if rate is None else _pace(rate)
        if edit is not None:
            chosen = self._edited(where, most, edit)
            return len(chosen) if dry_run else self._redrive_edited(chosen, edits, pace)
        if dry_run:
            count = sum(group.count for group in self._app.driver.dead_groups(where))
            return count if most is None else min(count, most)
        return self._redrive(where, edits, most, pace)

    def _redrive(self, where: Filter, edits: Edits, limit: int | None, pace: tuple[int, float] | None) -> int:
        redrive = self._app.driver.redrive
        if pace is None:
            return redrive(where, edits=edits, limit=limit)
        step, pause = pace
        done = 0
        while limit is None or done < limit:
            most = step if limit is None else min(step, limit - done)
            later = msgspec.structs.replace(edits, delay=edits.delay + done / step * pause)
            did = redrive(where, edits=later, limit=most)
            done += did
            if did < most:
                break
        return done

    def _edited(self, where: Filter, limit: int | None, edit: Edit) -> Sequence[tuple[JobId, str]]:
        """The jobs, oldest first, with their new payloads."""
        # Newest first, and only what is needed of them: there may be a great many.
        jobs = self._walk(where) if limit is None else iter(deque(self._walk(where), maxlen=limit))
        return [(job.id, edited(self._app, job, edit)) for job in jobs][::-1]

    def _redrive_edited(self, chosen: Sequence[tuple[JobId, str]], edits: Edits, pace: tuple[int, float] | None) -> int:
        step, pause = pace or (STEP, 0.0)
        done = 0
        for start in range(0, len(chosen), step):
            payloads = dict(chosen[start : start + step])
            changed = msgspec.structs.replace(edits, payloads=payloads, delay=edits.delay + start / step * pause)
            done += self._app.driver.redrive(Filter(ids=tuple(payloads)), edits=changed)
        return done

    # ── forget ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def forget(self, id: JobId | UUID | str) -> bool:
        """Delete one, with its errors; False when it is no dead letter (any more)."""
        return self._app.driver.forget(Filter(ids=(job_id(id),), statuses=filter_of({}, 0).statuses)) > 0

    def forget_all(self, *, limit: int | None = None, **which: Unpack[Which]) -> int:
        """Delete them, oldest job first, up to `limit`; answer how many."""
        return self._app.driver.forget(self._filter(which), limit=None if limit is None else _whole(limit, "limit"))

    def clear(self, queue: str) -> int:
        """Delete all of one queue; answer how many."""
        return self.forget_all(queue=queue)

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def alist(
        self, *, limit: int = 100, after: StoredJob | JobId | None = None, **which: Unpack[Which]
    ) -> Sequence[StoredJob]:
        """As `list`."""
        return await self._app.aio.call(lambda: self.list(limit=limit, after=after, **which))

    async def agroups(self, **which: Unpack[Which]) -> Sequence[DeadGroup]:
        """As `groups`."""
        return await self._app.aio.call(lambda: self.groups(**which))

    async def aget(self, id: JobId | UUID | str) -> StoredJob:
        """As `get`."""
        return await self._app.aio.call(self.get, id)

    async def astatistics(self, **which: Unpack[Which]) -> DeadLetterStatistics:
        """As `statistics`."""
        return await self._app.aio.call(lambda: self.statistics(**which))

    async def aretry(
        self,
        id: JobId | UUID | str,
        *,
        edit: Edit | None = None,
        into: str | None = None,
        priority: Priority | int | str | None = None,
        delay: Duration = 0,
    ) -> JobHandle[Any]:
        """As `retry`."""
        return await self._app.aio.call(lambda: self.retry(id, edit=edit, into=into, priority=priority, delay=delay))

    async def aretry_all(
        self,
        *,
        limit: int | None = None,
        rate: float | None = None,
        edit: Edit | None = None,
        into: str | None = None,
        priority: Priority | int | str | None = None,
        delay: Duration = 0,
        dry_run: bool = False,
        **which: Unpack[Which],
    ) -> int:
        """As `retry_all`."""
        return await self._app.aio.call(
            lambda: self.retry_all(
                limit=limit,
                rate=rate,
                edit=edit,
                into=into,
                priority=priority,
                delay=delay,
                dry_run=dry_run,
                **which,
            )
        )

    async def aforget(self, id: JobId | UUID | str) -> bool:
        """As `forget`."""
        return await self._app.aio.call(self.forget, id)

    async def aforget_all(self, *, limit: int | None = None, **which: Unpack[Which]) -> int:
        """As `forget_all`."""
        return await self._app.aio.call(lambda: self.forget_all(limit=limit, **which))

    async def aclear(self, queue: str) -> int:
        """As `clear`."""
        return await self._app.aio.call(self.clear, queue)

    # ── inside ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _filter(self, which: Which) -> Filter:
        return filter_of(which, self._app.driver.now())

    def _walk(self, where: Filter) -> Iterator[StoredJob]:
        cursor: JobId | None = None
        while True:
            page = self._app.driver.find(where, limit=_PAGE, cursor=cursor)
            yield from page.jobs
            cursor = page.next
            if cursor is None:
                return


_PAGE: Final = 2000
_FOREVER: Final = 1 << 62


def _edits(into: str | None, priority: Priority | int | str | None, delay: Duration) -> Edits:
    return Edits(
        queue=None if into is None else check_queue_name(into),
        priority=None if priority is None else Priority.of(priority).value,
        delay=seconds(delay, "delay"),
    )


def _pace(rate: object) -> tuple[int, float]:
    """How many jobs a step has, and how many seconds later each step's jobs are ready than those of the one before."""
    if not isinstance(rate, int | float) or not 0 < rate <= _FASTEST:
        raise InvalidValue(f"rate is {rate!r}; give jobs a second, above 0 and at most {_FASTEST:,}")
    step = max(1, min(STEP, round(rate)))
    return step, step / rate


_FASTEST: Final = 1_000_000


def _whole(number: int, name: str, least: int = 0) -> int:
    if type(number) is not int or number < least:
        raise InvalidValue(f"{name} is {number!r}; give a whole number from {least} up")
    return number
