"""Jobs, outcomes and filters as the scripts read them, claims as the scripts write them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from conveyor.priority import Priority
from conveyor.records import Claim, ClaimKey, JobId, JobStatus, NewJob, Outcome, Reason, StoredJob
from conveyor.times import SECOND
from conveyor.unique import OnConflict, Until

LEVELS: Final = {level.value: place for place, level in enumerate(sorted(Priority, reverse=True))}
"""The number of each priority, highest first."""

PRIORITIES: Final = tuple(LEVELS)

_LATEST: Final = 2**56
"""A moment beyond the year 4000: what is later than that is never, and Lua's numbers end soon after."""

pack: Final = msgspec.msgpack.Encoder().encode

_Claimed = tuple[UUID, int, int, int, int, int, int, int, int, tuple[str, str, int]]
"""Id, attempt, failures, crashes, when pushed, when due, level, queue, type; payload, options, max_crashes."""

_unpack_claims: Final = msgspec.msgpack.Decoder(
    tuple[list[int], list[str], list[int], list[str], list[_Claimed]]
).decode

_STAGES: Final[dict[JobStatus, str]] = {
    JobStatus.COMPLETED: "C",
    JobStatus.CANCELLED: "X",
    JobStatus.FAILED: "F",
    JobStatus.EXPIRED: "E",
    JobStatus.PENDING: "pending",
    JobStatus.RETRYING: "retrying",
}


def micros(seconds: float) -> int:
    """Seconds as the store's microseconds."""
    return round(seconds * SECOND)


def joined(ids: Iterable[JobId]) -> bytes:
    """Ids as the scripts take them apart: 16 bytes each."""
    return b"".join([id.bytes for id in ids])


def ids_in(blob: bytes) -> list[JobId]:
    """The ids that `joined` joined."""
    return [JobId(UUID(bytes=blob[at : at + 16])) for at in range(0, len(blob), 16)]


class Names:
    """Names that rows refer to by their place, from 1 on as Lua counts."""

    __slots__ = ("places",)

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, name: str) -> int:
        """The place of this name, which is given one if it has none."""
        places = self.places
        known = places.get(name)
        if known is None:
            known = places[name] = len(places) + 1
        return known

    @property
    def list(self) -> list[str]:
        return list(self.places)


def body(job: NewJob) -> bytes:
    """What only clients read of a job."""
    return pack((job.payload, job.options, job.max_crashes))


def row(job: NewJob, queues: Names, types: Names, owner: int | None = None) -> tuple[Any, ...]:
    """What push.lua has to know of a job beside its body; `owner` is the place of the outcome that it follows."""
    head = (queues.place(job.queue), types.place(job.type), LEVELS[job.priority])
    slot = job.slot
    # fmt: off
    more = (
        micros(job.delay) if job.delay else None,
        None if job.run_at is None else min(job.run_at, _LATEST),
        None if job.expires is None else micros(job.expires),
        None if job.expires_at is None else max(-_LATEST, min(job.expires_at, _LATEST)),
        job.unique, None if slot is None else f"{slot.at}:{slot.name}", owner,
        None if job.unique_until is Until.FINAL else job.unique_until,
        None if job.unique_ttl is None else micros(job.unique_ttl),
        job.on_conflict is OnConflict.REPLACE or None,
        (job.attempt, job.failures, job.crashes) if job.attempt else None,
    )
    # fmt: on
    return head if more == _NOTHING else (*head, more)


_PLAIN: Final = 3
"""The length of a row that says nothing but queue, type and level."""

_NOTHING: Final = (None,) * 11


def plain(job: NewJob) -> tuple[Any, ...] | None:
    """What push_one.lua wants; `None` for a job that is more than a body, and due now."""
    if (
        job.delay
        or job.unique is not None
        or job.run_at is not None
        or job.expires is not None
        or job.expires_at is not None
        or job.slot is not None
        or job.attempt
    ):
        return None
    return job.queue, job.type, LEVELS[job.priority], job.id.bytes + body(job)


class Posted(NamedTuple):
    """A letter, as it goes into the outbox."""

    stamp: str
    """Its own, for ever."""
    text: bytes
    owner: int = 0
    """The place of the outcome that it follows; 0 for none."""


def pushed(
    jobs: Sequence[NewJob], *, letters: Sequence[Posted] = (), stamp: str = ""
) -> tuple[str, bytes, list[bytes]]:
    """The script that these jobs want, and what it wants: the table of rows, and the ids with the bodies."""
    queues, types = Names(), Names()
    rows = [row(job, queues, types) for job in jobs]
    bodies = [job.id.bytes + body(job) for job in jobs]
    if not letters and not stamp and all(len(row) == _PLAIN for row in rows):
        return "push_plain", pack((queues.list, types.list, rows)), bodies
    table = pack((queues.list, types.list, rows, _owners(letters), stamp))
    return "push", table, bodies + _texts(letters)


