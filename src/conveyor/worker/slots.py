"""The slot table: what each thread and task of a child runs, in memory that the supervisor reads.

A job can hold the interpreter lock, block in C, or take its process down; none of that keeps the supervisor from
knowing what runs, since when and until when. One table for each child, in a file without a name that both have mapped.
"""

from __future__ import annotations

import mmap
import os
import struct
import tempfile
from typing import Final, NamedTuple
from uuid import UUID

from conveyor.records import ClaimKey, JobId

# The occupant's number comes first and last: a record is whole when both agree. `struct` zeroes the record, then fills
# it in order, so a reader that comes in between finds them different.
_RECORD: Final = struct.Struct("=Q16sIIqqQ")
_DELIVERED: Final = struct.Struct("=Q")
_STRIDE: Final = 64
_EMPTY: Final = bytes(16)

_HEADER: Final = struct.Struct("=QQQQQQ")
_WORD: Final = struct.Struct("=Q")
_PAIR: Final = struct.Struct("=QQ")
_STEPPING: Final = 0
_HELD: Final = 8
_CLAIMED: Final = 16
_ASKING: Final = 24
_ENDED: Final = 32

_READS: Final = 4


class Running(NamedTuple):
    """A job in a slot. Moments are nanoseconds of the monotonic clock, which all processes of a machine share."""

    slot: int
    key: ClaimKey
    since: int
    until: int
    """When its time is up; 0 when it may take for ever."""
    told: bool
    """It has been given its JobTimeout or JobCancelled."""
    type: int = 0
    """Which of the child's job types it is, from 1 on; 0 when that is not known."""


class Header(NamedTuple):
    """What a child says about itself as a whole."""

    stepping: int | None
    """The slot whose async job has the event loop to itself this moment."""
    held: int
    """How many claims it held, besides the running ones, when it last looked."""
    claimed_at: int
    """When the store last answered a claim, in microseconds since 1970; 0 for never."""
    asking_since: int = 0
    """Since when the store owes an answer to a claim, failed tries included (monotonic nanoseconds); 0 for nothing."""
    ended: int = 0
    """How many runs have ended and are settled."""
    failed: int = 0
    """How many of them failed."""


class SlotTable:
    """The table of one child. Each slot has one writer, the thread or task it belongs to."""

    def __init__(self, fd: int, count: int) -> None:
        self.fd = fd
        self.count = count
        self._map = mmap.mmap(fd, _STRIDE * (count + 1))
        self._sequence = [0] * count

    @classmethod
    def create(cls, count: int) -> SlotTable:
        """A new table of `count` slots, for a child that is about to be started."""
        size = _STRIDE * (count + 1)
        if hasattr(os, "memfd_create"):
            fd = os.memfd_create("conveyor-slots")
            os.ftruncate(fd, size)
        else:
            with tempfile.TemporaryFile() as file:
                file.truncate(size)
                fd = os.dup(file.fileno())
        return cls(fd, count)

    def hand_over(self) -> None:
        """The child has its descriptor now. What is mapped stays, here as long as this table is referred to."""
        os.close(self.fd)

    # ── the child ────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(  # noqa: PLR0917 - once for each job, where naming six arguments is time that shows
        self, slot: int, id: JobId, attempt: int, since: int, until: int, type: int = 0
    ) -> None:
        """The slot runs this claim from now on, in place of what it ran before; see `Running` for its type."""
        sequence = self._sequence[slot] + 1
        self._sequence[slot] = sequence
        _RECORD.pack_into(
            self._map, _STRIDE * (slot + 1), sequence, id.int.to_bytes(16), attempt, type, since, until, sequence
        )

    def clear(self, slot: int) -> None:
        """The slot runs nothing."""
        sequence = self._sequence[slot] + 1
        self._sequence[slot] = sequence
        _RECORD.pack_into(self._map, _STRIDE * (slot + 1), sequence, _EMPTY, 0, 0, 0, 0, sequence)

    def tell(self, slot: int) -> None:
        """The slot's job has been given its JobTimeout or JobCancelled."""
        _DELIVERED.pack_into(self._map, _STRIDE * (slot + 1) + _RECORD.size, self._sequence[slot])

    def step(self, slot: int) -> None:
        """The async job of this slot has the event loop to itself."""
        _WORD.pack_into(self._map, _STEPPING, slot + 1)

    def stepped(self) -> None:
        """No async job has the event loop to itself."""
        _WORD.pack_into(self._map, _STEPPING, 0)

    def hold(self, held: int) -> None:
        """So many claims wait here, or have ended and are not settled."""
        _WORD.pack_into(self._map, _HELD, held)

    def claimed(self, at: int) -> None:
        """The store answered a claim, at this moment (microseconds since 1970)."""
        _WORD.pack_into(self._map, _CLAIMED, at)
        _WORD.pack_into(self._map, _ASKING, 0)

    def asking(self, since: int) -> None:
        """The store is asked for jobs from now on (monotonic nanoseconds); `claimed` says that it has answered."""
        _WORD.pack_into(self._map, _ASKING, since)

    def settled(self, ended: int, failed: int) -> None:
        """So many runs have ended here and are settled, and so many of them failed."""
        _PAIR.pack_into(self._map, _ENDED, ended, failed)

    # ── the supervisor ───────────────────────────────────────────────────────────────────────────────────────────────

    def header(self) -> Header:
        stepping, *rest = _HEADER.unpack_from(self._map, 0)
        return Header(stepping - 1 if stepping else None, *rest)

    def running(self) -> list[Running]:
        """What runs now. A slot that changes under every look runs short jobs, and is left out until it stands."""
        found: list[Running] = []
        before = self._map[:]
        for slot in range(self.count):
            at = _STRIDE * (slot + 1)
            record = before[at : at + _STRIDE]
            for _ in range(_READS):
                again = self._map[at : at + _STRIDE]
                if again == record:
                    break
                record = again
            else:
                continue
            first, id, attempt, type, since, until, last = _RECORD.unpack_from(record, 0)
            # Torn for good: the child died while it wrote, so before the job began or after it had ended.
            if first == last and attempt:
                (told,) = _DELIVERED.unpack_from(record, _RECORD.size)
                key = ClaimKey(JobId(UUID(bytes=id)), attempt)
                found.append(Running(slot, key, since, until, told == first, type))
        return found
