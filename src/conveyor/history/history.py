"""A history: a durable record of jobs in SQL, beside whatever store they wait in."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import msgspec

from conveyor.aio import Threads
from conveyor.errors import InvalidValue, JobNotFound
from conveyor.forks import after_fork, keep_for_ever
from conveyor.history import moves
from conveyor.history.moves import Move
from conveyor.history.recorder import Recorder
from conveyor.history.records import HistoryEntry, HistoryEvent, HistoryStatistics, Rebuilt
from conveyor.history.tables import STEP, Tables, check_url, open_tables
from conveyor.ids import job_id
from conveyor.payload import check_queue_name
from conveyor.records import Failure, JobId, JobStatus, Reason
from conveyor.retry import Duration
from conveyor.text import readable
from conveyor.times import SECOND, Clock, micros, seconds, system_clock

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.queue import Queue

_FLUSHED_WITHIN: Final = 5.0
"""Seconds that what is not written yet has when a process ends."""

_read_failure: Final = msgspec.json.Decoder(Failure).decode


class History:
    """A durable record of jobs in SQL: how each was pushed, and all that became of it.

    It is written by every process whose application has it: see `record`, and `PersistentQueue`. A job is in it before
    it is pushed; what becomes of jobs follows within 20 ms, and later when the database is away. Opened when it is
    first needed. Moments are microseconds since 1970, by the clock of the machine where a thing happened.

    Args:
        url: `sqlite:///history.db` or `postgresql://…`, with the options of a store's URL.
        age: seconds or timedelta that jobs are kept which have ended; `None` for no bound.
        count: how many of those are kept at most; `None` for no bound.
        clock: the present in microseconds; for tests.

    Raises:
        ConfigError: the URL names no SQL database.
        InvalidValue: a bound breaks its rule.
    """

    def __init__(
        self,
        url: str,
        *,
        age: Duration | None = 90 * 86_400.0,
        count: int | None = 1_000_000,
        clock: Clock = system_clock,
    ) -> None:
        self._url: Final = check_url(url)
        self._age: Final = None if age is None else seconds(age, "age")
        if count is not None and (type(count) is not int or count < 0):
            raise InvalidValue(f"count is {count!r}; give a whole number from 0 up, or None for no bound")
        self._count: Final = count
        self.clock: Final = clock
        self._tables: Tables | None = None
        self._lock = threading.Lock()
        self.recorder = Recorder(self._opened)
        self._aio = Threads()
        after_fork(self._start_over_after_fork)
        atexit.register(_end, weakref.ref(self))

    def __repr__(self) -> str:
        return f"<history in {readable(self._url)}>"

    # ── what is recorded ─────────────────────────────────────────────────────────────────────────────────────────────

    def record(self, app: Conveyor, *queues: str) -> None:
        """Record every job of these queues of the application, or of all of them, from now on.

        Call it where the application is made, so that its workers do so too. Again with more queues adds these.

        Raises:
            InvalidValue: no queue may have that name.
        """
        from conveyor.history.recording import Recording

        Recording.of(app, self).add([check_queue_name(queue) for queue in queues])

    def rebuild(self, queue: Queue | Conveyor) -> Rebuilt:
        """Put back what the store of this queue, or of this application, has lost: jobs to be done, and dead letters.

        Each is there again with its id, and keeps its due time, priority, attempts and failures. What the store still
        has stays as it is; again changes nothing. Workers may run meanwhile, and jobs be pushed. A job that ran when
        the store was lost runs again. Dead letters that were forgotten do not come back, nor those that are more or
        older than the application keeps. It takes a second for what other processes have yet to write.

        Raises:
            StoreError: the history or the store does not answer; what was put back until then stays, and calling it
                again does the rest.
        """
        from conveyor.history.rebuild import rebuild

        return rebuild(self, queue)

    # ── look ─────────────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, id: JobId | UUID | str) -> HistoryEntry:
        """One job.

        Raises:
            JobNotFound: it is not in the history.
        """
        found = self.entries([job_id(id)])
        if not found:
            raise JobNotFound(id)
        return next(iter(found.values()))

    def find(
        self,
        *,
        queue: str | Iterable[str] = (),
        type: str | Iterable[str] = (),
        status: JobStatus | str | Iterable[JobStatus | str] = (),
        since: datetime | timedelta | float | None = None,
        until: datetime | timedelta | float | None = None,
        limit: int = 100,
        after: HistoryEntry | JobId | None = None,
    ) -> list[HistoryEntry]:
        """Up to `limit` jobs that meet all conditions, newest first.

        Args:
            queue: one queue, or one of several.
            type: one type, or one of several.
            status: one status, or one of several.
            since: whose status has not changed before this moment, or longer ago than so many seconds.
            until: whose status has not changed since this moment, or within so many seconds.
            limit: how many at most.
            after: the last one of the page before.

        Raises:
            InvalidValue: a condition breaks its rule.
        """
        if limit < 1:
            raise InvalidValue(f"limit is {limit!r}; give a whole number from 1 up")
        now = self.clock()
        cursor = after.id if isinstance(after, HistoryEntry) else after
        return [
            _entry(row)
            for row in self._opened().run(
                (
                    "find",
                    {
                        "queues": _some(queue),
                        "types": _some(type),
                        "statuses": _some(_status(each) for each in _several(status)),
                        "after": _at(since, "since", now),
                        "before": _at(until, "until", now),
                        "cursor": None if cursor is None else str(job_id(cursor)),
                        "limit": limit,
                    },
                )
            )
        ]

    def timeline(self, id: JobId | UUID | str) -> list[HistoryEvent]:
        """All that has happened to one job, oldest first: its push, and each step since.

        Raises:
            JobNotFound: it is not in the history.
        """
        entry = self.get(id)
        pushed = HistoryEvent(at=entry.pushed_at, status=JobStatus.PENDING, attempt=0, note="pushed")
        rows = self._opened().run(("events", {"id": str(entry.id)}))
        return [pushed, *(_event(row) for row in rows)]

    def statistics(self, queue: str | Iterable[str] = ()) -> HistoryStatistics:
        """How many jobs there are, of one or several queues or of all, by what became of them."""
        counts = dict.fromkeys(JobStatus, 0)
        for status, number in self._opened().run(("count", {"queues": _some(queue)})):
            counts[JobStatus(status)] = number
        return HistoryStatistics(
            total=sum(counts.values()), **{status.value: number for status, number in counts.items()}
        )

    # ── look after ───────────────────────────────────────────────────────────────────────────────────────────────────

    def prune(self) -> int:
        """Delete what has ended and is beyond the bounds of age and count; answer how many jobs. Workers do so too."""
        done = 0
        while step := self.prune_some():
            done += step
        return done

    def prune_some(self) -> int:
        """One bounded step of `prune`."""
        if self._age is not None:
            before = self.clock() - round(self._age * SECOND)
            if done := self._forget(self._opened().run(("past_age", {"before": before, "limit": STEP}))):
                return done
        if self._count is not None:
            return self._forget(self._opened().run(("past_count", {"count": self._count, "limit": STEP})))
        return 0

    def forget(self, id: JobId | UUID | str) -> bool:
        """Delete one job that has ended, with all that is known of it; False when there is none such."""
        return self._forget([(str(job_id(id)),)]) > 0

    def flush(self, timeout: Duration = 5) -> bool:
        """Write down now what this process has to tell; answer whether that was done in so many seconds."""
        return self.recorder.flush(seconds(timeout, "timeout"))

    def close(self) -> None:
        """Write down what there is and let go of the database. Safe to call twice; the next use opens it again."""
        self._let_go()
        self._aio.close()

    def _let_go(self) -> None:
        self.recorder.stop(_FLUSHED_WITHIN)
        with self._lock:
            tables, self._tables = self._tables, None
        if tables is not None:
            tables.close()

    # ── async ────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def aget(self, id: JobId | UUID | str) -> HistoryEntry:
        """As `get`."""
        return await self._aio.call(self.get, id)

    async def afind(
        self,
        *,
        queue: str | Iterable[str] = (),
        type: str | Iterable[str] = (),
        status: JobStatus | str | Iterable[JobStatus | str] = (),
        since: datetime | timedelta | float | None = None,
        until: datetime | timedelta | float | None = None,
        limit: int = 100,
        after: HistoryEntry | JobId | None = None,
    ) -> list[HistoryEntry]:
        """As `find`."""
        return await self._aio.call(
            self.find, queue=queue, type=type, status=status, since=since, until=until, limit=limit, after=after
        )

    async def atimeline(self, id: JobId | UUID | str) -> list[HistoryEvent]:
        """As `timeline`."""
        return await self._aio.call(self.timeline, id)

    async def astatistics(self, queue: str | Iterable[str] = ()) -> HistoryStatistics:
        """As `statistics`."""
        return await self._aio.call(self.statistics, queue)

    async def arebuild(self, queue: Queue | Conveyor) -> Rebuilt:
        """As `rebuild`."""
        return await self._aio.call(self.rebuild, queue)

    async def aprune(self) -> int:
        """As `prune`."""
        return await self._aio.call(self.prune)

    async def aforget(self, id: JobId | UUID | str) -> bool:
        """As `forget`."""
        return await self._aio.call(self.forget, id)

    async def aflush(self, timeout: Duration = 5) -> bool:  # noqa: ASYNC109 - the sync twin's signature
        """As `flush`."""
        return await self._aio.call(self.flush, timeout)

    async def aclose(self) -> None:
        """As `close`."""
        await self._aio.call(self._let_go)
        self._aio.close()

    # ── for those who record ─────────────────────────────────────────────────────────────────────────────────────────

    def store(self, pushes: Sequence[Move]) -> set[JobId]:
        """Write down jobs that are about to be pushed; answer which of them were not known."""
        rows = self._opened().run(("store", {"rows": [push.row for push in pushes]}))
        return {_id(text) for (text,) in rows}

    def entries(self, ids: Sequence[JobId]) -> dict[JobId, HistoryEntry]:
        """What is known of these."""
        if not ids:
            return {}
        return {entry.id: entry for entry in map(_entry, self._opened().run(("get", {"ids": list(ids)})))}

    def failures(self, ids: Sequence[JobId]) -> list[tuple[JobId, Failure]]:
        """How attempts of these came to a bad end, a job's oldest first."""
        rows = self._opened().run(("failures", {"ids": list(ids)}))
        return [(_id(job), _read_failure(failure)) for job, failure in rows]

    def open_jobs(
        self, queues: Sequence[str] | None, *, limit: int, cursor: JobId | None = None, last: JobId | None = None
    ) -> list[HistoryEntry]:
        """Jobs that are still to be done as far as is known, by id: after `cursor`, up to and including `last`."""
        parameters = {
            "queues": None if queues is None else list(queues),
            "cursor": None if cursor is None else str(cursor),
            "last": None if last is None else str(last),
            "limit": limit,
        }
        return [_entry(row) for row in self._opened().run(("open", parameters))]

    def last_open(self) -> JobId | None:
        """The greatest id of those."""
        rows = self._opened().run(("last_open", {}))
        return _id(rows[0][0]) if rows else None

    def overdue(self, limit: int) -> list[HistoryEntry]:
        """Jobs that wait as far as is known, though their expiry has come."""
        return [_entry(row) for row in self._opened().run(("overdue", {"now": self.clock(), "limit": limit}))]

    def _forget(self, rows: Sequence[tuple[str]]) -> int:
        if not rows:
            return 0
        ids = {"ids": [id for (id,) in rows]}
        forgotten = self._opened().run(("forget", ids))
        if forgotten:
            self._opened().run(("forget_events", {"ids": [id for (id,) in forgotten]}))
        return len(forgotten)

    def _opened(self) -> Tables:
        tables = self._tables
        if tables is not None:
            return tables
        with self._lock:
            if self._tables is None:
                self._tables = open_tables(self._url)
            return self._tables

    def _start_over_after_fork(self) -> None:
        keep_for_ever((self._tables, self.recorder, self._aio))
        self._tables = None
        self._lock = threading.Lock()
        self.recorder = Recorder(self._opened)
        self._aio = Threads()


