"""Letters: what has to happen in another partition, kept in an outbox beside what it follows until it is delivered.

A letter is written by the same script as what it follows, and taken out once it has been delivered. Each has a stamp,
by which its receiver knows it again: delivered twice, it changes nothing. Whoever is killed meanwhile leaves it to
tending.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple
from uuid import uuid4

import msgspec

from conveyor.drivers.redis.encoding import Posted, pack, pushed
from conveyor.drivers.redis.spread.partitions import Partitions
from conveyor.errors import StoreError
from conveyor.records import NewJob

_unpack: Final = msgspec.msgpack.Decoder(tuple[bytes, list[bytes]]).decode

PUSH: Final = b"p"
MOVE: Final = b"m"
"""What a letter asks for, said in the byte behind the number of its partition."""

_FETCHED: Final = 100
"""Letters of one outbox that are delivered in one round of tending."""


class Letter(NamedTuple):
    """A letter on its way."""

    source: int
    """In whose outbox it is."""
    stamp: str
    text: bytes

    @property
    def target(self) -> int:
        """Where it is to be delivered."""
        return self.text[0]


def new_letter(source: int, target: int, jobs: Sequence[NewJob]) -> Letter:
    """A letter that pushes jobs."""
    stamp = uuid4().hex
    _, table, bodies = pushed(jobs, stamp=stamp)
    return Letter(source, stamp, bytes([target]) + PUSH + pack((table, bodies)))


def posted(letter: Letter, owner: int = 0) -> Posted:
    """The letter as a script puts it into the outbox."""
    return Posted(letter.stamp, letter.text, owner)


class Letters(Partitions):
    """Who delivers them."""

    def _deliver(self, letters: Sequence[Letter]) -> list[Any]:
        """Deliver letters that are in their outboxes; what each has led to, or its StoreError: then it stays there."""
        if not letters:
            return []
        answers = self._run_at((letter.target, *_asked_by(letter)) for letter in letters)
        done = [letter for letter, each in zip(letters, answers, strict=True) if not isinstance(each, StoreError)]
        # What fails from here on is done by tending, which delivers once more what is still in an outbox.
        self._tell("discard", [(letter.source, letter.stamp) for letter in done])
        self._tell("acknowledge", [(letter.target, letter.stamp) for letter in done])
        return answers

    def _tell(self, name: str, stamps: Sequence[tuple[int, str]]) -> None:
        by_partition: dict[int, list[str]] = {}
        for partition, stamp in stamps:
            by_partition.setdefault(partition, []).append(stamp)
        self._run_at((partition, name, given) for partition, given in by_partition.items())

    def _deliver_from(self, sources: Sequence[int]) -> None:
        """Deliver what is in these outboxes."""
        found = self._run_at((source, "outbox", (_FETCHED,)) for source in sources)
        letters: list[Letter] = []
        for source, flat in zip(sources, found, strict=True):
            if not isinstance(flat, StoreError):
                pairs = zip(flat[::2], flat[1::2], strict=True)
                letters += [Letter(source, stamp.decode(), text) for stamp, text in pairs]
        self._deliver(letters)


def _asked_by(letter: Letter) -> tuple[str, Sequence[Any]]:
    kind, said = letter.text[1:2], letter.text[2:]
    if kind == MOVE:
        return "arrive", (letter.stamp, said)
    table, bodies = _unpack(said)
    return "push", (table, *bodies)
