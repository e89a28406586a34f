"""A store of many partitions beside the memory driver, through stories in which it promises the same.

What a partition promises for itself alone is not drawn: a repeated id is pushed to where its job is, a slot is of one
queue, and no more than one job's follow-ups are on their way at a time. What is left has to be the same, wherever jobs
are, and however they get there.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

from msgspec.structs import replace

from conveyor.drivers.base import STEP, Driver
from conveyor.records import Claim, Edits, Filter, JobId, NewJob, Slot, StoredJob
from conveyor.retention import Retention
from tests.model.drawing import Push, Settle
from tests.model.machine import J, SideBySide


class Home(NamedTuple):
    """What a job's partition was chosen by, beside its id."""

    queue: str
    unique: str | None
    slot: Slot | None


class SpreadSideBySide(SideBySide):
    """As on one server, within what many partitions promise."""

    retention: ClassVar = Retention(finished_age=300.0, finished_count=None, dead_age=700.0, dead_count=None)
    """By age alone: of too many, each partition loses its part."""
    may_go_back: ClassVar = False
    has_order: ClassVar[bool]
    """Whether each queue is in one partition, and so has one order."""

    def __init__(self) -> None:
        super().__init__()
        self.homes: dict[JobId, Home] = {}

    def drawn(self, push: Push) -> NewJob:
        job = super().drawn(push)
        slot = None if job.slot is None or job.unique is not None else Slot(f"of {job.queue}", job.slot.at)
        home = self.homes.setdefault(job.id, Home(job.queue, job.unique, slot))
        return replace(job, queue=home.queue, unique=home.unique, slot=home.slot)

    def enough(self, limit: int) -> int:
        return limit if self.has_order or limit == 0 else STEP

    def ordered(self, jobs: list[J]) -> list[J]:
        return jobs if self.has_order else sorted(jobs, key=lambda job: job.id)

    def lapsed(self, driver: Driver, limit: int) -> list[Claim]:
        return sorted(driver.lapsed(STEP), key=lambda claim: claim.id)

    def ending(self, drawn: list[Settle]) -> list[Settle]:
        first = next((settle for settle in drawn if settle.how == "complete"), None)
        return [settle if settle is first else dataclasses.replace(settle, follow_ups=()) for settle in drawn]

    def meant(self, where: Filter, edits: Edits | None) -> Filter:
        if edits is None or edits.queue is None:
            return where
        # Those that stay come back before those that come from elsewhere.
        return replace(where, queues=("b",) if edits.queue == "a" else ("a",))

    def check_moves(self, jobs: dict[JobId, StoredJob]) -> None:
        for id, job in jobs.items():
            before = self.jobs.get(id)
            if before is not None and before.queue != job.queue:
                self.homes[id] = Home(job.queue, before.unique, None)
        super().check_moves(jobs)
