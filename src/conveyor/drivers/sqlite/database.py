"""One file, two connections: a writer that one thread at a time may use, and a reader."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from conveyor import unbroken
from conveyor.drivers.sqlite.connection import Connection
from conveyor.drivers.sqlite.schema import not_migrated, prepare
from conveyor.drivers.sqlite.settings import SqliteSettings
from conveyor.drivers.sqlite.translation import is_busy, translate
from conveyor.drivers.sqlite.turn import Turn, TurnTimeout
from conveyor.errors import StoreError, StoreUnavailable

T = TypeVar("T")
Parameters = Sequence[Any] | Mapping[str, Any]

_NO_FILE: Final = (0, 0)
"""The inode of no file, while none is open."""

_Pace = tuple[float, float]
"""How pauses between two tries for the write lock grow, and the longest in seconds."""

_FIRST_PAUSE: Final = 0.0002
_URGENT: Final[_Pace] = (1.5, 0.001)
_PATIENT: Final[_Pace] = (2.0, 0.010)

_OLDEST: Final = (3, 38, 0)  # ->> and STRICT


class Database:
    """The file of a driver. Safe to use from any thread; not across a fork.

    Args:
        create: make the file if there is none.
        beside: the caller's own connection; see `_prepare`.
    """

    def __init__(self, settings: SqliteSettings, *, create: bool = True, beside: object | None = None) -> None:
        self.path: Final = _absolute(settings.path)
        self._timeout: Final = settings.timeout
        self._writing: Final = Turn()
        self._reading: Final = Turn()
        self._writer: sqlite3.Connection | None = None
        self._reader: sqlite3.Connection | None = None
        if sqlite3.sqlite_version_info < _OLDEST:
            raise StoreUnavailable(
                f"this Python has SQLite {sqlite3.sqlite_version}, conveyor needs 3.38 or newer; use a newer Python"
            )
        self._settings: Final = settings
        self._inode: tuple[int, int] | None = _NO_FILE
        self._is_closed = False
        self.version = 0
        """Which version the schema had when it was opened."""
        self._open(create=create, beside=beside)

    def _open(self, *, create: bool, beside: object | None = None) -> None:
        """Connect to the file and bring its schema up to date."""
        _check_directory(self.path)
        if not create and _inode_of(self.path) is None:
            raise StoreUnavailable(f"{self.path} is not there any more; put it back, or start over with another file")
        if not self._settings.migrate and _inode_of(self.path) is None:
            raise not_migrated(self.path, 0)
        try:
            self._writer = self.patiently(lambda: self._connect(create=create))
            self._prepare(beside)
            full = self._settings.durability == "full"
            self._open_writer().execute(f"PRAGMA synchronous = {'FULL' if full else 'NORMAL'}")
            self._reader = self.patiently(lambda: self._connect(create=False))
            # The WAL and its index exist from the first read on: waiters watch them.
            self.patiently(lambda: self._open_reader().execute("SELECT count(*) FROM conveyor_paused").fetchone())
            self._inode = _inode_of(self.path)
        except sqlite3.Error as error:
            self._disconnect()
            raise self.translate(error) from error
        except BaseException:
            self._disconnect()
            raise

    def _prepare(self, beside: object | None) -> None:
        """Bring the schema up to date; waits for others, but not for the thread that it holds up itself."""
        try:
            self.version = self._prepare_now()
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
            if isinstance(beside, sqlite3.Connection) and beside.in_transaction:
                raise StoreUnavailable(
                    f"conveyor's tables are not in {self.path} yet, and cannot be made while your connection has a "
                    "transaction open; call app.open() before it begins"
                ) from error
        else:
            return
        self.version = self.patiently(self._prepare_now)

    def _prepare_now(self) -> int:
        settings = self._settings
        return prepare(self._open_writer(), self.path, share=settings.share, migrate=settings.migrate)

    def write(self, work: Callable[[sqlite3.Connection], T], *, hurry: bool = True) -> T:
        """Answer `work(writer)`, done in one transaction: committed at its end, rolled back when anything is raised.

        Whatever interrupts it, Ctrl-C included, and wherever: no transaction stays open, and the writer is free.

        Where another process is in the way, one without `hurry` lets others go first: a worker's batches are long, and
        nobody waits for them as somebody does for a push.

        Raises:
            StoreUnavailable: other writers did not make room in time, or the database is closed.
            StoreFull: the disk is full; nothing was written.
        """
        pace = _URGENT if hurry else _PATIENT
        try:
            return unbroken.step(lambda: self._writing.take(lambda: self._transact(work, pace), self._timeout))
        except sqlite3.Error as error:
            raise self.translate(error) from error
        except TurnTimeout:
            raise StoreUnavailable(
                f"other threads kept {self.path} busy for {self._timeout:g} s; try again with fewer at once"
            ) from None

    def read(self, statement: str, parameters: Parameters = ()) -> Any:
        """The first column of the only row. Statements answer one row of JSON: see decision 0003.

        Raises:
            StoreUnavailable: the database is closed, was removed, or cannot be read.
        """
        self.check_file()
        try:
            return self._reading.take(lambda: self._fetch(statement, parameters))
        except sqlite3.Error as error:
            raise self.translate(error) from error

    def connect(self) -> sqlite3.Connection:
        """A connection beside the two."""
        return self._connect(create=False)

    def check_open(self) -> None:
        """Raise StoreUnavailable when the database is closed."""
        self._open_writer()

    def close(self) -> None:
        """Close both connections, after whoever uses them now. Safe to call twice."""
        self._alone(self._close)

    def check_file(self) -> None:
        """Make sure that the path still names the file that is open: what is written to a removed file is lost.

        A file that was put in its place is opened instead.

        Raises:
            StoreUnavailable: it was removed, and nothing is in its place.
        """
        if _inode_of(self.path) != self._inode:
            self._alone(self._reopen)

    def patiently(self, action: Callable[[], T], pace: _Pace | None = None) -> T:
        """Run `action`, again and again while another connection is in its way, until the timeout.

        SQLite's own waiting sleeps up to 100 ms at a time; short sleeps of random length find the gap sooner and let
        everybody have a turn.
        """
        growth, longest = pace or _URGENT
        deadline = time.monotonic() + self._timeout
        pause = _FIRST_PAUSE
        while True:
            try:
                return action()
            except sqlite3.OperationalError as error:
                if not is_busy(error) or time.monotonic() >= deadline:
                    raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - spreading, not secrecy
            pause = min(pause * growth, longest)

    def translate(self, error: sqlite3.Error) -> StoreError:
        """SQLite's error as ours."""
        return translate(error, self.path, self._timeout)

    def _transact(self, work: Callable[[sqlite3.Connection], T], pace: _Pace) -> T:
        if _inode_of(self.path) != self._inode:
            self._reading.take(self._reopen)
        writer = self._open_writer()
        if writer.in_transaction:
            raise StoreUnavailable(
                f"this thread is in the midst of writing to {self.path}, and was called again from there, as a handler "
                "of signals is; leave it to another thread, or until later"
            )
        # Ends what is open, written in C and therefore not interrupted half-way.
        with writer:
            try:
                writer.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                self.patiently(lambda: writer.execute("BEGIN IMMEDIATE"), pace)
            return work(writer)

    def _fetch(self, statement: str, parameters: Parameters) -> Any:
        reader = self._open_reader()
        try:
            return reader.execute(statement, parameters).fetchone()[0]
        except sqlite3.OperationalError as error:
            if not is_busy(error):
                raise
        # Readers wait for nobody, but for the moment in which a WAL is recovered or taken away.
        return self.patiently(lambda: reader.execute(statement, parameters).fetchone()[0])

    def _alone(self, action: Callable[[], None]) -> None:
        self._writing.take(lambda: self._reading.take(action))

    def _close(self) -> None:
        self._is_closed = True
        self._disconnect()

    def _reopen(self) -> None:
        """Open the file that has taken the place of the open one; see `check_file`."""
        if self._is_closed or (inode := _inode_of(self.path)) == self._inode:
            return
        if inode is None:
            raise StoreUnavailable(f"{self.path} was removed while it was open; put it back, or open the store again")
        self._disconnect()
        self._open(create=False)

    def _disconnect(self) -> None:
        # Forgotten first, so that no interrupt leaves a closed connection to be used.
        connections = (self._reader, self._writer)
        self._reader = self._writer = None
        self._inode = _NO_FILE
        for connection in connections:
            if connection is not None:
                connection.close()

    def _open_writer(self) -> sqlite3.Connection:
        if self._writer is None:
            raise self._closed()
        return self._writer

    def _open_reader(self) -> sqlite3.Connection:
        if self._reader is None:
            raise self._closed()
        return self._reader

    def _closed(self) -> StoreUnavailable:
        return StoreUnavailable(f"the connection to {self.path} is closed; open the store again")

    def _connect(self, *, create: bool) -> sqlite3.Connection:
        # No waiting inside SQLite: see `patiently`. No implicit transactions: each operation opens its own.
        connection = sqlite3.connect(
            f"file:{quote(os.fsencode(self.path))}?mode={'rwc' if create else 'rw'}",
            uri=True,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
            factory=Connection,
        )
        try:
            # Fewer, larger checkpoints: half the writes at the price of a WAL of some 16 MiB.
            connection.execute("PRAGMA wal_autocheckpoint = 4000")
            connection.execute("PRAGMA cache_size = -8000")
        except BaseException:
            connection.close()
            raise
        return connection


