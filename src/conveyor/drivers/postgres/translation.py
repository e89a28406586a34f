"""PostgreSQL's errors as ours, each with what to do about it. Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import psycopg
from psycopg import errors

from conveyor.drivers.postgres.connection import Overdue
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.errors import ConveyorError, InvalidValue, SchemaMismatch, StoreError, StoreFull, StoreUnavailable

Again: Final = (errors.SerializationFailure, errors.DeadlockDetected)
"""Nothing was done, and the same step may succeed when it is tried again."""

_WORDS: Final[tuple[tuple[tuple[type[psycopg.Error], ...], type[ConveyorError], str], ...]] = (
    (
        (errors.DiskFull,),
        StoreFull,
        "no room left on the disk of {place} ({error}); nothing was written. Make room and try again",
    ),
    (
        (errors.ReadOnlySqlTransaction,),
        StoreUnavailable,
        (
            "{place} can only be read: it is a standby, or set so; name the primary in the store URL, or list all "
            "servers and add target_session_attrs=read-write"
        ),
    ),
    (
        (errors.QueryCanceled, errors.LockNotAvailable),
        StoreUnavailable,
        (
            "{place} did not get to the end of a step ({error}); look for transactions that hold locks, or raise "
            "?timeout= in the store URL; behind a pooler it is the role's statement_timeout and lock_timeout that count"
        ),
    ),
    (
        (errors.InsufficientPrivilege,),
        StoreError,
        (
            "this user may not do that in schema {schema} of {place} ({error}); let its owner GRANT USAGE ON SCHEMA "
            "{schema}, and ALL on its tables and sequences"
        ),
    ),
    (
        (errors.UndefinedTable, errors.UndefinedFunction, errors.UndefinedColumn, errors.InvalidSchemaName),
        SchemaMismatch,
        "schema {schema} of {place} is not as this conveyor left it ({error}); restore it, or open the store again",
    ),
    (
        (errors.UntranslatableCharacter, errors.CharacterNotInRepertoire, errors.NumericValueOutOfRange),
        InvalidValue,
        "PostgreSQL cannot store this value ({error}); texts may not contain NUL, and numbers have 32 or 64 bits",
    ),
)


@contextmanager
def translating(settings: PostgresSettings) -> Generator[None]:
    """PostgreSQL's errors as ours."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error, settings) from error
    except Overdue as error:
        raise StoreUnavailable(
            f"{settings.place} did not answer within {settings.timeout:g} s; check that it can be "
            "reached, or raise ?timeout= in the store URL"
        ) from error


_PREAMBLE: Final = re.compile(r"connection (failed|is bad): (connection to server .* failed: )?(FATAL: +)?")
"""What psycopg and libpq say before what is the matter."""


def translate(error: psycopg.Error, settings: PostgresSettings) -> ConveyorError:
    """The ConveyorError for what psycopg raised."""
    words = _said(error)
    fields = {"place": settings.place, "schema": settings.schema, "timeout": settings.timeout, "error": words}
    for kinds, ours, text in _WORDS:
        if isinstance(error, kinds):
            return ours(text.format(**fields))
    if isinstance(error, Again):
        return StoreUnavailable(f"{settings.place} could not serve this step beside others ({words}); try again")
    if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return StoreUnavailable(f"{settings.place} cannot be used ({words}); check that it runs and can be reached")
    if isinstance(error, psycopg.DataError) and "NUL" in words:
        return InvalidValue(f"PostgreSQL cannot store this value ({words}); remove the NUL from the text")
    return StoreError(f"{settings.place}: {words}")


def _said(error: psycopg.Error) -> str:
    """What the server, or libpq, said: the first line, which is about the matter, without the place, which is told."""
    said = error.diag.message_primary or str(error).strip() or type(error).__name__
    return _PREAMBLE.sub("", said.splitlines()[0])
