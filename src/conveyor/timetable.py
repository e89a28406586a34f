"""What an application pushes by the clock, as its code declares it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from conveyor.app import Conveyor
    from conveyor.retry import Duration
    from conveyor.schedulable import Schedulable
    from conveyor.schedules import Schedules


class Timetable(ABC):
    """The application's side of schedules. What they need is imported with the first of them."""

    _schedules: Schedules | None = None

    @property
    @abstractmethod
    def _target(self) -> tuple[Conveyor, str | None]:
        """The application, first."""

    @property
    def schedules(self) -> Schedules:
        """The schedules: those that the code declares, and those that are kept in the store."""
        if self._schedules is None:
            from conveyor.schedules import Schedules

            self._schedules = Schedules(self._target[0])
        return self._schedules

    def cron(
        self,
        expression: str,
        job: Schedulable,
        *args: Any,
        name: str | None = None,
        timezone: str = "UTC",
        jitter: Duration = 0,
        missed: str = "skip",
        overlap: str = "allow",
    ) -> None:
        """Let workers push a job by a cron expression: one job for each moment, however many workers there are.

        Args:
            expression: minute, hour, day of the month, month, day of the week, such as "0 8 * * MON-FRI"; with a sixth
                field in front, seconds. Or @hourly, @daily, @weekly, @monthly, @yearly.
            job: a registered function, or the name of a job type, with its arguments after it; or what `push` takes,
                such as `JobPayload(send_digest.call(7), queue="slow")`.
            args: the arguments of the function.
            name: the schedule's name, by which its moments are kept apart from others'; by itself the job's type.
            timezone: in which the expression is meant, such as "Europe/Berlin"; daylight saving is seen to.
            jitter: seconds or timedelta by which each job becomes due later at most, so that many schedules of one
                moment spread out.
            missed: what becomes of moments at which no worker looked: "skip" passes them over, "once" pushes for the
                latest, "all" for each. A moment less than a minute ago is not missed.
            overlap: "skip" pushes nothing while an earlier job of this schedule is active; "allow" does.

        Raises:
            InvalidValue: an argument breaks its rule.
            PayloadError: the arguments do not fit the job. UnknownJobType: what it is an instance of is none.
            DuplicateSchedule: another schedule has that name.
        """
        from conveyor.cron import Cron
        from conveyor.schedule import Rule

        rule = Rule.of(Cron(expression, timezone), jitter=jitter, missed=missed, overlap=overlap)
        self.schedules.declare(rule, job, args, name)

    def every(
        self,
        job: Schedulable,
        *args: Any,
        seconds: float = 0,
        minutes: float = 0,
        hours: float = 0,
        days: float = 0,
        name: str | None = None,
        jitter: Duration = 0,
        missed: str = "skip",
        overlap: str = "allow",
    ) -> None:
        """Let workers push a job every so often; as `cron`, and counted from the beginning of 1970 (UTC).

        So every 5 minutes is at :00, :05, :10 and so on, and every day is at midnight UTC.

        Args:
            job: see `cron`.
            args: likewise.
            seconds: added up with the three below; a second at least.
            minutes: see `seconds`.
            hours: see `seconds`.
            days: see `seconds`.
            name: see `cron`.
            jitter: likewise.
            missed: likewise.
            overlap: likewise.

        Raises:
            as `cron`.
        """
        from conveyor.cron import Every
        from conveyor.schedule import Rule

        period = timedelta(seconds=seconds, minutes=minutes, hours=hours, days=days)
        self.schedules.declare(Rule.of(Every(period), jitter=jitter, missed=missed, overlap=overlap), job, args, name)
