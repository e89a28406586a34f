"""One schedule: when it pushes what, and which of its slots a worker is to take. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from typing import Final, Self, TypeVar

import msgspec

from conveyor.cron import Cron, Every, Timing, last, words
from conveyor.errors import InvalidValue, PayloadError
from conveyor.ids import new_id
from conveyor.records import NewJob, Slot
from conveyor.retry import Duration
from conveyor.times import SECOND, seconds

GRACE: Final = 60.0
"""Seconds after its moment up to which a slot is on time."""

CATCH_UP: Final = 100
"""How many missed slots are taken in one round at most."""

_LONGEST_NAME: Final = 200

E = TypeVar("E", bound=StrEnum)


class Missed(StrEnum):
    """What becomes of slots that came round while no worker looked. Of those on time, the latest is always taken."""

    SKIP = "skip"
    """They are passed over."""
    ONCE = "once"
    """The latest of them is taken."""
    ALL = "all"
    """Each is taken, oldest first."""


class Overlap(StrEnum):
    """What becomes of a slot while the job of an earlier one is still active."""

    ALLOW = "allow"
    """It is taken."""
    SKIP = "skip"
    """It is passed over."""


class Spec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A schedule as the store keeps it, but for its name."""

    job: NewJob
    """What is pushed; its id is nobody's."""
    cron: str | None = None
    every: float | None = None
    timezone: str = "UTC"
    jitter: float = 0.0
    missed: Missed = Missed.SKIP
    overlap: Overlap = Overlap.ALLOW


@dataclass(frozen=True, slots=True)
class Rule:
    """When a schedule comes round, and what becomes of slots that cannot be taken in time.

    Attributes:
        jitter: seconds by which a job becomes due later at most; each slot has a delay of its own, always the same.
    """

    timing: Cron | Every
    jitter: float = 0.0
    missed: Missed = Missed.SKIP
    overlap: Overlap = Overlap.ALLOW

    @classmethod
    def of(
        cls, timing: Cron | Every, *, jitter: Duration = 0, missed: str = Missed.SKIP, overlap: str = Overlap.ALLOW
    ) -> Self:
        """A rule from what a user writes.

        Raises:
            InvalidValue: one of them breaks its rule.
        """
        return cls(
            timing,
            seconds(jitter, "jitter"),
            _one_of(Missed, missed, "missed"),
            _one_of(Overlap, overlap, "overlap"),
        )

    @property
    def timezone(self) -> str:
        return self.timing.timezone if isinstance(self.timing, Cron) else "UTC"

    def __str__(self) -> str:
        return words(self.timing)

    def encode(self, job: NewJob) -> str:
        """The schedule as the store keeps it."""
        spec = Spec(
            job=job,
            cron=self.timing.expression if isinstance(self.timing, Cron) else None,
            every=self.timing.seconds if isinstance(self.timing, Every) else None,
            timezone=self.timezone,
            jitter=self.jitter,
            missed=self.missed,
            overlap=self.overlap,
        )
        return msgspec.json.encode(spec).decode()


def decode(name: str, spec: str) -> tuple[Rule, NewJob]:
    """What `Rule.encode` wrote.

    Raises:
        PayloadError: it is something else.
    """
    try:
        read = msgspec.json.decode(spec, type=Spec)
        timing = Every(read.every) if read.every is not None else Cron(read.cron or "", read.timezone)
    except (msgspec.DecodeError, InvalidValue) as error:
        raise PayloadError(
            f"the stored schedule {name!r} cannot be read: {error}; remove it, and add it anew"
        ) from None
    return Rule(timing, read.jitter, read.missed, read.overlap), read.job


@dataclass(frozen=True, slots=True)
class Due:
    """The slots to take now, oldest first, and the moment up to which all are taken or passed over then."""

    slots: tuple[int, ...]
    handled_at: int


def due(timing: Timing, missed: Missed, after: int, now: int) -> Due | None:
    """What has come round later than `after`; `None` when nothing has."""
    first = timing.next(after)
    if first is None or first > now:
        return None
    if missed is Missed.ALL:
        slots = [first]
        while len(slots) < CATCH_UP and (found := timing.next(slots[-1])) is not None and found <= now:
            slots.append(found)
        return Due(tuple(slots), slots[-1])
    latest = last(timing, after, now) or first
    is_taken = missed is Missed.ONCE or now - latest <= GRACE * SECOND
    return Due((latest,) if is_taken else (), latest)


def job_of(name: str, rule: Rule, job: NewJob, slot: int, now: int) -> NewJob:
    """The job that takes a slot: `job` is what the schedule pushes."""
    run_at = slot + _share(name, slot, rule.jitter)
    # What a job type says of expiry counts from the moment at which the job is due.
    expires = None if job.expires is None else job.expires + max(0, run_at - now) / SECOND
    return msgspec.structs.replace(
        without_overlap(name, rule, job), id=new_id(), run_at=run_at, expires=expires, slot=Slot(name, slot)
    )


def without_overlap(name: str, rule: Rule, job: NewJob) -> NewJob:
    """The job with the unique key by which a schedule keeps its runs apart."""
    return msgspec.structs.replace(job, unique=f"schedule:{name}") if rule.overlap is Overlap.SKIP else job


def check_schedule_name(name: object) -> str:
    """`name` itself, if a schedule may have it.

    Raises:
        InvalidValue: it may not.
    """
    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
        raise InvalidValue(f"a schedule's name is {name!r}; give 1 to {_LONGEST_NAME} visible characters")
    return name


def _share(name: str, slot: int, jitter: float) -> int:
    """By how many microseconds the slot's job is late: the same on every worker, and another for every slot."""
    if not jitter:
        return 0
    digest = blake2b(f"{name} {slot}".encode(), digest_size=8).digest()
    return int(jitter * SECOND * int.from_bytes(digest) / 2**64)


def _one_of(kind: type[E], value: str, name: str) -> E:
    try:
        return kind(value)
    except ValueError:
        listed = " or ".join(repr(each.value) for each in kind)
        raise InvalidValue(f"{name} is {value!r}; give {listed}") from None
