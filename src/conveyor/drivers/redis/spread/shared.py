"""Shared state: that of jobs is where they are, all else in the first partition."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from conveyor.drivers.redis.encoding import joined
from conveyor.drivers.redis.route import answers_of
from conveyor.drivers.redis.settings import PARTITIONS
from conveyor.drivers.redis.shared import Shared, progress_in
from conveyor.drivers.redis.spread.partitions import At, Partitions
from conveyor.records import ClaimKey, JobId, Progress, WorkerRecord


class SpreadShared(Partitions, Shared):
    """The operations on shared state; their promises stand in `drivers/base.py`."""

    def beat(self, worker: WorkerRecord) -> list[ClaimKey]:
        record = (worker.name, msgspec.json.encode(worker), *worker.children)
        runs: list[At] = [(0, "beat", record)]
        runs += [(partition, "asked", worker.children) for partition in range(1, PARTITIONS)]
        found: list[ClaimKey] = []
        for flat in answers_of(self._run_at(runs)):
            found += [
                ClaimKey(JobId(UUID(bytes=id)), attempt) for id, attempt in zip(flat[::2], flat[1::2], strict=True)
            ]
        return found

    def write_progress(self, claim: ClaimKey, progress: Progress) -> bool:
        record = msgspec.json.encode(progress)
        (is_written,) = self._of_each(
            [claim.id],
            lambda _: ("write_progress", (claim.id.bytes, claim.attempt, record)),
            lambda answer: [bool(answer)],
            nothing=False,
        )
        return is_written

    def read_progress(self, ids: Sequence[JobId]) -> list[Progress | None]:
        return self._of_each(
            ids,
            lambda places: ("progress", (joined(ids[place] for place in places),)),
            lambda records: [progress_in(record) for record in records],
            nothing=None,
        )
