"""A job's record as the scripts keep it, read back. The layout stands in lua/shared/records.lua."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import msgspec

from conveyor.drivers.redis.encoding import PRIORITIES
from conveyor.measures import Memory
from conveyor.priority import Priority
from conveyor.records import Claim, Failure, JobId, JobStatus, Reason, StoredJob

_HAS_DUE, _HAS_EXPIRY, _HAS_KEY, _HAS_PAST, _RETRYING = 4, 8, 16, 32, 64

_HEAD: Final = 20
_PLACE: Final = 5
"""Bytes of a sequence number."""
_RUNNING: Final = 17

_ENDED: Final = {
    "C": JobStatus.COMPLETED,
    "X": JobStatus.CANCELLED,
    "F": JobStatus.FAILED,
    "E": JobStatus.EXPIRED,
}

_WAITING: Final = frozenset("RDH")

DAMAGED: Final = "what is stored of this job is damaged; its bytes are kept as hexadecimal digits"
"""As in lua/shared/records.lua."""

_UNKNOWN: Final = "unknown"
"""The queue or the type of a record that does not tell."""

_Text = str | bool
"""`False` where there is none."""
_Moment = int | bool
_Past = tuple[int, int, int, _Text, _Moment, _Moment, _Moment, _Text, _Text, _Text, list[str], Memory | bool]
"""Attempt, failures, crashes, worker, started, finished, place, result, reason, note, errors, memory."""

_NO_PAST: Final[_Past] = (0, 0, 0, False, False, False, False, False, False, False, [], False)

# The body follows its past without a mark between: so both are read as one array.
_unpack_body: Final = msgspec.msgpack.Decoder(tuple[str, str, int]).decode
_unpack_both: Final = msgspec.msgpack.Decoder(tuple[_Past, tuple[str, str, int]]).decode
_unpack_failure: Final = msgspec.json.Decoder(Failure).decode

_PAIR: Final = b"\x92"
"""MessagePack for: an array of two follows."""

Names = Mapping[bytes, str]
"""What the numbers of queues and types stand for."""


def stored(id: bytes, record: bytes, running: bytes | None, lease: bytes | None, names: Names) -> StoredJob:
    """The job, from what get.lua answers of it. What cannot be read looks as after a claim of it."""
    try:
        return _stored(id, record, running, lease, names)
    except (msgspec.MsgspecError, struct.error, LookupError, ValueError, TypeError):
        return _damaged(id, record, running, names)


def is_damaged(job: StoredJob) -> bool:
    """Whether a running job cannot be read."""
    return job.reason is Reason.UNREADABLE


def claim_of(job: StoredJob) -> Claim:
    """The claim that holds a running job."""
    return Claim(
        job.id, job.attempt, job.type, job.queue, job.priority, job.payload, job.options, job.failures, job.crashes,
        job.max_crashes, job.pushed_at, job.due_at,
    )  # fmt: skip


def _damaged(id: bytes, record: bytes, running: bytes | None, names: Names) -> StoredJob:
    attempt = int.from_bytes(running[:4]) if running else 0
    pushed_at = int.from_bytes(id[:6]) * 1000
    failure = Failure(attempt=attempt, reason=Reason.UNREADABLE, error_type="", message=DAMAGED, ended_at=pushed_at)
    return StoredJob(
        id=JobId(UUID(bytes=id)),
        queue=names.get(b"queues:%d" % int.from_bytes(record[2:5])) or _UNKNOWN,
        type=names.get(b"types:%d" % int.from_bytes(record[5:8])) or _UNKNOWN,
        status=JobStatus.PROCESSING if running else JobStatus.FAILED,
        priority=Priority.NORMAL.value,
        payload=record.hex().upper(),
        options="",
        attempt=attempt,
        failures=0,
        crashes=0,
        max_crashes=3,
        pushed_at=pushed_at,
        due_at=pushed_at,
        reason=Reason.UNREADABLE,
        errors=(failure,),
    )


def _stored(id: bytes, record: bytes, running: bytes | None, lease: bytes | None, names: Names) -> StoredJob:
    stage, flags = chr(record[0]), record[1]
    pushed_at = int.from_bytes(record[8:15])
    at = _HEAD
    due_at, expires_at, unique = pushed_at, None, None
    if flags & _HAS_DUE:
        due_at, at = int.from_bytes(record[at : at + 8]), at + 8
    if flags & _HAS_EXPIRY:
        expires_at, at = int.from_bytes(record[at : at + 8], signed=True), at + 8
    if flags & _HAS_KEY:
        (length,) = struct.unpack_from(">I", record, at)
        unique, at = record[at + 4 : at + 4 + length].decode(), at + 4 + length
    past = _NO_PAST
    if flags & _HAS_PAST:
        past, (payload, options, max_crashes) = _unpack_both(_PAIR + record[at:])
    else:
        payload, options, max_crashes = _unpack_body(record[at:])
    attempt, failures, crashes, worker, started_at, finished_at, _, result, reason, note, errors, memory = past
    status, cancel_requested = _status(stage, flags), False
    if running is not None:
        status = JobStatus.PROCESSING
        attempt, started_at = int.from_bytes(running[:4]), int.from_bytes(running[4:11])
        cancel_requested = running[16] == 1
        worker = running[_RUNNING:].decode()
    return StoredJob(
        id=JobId(UUID(bytes=id)),
        queue=_named(names, b"queues:%d" % int.from_bytes(record[2:5])),
        type=_named(names, b"types:%d" % int.from_bytes(record[5:8])),
        status=status,
        priority=PRIORITIES[flags & 3],
        payload=payload,
        options=options,
        attempt=attempt,
        failures=failures,
        crashes=crashes,
        max_crashes=max_crashes,
        pushed_at=pushed_at,
        due_at=due_at,
        expires_at=expires_at,
        unique=unique,
        lease_until=None if lease is None else int(float(lease)),
        worker=_text(worker),
        cancel_requested=cancel_requested,
        started_at=_moment(started_at),
        finished_at=_moment(finished_at),
        result=_text(result),
        reason=None if isinstance(reason, bool) else Reason(reason),
        note=_text(note),
        held=stage == "H" and running is None,
        errors=tuple([_unpack_failure(error) for error in errors]),
        memory=None if isinstance(memory, bool) else memory,
    )


def all_stored(answer: Any) -> list[StoredJob | None]:
    """Every job of what get.lua or peek.lua answers; `None` for one that is not kept."""
    jobs, flat = answer
    names = {key: name.decode() for key, name in zip(flat[::2], flat[1::2], strict=True)}
    return [
        None if record is None else stored(id, record, running, lease, names)
        for id, record, running, lease in zip(jobs[::4], jobs[1::4], jobs[2::4], jobs[3::4], strict=True)
    ]


def _named(names: Names, key: bytes) -> str:
    if not (name := names[key]):
        raise KeyError(key)
    return name


def _status(stage: str, flags: int) -> JobStatus:
    if ended := _ENDED.get(stage):
        return ended
    if stage not in _WAITING:
        raise ValueError(stage)
    return JobStatus.RETRYING if flags & _RETRYING else JobStatus.PENDING


def _text(value: _Text) -> str | None:
    return None if isinstance(value, bool) else value


def _moment(value: _Moment) -> int | None:
    return None if isinstance(value, bool) else value