def _end(history: weakref.ref[History]) -> None:
    """The process ends: what is not written yet is written now."""
    living = history()
    if living is not None and living.recorder.held:
        living.close()


def _several(value: str | Iterable[str]) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _some(value: str | Iterable[str]) -> list[str] | None:
    names = _several(value)
    return names or None


def _status(word: str) -> str:
    try:
        return JobStatus(word).value
    except ValueError:
        words = ", ".join(status.value for status in JobStatus)
        raise InvalidValue(f"status is {word!r}; give one of {words}") from None


def _at(value: datetime | timedelta | float | None, name: str, now: int) -> int | None:
    if value is None:
        return None
    return micros(value, name) if isinstance(value, datetime) else now - round(seconds(value, name) * SECOND)


def _id(text: object) -> JobId:
    return JobId(UUID(str(text)))


def _entry(row: tuple[Any, ...]) -> HistoryEntry:
    values = dict(zip(HistoryEntry.__struct_fields__, row, strict=True))
    values["id"] = _id(values["id"])
    values["status"] = JobStatus(values["status"])
    values["is_alone"] = bool(values["is_alone"])
    values["reason"] = None if values["reason"] is None else Reason(values["reason"])
    return HistoryEntry(**values)


def _event(row: tuple[Any, ...]) -> HistoryEvent:
    version, at, status, worker, due_at, note, failure = row
    return HistoryEvent(
        at=at,
        status=JobStatus(status),
        attempt=version // moves.RANKS,
        worker=worker,
        due_at=due_at,
        note=note,
        failure=None if failure is None else _read_failure(failure),
    )