def _owners(letters: Sequence[Posted]) -> list[int]:
    return [letter.owner for letter in letters]


def _texts(letters: Sequence[Posted]) -> list[bytes]:
    return [part for letter in letters for part in (letter.stamp.encode(), letter.text)]


def settled(outcomes: Sequence[Outcome], letters: Sequence[Posted] = ()) -> tuple[bytes, bytes, list[bytes]]:
    """What settle.lua wants: the claims' ids, the tables, the follow-ups' ids with their bodies, and the letters."""
    queues, types = Names(), Names()
    rows: list[tuple[Any, ...]] = []
    bodies: list[bytes] = []
    table: list[tuple[Any, ...]] = []
    for place, outcome in enumerate(outcomes, 1):
        table.append(_outcome(outcome, queues))
        for job in outcome.follow_ups:
            rows.append(row(job, queues, types, place))
            bodies.append(job.id.bytes + body(job))
    ids = b"".join([outcome.claim.id.bytes for outcome in outcomes])
    return ids, pack((table, queues.list, types.list, rows, _owners(letters))), bodies + _texts(letters)


def _outcome(outcome: Outcome, queues: Names) -> tuple[Any, ...]:
    claim = outcome.claim
    plain = (
        claim.attempt,
        queues.place(claim.queue),
        LEVELS.get(claim.priority),
        outcome.result,
        outcome.started_at,
    )
    if (
        outcome.status is JobStatus.COMPLETED
        and outcome.failure is None
        and outcome.note is None
        and outcome.memory is None
        and outcome.failures == claim.failures
        and outcome.crashes == claim.crashes
    ):
        return plain
    failure = None if outcome.failure is None else msgspec.json.encode(outcome.failure).decode()
    reason = (outcome.reason or Reason.FAILED) if outcome.status.is_failure else outcome.reason
    return (
        *plain,
        _STAGES[outcome.status],
        outcome.failures,
        outcome.crashes,
        None if outcome.delay is None else micros(outcome.delay),
        failure,
        reason,
        outcome.note,
        outcome.held,
        outcome.memory,
    )


def buried(letters: Sequence[StoredJob]) -> tuple[bytes, list[bytes]]:
    """What bury.lua wants: the table of rows, and the ids with the bodies."""
    queues, types = Names(), Names()
    rows = [_dead(letter, queues, types) for letter in letters]
    bodies = [letter.id.bytes + pack((letter.payload, letter.options, letter.max_crashes)) for letter in letters]
    return pack((queues.list, types.list, rows)), bodies


def _dead(letter: StoredJob, queues: Names, types: Names) -> tuple[Any, ...]:
    # False where there is none: a list of Lua's ends at a nothing.
    ended = letter.finished_at or letter.pushed_at
    # fmt: off
    past = (
        letter.attempt, letter.failures, letter.crashes, letter.worker or False, letter.started_at or False, ended,
        False, False, letter.reason or Reason.FAILED, letter.note or False,
        [msgspec.json.encode(failure).decode() for failure in letter.errors], letter.memory or False,
    )
    return (
        queues.place(letter.queue), types.place(letter.type), LEVELS[letter.priority], _STAGES[letter.status],
        letter.pushed_at, letter.due_at, False if letter.expires_at is None else letter.expires_at,
        letter.unique or False, ended, past,
    )
    # fmt: on


def claims_in(blob: bytes) -> list[Claim]:
    """The claims that a script answered."""
    queue_numbers, queue_names, type_numbers, type_names, claims = _unpack_claims(blob)
    queues = dict(zip(queue_numbers, queue_names, strict=True))
    types = dict(zip(type_numbers, type_names, strict=True))
    return [
        Claim(
            JobId(id), attempt, types[kind], queues[queue], PRIORITIES[level], payload, options, failures, crashes,
            max_crashes, pushed_at, due_at,
        )
        for id, attempt, failures, crashes, pushed_at, due_at, level, queue, kind, (payload, options, max_crashes)
        in claims
    ]  # fmt: skip


def keys_of(claims: Sequence[ClaimKey]) -> tuple[bytes, bytes]:
    """What extend.lua wants: ids and attempts."""
    return joined(claim.id for claim in claims), pack([claim.attempt for claim in claims])
