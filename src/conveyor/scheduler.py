"""What every worker does for schedules: push the jobs whose moment has come.

Any number of workers may do it at once, without a leader: a slot, the name of a schedule and a moment, is taken in the
same step as its push, once for all. What a worker leaves undone when it dies, the next round of another one does.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from conveyor.errors import ConveyorError, StoreError
from conveyor.pushing import push_prepared
from conveyor.records import NewJob, ScheduleBook, ScheduleRecord
from conveyor.schedule import due, job_of
from conveyor.times import SECOND

if TYPE_CHECKING:
    from conveyor.app import Conveyor

LOOK: Final = 5.0
"""Seconds between two rounds at most: so soon is a schedule seen that someone else adds, pauses or resumes."""

SPREAD: Final = 0.1
"""Seconds by which workers come apart at most: the first to come pushes, and the others find that it did."""

logger: Final = logging.getLogger("conveyor.worker")


class Scheduler:
    """The rounds of one worker.

    Args:
        app: the application, whose declared schedules are looked after together with those in its store.
    """

    def __init__(self, app: Conveyor) -> None:
        self._app: Final = app
        self._complained: Final[set[str]] = set()

    def run_once(self) -> float:
        """Push for every slot whose moment has come by the store's clock; answer the seconds until the next round.

        Raises:
            StoreError: the store does not answer; the next round does what this one did not.
        """
        book = self._app.driver.schedules()
        upcoming = min((self._look(name, book) for name in self._names(book)), default=None)
        pause = LOOK if upcoming is None else min(LOOK, max(0, upcoming - book.now) / SECOND)
        return pause + random.uniform(0, SPREAD)  # noqa: S311 - not a secret

    def _names(self, book: ScheduleBook) -> Sequence[str]:
        declared = [each.name for each in self._app.schedules.declared]
        return [*declared, *(record.name for record in book.schedules if record.spec and record.name not in declared)]

    def _look(self, name: str, book: ScheduleBook) -> int:
        """See to one schedule; answer when to look again. What is wrong with one is no trouble for the others."""
        try:
            upcoming = self._advance(name, book)
        except StoreError:
            raise
        except Exception as error:
            later = book.now + round(LOOK * SECOND)
            if name not in self._complained:
                self._complained.add(name)
                # What is a surprise is shown with where it came from.
                surprise = None if isinstance(error, ConveyorError) else error
                logger.error("the schedule %r cannot push, and is tried again: %s", name, error, exc_info=surprise)  # noqa: TRY400 - likewise
            return later
        self._complained.discard(name)
        return upcoming

    def _advance(self, name: str, book: ScheduleBook) -> int:
        far = book.now + round(LOOK * SECOND)
        record = next((record for record in book.schedules if record.name == name), None)
        if record is None:
            # Its time begins now. Another worker may be faster; then what it wrote counts, and is read the next time.
            record = ScheduleRecord(name=name, handled_at=book.now)
            if not self._app.driver.add_schedule(record):
                return book.now
        if record.paused:
            return far
        rule, job = self._app.schedules.rule(name, record)
        found = due(rule.timing, rule.missed, record.handled_at, book.now)
        handled_at = record.handled_at
        if found is not None:
            self._push([job_of(name, rule, job, slot, book.now) for slot in found.slots])
            self._app.driver.change_schedule(name, handled_at=found.handled_at)
            handled_at = found.handled_at
        return min(far, rule.timing.next(handled_at) or far)

    def _push(self, jobs: Sequence[NewJob]) -> None:
        for new, handle in zip(jobs, push_prepared(self._app, jobs), strict=True):
            if handle.id == new.id and new.slot is not None:
                logger.debug("schedule %r pushed job %s", new.slot.name, new.id)
