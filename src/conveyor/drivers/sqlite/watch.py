"""Noticing that a file was written: by inotify on Linux, elsewhere by looking often."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import select
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, Protocol

from conveyor.errors import StoreUnavailable

_POLL: Final = 0.005
"""Seconds between looks where the file system does not tell."""

_IN_MODIFY: Final = 0x2  # linux/inotify.h
_IN_NONBLOCK: Final = os.O_NONBLOCK
_IN_CLOEXEC: Final = getattr(os, "O_CLOEXEC", 0)


class Watch(Protocol):
    """A file that is being watched."""

    def forget(self) -> None:
        """What was written until now is not news."""
        ...

    def close(self) -> None: ...

    def wrote(self, timeout: float) -> bool:
        """Whether the file was written since the last call, at first since the start; waits up to `timeout` seconds."""
        ...


def watch(path: Path) -> Watch:
    """Watch a file that exists.

    Raises:
        FileNotFoundError: it does not, where the file system tells.
        StoreUnavailable: the system has no room for one more watch.
    """
    return Inotify(path) if sys.platform == "linux" else Looking(path)


class Watches:
    """The watches of one store's waiters, kept from one wait to the next: Linux takes some 10 ms to close one."""

    def __init__(self) -> None:
        self._free: list[tuple[int | None, Watch]] = []
        self._is_closed = False

    @contextmanager
    def on(self, path: Path) -> Generator[Watch]:
        """A watch on a file that exists, from now on; nobody else has it meanwhile."""
        inode = _inode_of(path)
        found: Watch | None = None
        # A list's own steps are atomic: any number of threads may wait.
        while self._free and found is None:
            try:
                watched, free = self._free.pop()
            except IndexError:
                break
            if watched == inode:
                found = free
                found.forget()
            else:
                # The file was replaced by another one of its name.
                free.close()
        used = found or watch(path)
        try:
            yield used
        finally:
            if self._is_closed:
                used.close()
            else:
                self._free.append((inode, used))

    def close(self) -> None:
        """Close those that nobody uses now; the others close when their wait ends."""
        self._is_closed = True
        while self._free:
            self._free.pop()[1].close()


def _inode_of(path: Path) -> int | None:
    try:
        return path.stat().st_ino
    except FileNotFoundError:
        return None


class Looking:
    """Compares size and time of the file every few milliseconds."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last = self._look()

    def forget(self) -> None:
        self._last = self._look()

    def close(self) -> None:
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
            is_missing = ctypes.get_errno() == errno.ENOENT
            error = _failed(f"inotify_add_watch on {path}", "raise fs.inotify.max_user_watches")
            os.close(self._fd)
            raise FileNotFoundError(path) if is_missing else error
        self._poll = select.poll()
        self._poll.register(self._fd, select.POLLIN)

    def forget(self) -> None:
        if self._poll.poll(0):
            self._drain()

    def close(self) -> None:
        os.close(self._fd)

    def wrote(self, timeout: float) -> bool:
        # Rounded up: poll counts whole milliseconds, and 0 would spin.
        if not self._poll.poll(int(timeout * 1000) + 1):
            return False
        self._drain()
        return True

    def _drain(self) -> None:
        # However many writes there were, they are one answer.
        while len(os.read(self._fd, 65536)) == 65536:  # noqa: PLR2004 - a full buffer
            pass


@functools.cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _failed(call: str, remedy: str) -> StoreUnavailable:
    return StoreUnavailable(f"{call} failed: {os.strerror(ctypes.get_errno())}; {remedy}")
