"""Noticing that a file was written: by inotify on Linux, elsewhere by looking often."""

from __future__ import annotations

import ctypes
import functools
import os
import select
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Protocol, Self

from conveyor.errors import StoreUnavailable

_POLL: Final = 0.005
"""Seconds between looks where the file system does not tell."""

_IN_MODIFY: Final = 0x2  # linux/inotify.h
_IN_NONBLOCK: Final = os.O_NONBLOCK
_IN_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)


class Watch(Protocol):
    """A file that is being watched, for `with`."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...

    def wrote(self, timeout: float) -> bool:
        """Whether the file was written since the last call, at first since the start; waits up to `timeout` seconds."""
        ...


def watch(path: Path) -> Watch:
    """Watch a file that exists."""
    return Inotify(path) if sys.platform == "linux" else Looking(path)


class Looking:
    """Compares size and time of the file every few milliseconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = self._look()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass

    def wrote(self, timeout: float) -> bool:
        deadline = time.monotonic() + timeout
        while (now := self._look()) == self._last:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(_POLL, left))
        self._last = now
        return True

    def _look(self) -> tuple[int, int]:
        try:
            status = self._path.stat()
        except FileNotFoundError:  # removed when the last connection closes
            return (0, 0)
        return (status.st_size, status.st_mtime_ns)


class Inotify:
    """Blocks in the kernel until the file is written (inotify(7))."""

    def __init__(self, path: Path) -> None:
        libc = _libc()
        self._fd: int = libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
        if self._fd < 0:
            raise _failed("inotify_init1", "raise fs.inotify.max_user_instances")
        if libc.inotify_add_watch(self._fd, os.fsencode(path), _IN_MODIFY) < 0:
            error = _failed(f"inotify_add_watch on {path}", "raise fs.inotify.max_user_watches")
            os.close(self._fd)
            raise error
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        os.close(self._fd)

    def wrote(self, timeout: float) -> bool:
        # Rounded up: poll counts whole milliseconds, and 0 would spin.
        if not self._poll.poll(int(timeout * 1000) + 1):
            return False
        # Drained: however many writes there were, they are one answer.
        while len(os.read(self._fd, 65536)) == 65536:  # noqa: PLR2004 - a full buffer
            pass
        return True


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _failed(call: str, remedy: str) -> StoreUnavailable:
    return StoreUnavailable(f"{call} failed: {os.strerror(ctypes.get_errno())}; {remedy}")
