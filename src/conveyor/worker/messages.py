"""What a supervisor and its child say to each other, and the socket they say it through."""

from __future__ import annotations

import socket
import threading
from collections import deque
from typing import Final, TypeVar

import msgspec

from conveyor.records import ClaimKey
from conveyor.worker.settings import WorkerSettings


class Begin(msgspec.Struct, frozen=True, kw_only=True, tag="begin"):
    """To the child, first of all: who you are and what you do."""

    settings: WorkerSettings
    name: str
    """The name it claims under; new for every process."""
    path: tuple[str, ...]
    """Where the supervisor imports from, so that both find the same application."""
    log_level: int
    standby: bool
    """Get ready, and wait for Thaw."""


class Freeze(msgspec.Struct, frozen=True, tag="freeze"):
    """To the child: claim nothing more until Thaw, and answer with Frozen."""


class Thaw(msgspec.Struct, frozen=True, tag="thaw"):
    """To the child: claim (again)."""


class Drain(msgspec.Struct, frozen=True, tag="drain"):
    """To the child: claim no more, hand back what waits, finish what runs, settle, end."""


class Cancel(msgspec.Struct, frozen=True, tag="cancel"):
    """To the child: someone wants this job stopped; it may not be yours."""

    key: ClaimKey


class Recount(msgspec.Struct, frozen=True, tag="recount"):
    """To the child: the store may hold claims for you that you do not know of; hand those back."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """From the child: the application is loaded."""

    types: tuple[str, ...] = ()
    """Its job types, by their numbers in the slot table; the first one has number 1."""
    queues: tuple[str, ...] = ()
    """What it serves. Its program may be newer than the supervisor's."""


class Unfit(msgspec.Struct, frozen=True, tag="unfit"):
    """From the child: I cannot begin."""

    message: str


class Idle(msgspec.Struct, frozen=True, tag="idle"):
    """From the child of a burst: nothing is ready, and nothing of mine runs."""


class Frozen(msgspec.Struct, frozen=True, tag="frozen"):
    """From the child: I claim nothing now."""

    quiet: bool
    """Nothing waits, runs or is unsettled here."""


class Retiring(msgspec.Struct, frozen=True, tag="retiring"):
    """From the child: I have claimed my last job; get my successor ready."""


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """From the child: all my jobs are settled, and I am about to end."""


ToChild = Begin | Freeze | Thaw | Drain | Cancel | Recount
FromChild = Ready | Unfit | Idle | Frozen | Retiring | Finished
Message = TypeVar("Message")

_CHUNK: Final = 65_536


class Channel:
    """One end of the socket between a supervisor and a child: messages as lines of JSON.

    Whoever dies closes its end, and the other one reads an end of file: neither outlives the other unnoticed.
    """

    def __init__(self, end: socket.socket, kind: object) -> None:
        self.socket = end
        self._decoder: msgspec.json.Decoder[object] = msgspec.json.Decoder(kind)  # pyright: ignore[reportArgumentType, reportCallIssue] - a union is a type at run time
        self._rest = b""
        self._read: deque[object] = deque()
        self._unsent = bytearray()
        self._sending = threading.Lock()

    def send(self, message: msgspec.Struct) -> None:
        """Say it. To an end that is gone it is said in vain; where the socket does not block, see `flush`."""
        with self._sending:
            self._unsent += msgspec.json.encode(message) + b"\n"
            self._send()

    def flush(self) -> None:
        """Say what the other end had no room for, as far as it has room now."""
        with self._sending:
            if self._unsent:
                self._send()

    def _send(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self.socket.send(self._unsent)]
        except BlockingIOError:
            pass
        except OSError:
            self._unsent.clear()

    def next(self) -> object | None:
        """Wait for the next message; `None` at the end."""
        while not self._read:
            received = self.receive()
            if received is None:
                return None
            self._read.extend(received)
        return self._read.popleft()

    def receive(self) -> list[object] | None:
        """The messages that have come, `None` at the end; `[]` where the socket does not block and nothing has come."""
        try:
            received = self.socket.recv(_CHUNK)
        except BlockingIOError:
            return []
        except OSError:
            return None
        if not received:
            return None
        *lines, self._rest = (self._rest + received).split(b"\n")
        return [self._decoder.decode(line) for line in lines]
