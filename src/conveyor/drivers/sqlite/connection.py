"""SQLite's connection, as a program may leave it behind."""

from __future__ import annotations

import contextlib
import sqlite3


class Connection(sqlite3.Connection):
    """Closes itself when nobody holds it any more.

    A program that pushes may simply end, and so may a test that drops its application. From Python 3.13 on,
    sqlite3's own connection closes itself too, but warns that somebody should have done it.
    """

    def __del__(self) -> None:
        # It says this too of a connection that could not be made.
        with contextlib.suppress(sqlite3.ProgrammingError):
            self.close()