def _absolute(path: Path) -> Path:
    """The same file wherever the program goes; as it is where it can be reached from here only."""
    try:
        whole = path.absolute()
    except FileNotFoundError:
        raise StoreUnavailable(
            f"the working directory was removed, and {path} would be in it; go to another one, or name the file in full"
        ) from None
    try:
        whole.parent.stat()
    except PermissionError:
        return path
    except OSError:  # told by who opens it
        pass
    return whole


def _inode_of(path: Path) -> tuple[int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - half the price of Path.stat, paid by every push
    except FileNotFoundError:
        return None
    return (status.st_dev, status.st_ino)


def _check_directory(path: Path) -> None:
    directory = path.parent
    try:
        has_directory, is_directory = directory.is_dir(), path.is_dir()
    except OSError as error:  # a name that is too long, a directory that this user may not enter
        raise StoreUnavailable(f"{path} cannot be opened: {error.strerror}; name another file") from error
    if not has_directory:
        raise StoreUnavailable(f"there is no directory {directory} for {path.name}; create it, or name another file")
    if is_directory:
        raise StoreUnavailable(f"{path} is a directory; name a file in the store URL")
    # SQLite keeps the WAL beside the file, so it needs the right to create files there.
    if not os.access(directory, os.W_OK | os.X_OK):
        raise StoreUnavailable(
            f"this user may not create files in {directory}; give it that right, or name another file"
        )
