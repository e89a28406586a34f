"""Whether a schema is ours, and of which version; creates and migrates it."""

from __future__ import annotations

import math

from psycopg import errors

from conveyor.drivers.postgres.connection import BoundedConnection
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.drivers.postgres.statements import MIGRATIONS, SQL, statements_in
from conveyor.errors import SchemaMismatch, StoreError


def prepare(connection: BoundedConnection, settings: PostgresSettings) -> None:
    """See to it that the schema is the present one; several processes may do it at once.

    Args:
        connection: with no transaction open.
        settings: `migrate` says whether the schema may be changed.

    Raises:
        SchemaMismatch: it belongs to something else, or to a newer conveyor, or is old and may not be changed.
        StoreError: this user may not create it.
    """
    version = _version(connection, settings)
    if version == len(MIGRATIONS):
        return
    if not settings.migrate:
        raise SchemaMismatch(
            f"schema {settings.schema} of {settings.place} has version {version}, this conveyor needs "
            f"{len(MIGRATIONS)}; run `conveyor migrate`"
        )
    migrate(connection, settings)


def migrate(connection: BoundedConnection, settings: PostgresSettings) -> None:
    """Bring the schema to the present version, in one transaction and under a lock."""
    schema = settings.schema
    try:
        with connection.transaction():
            # Others may be long at it, or hold the tables: both clocks are stopped.
            connection.limit = math.inf
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute(SQL["migrating"].encode(), {"schema": schema})
            version = _version(connection, settings)
            connection.execute(script(schema, version, exists=_exists(connection, schema)), prepare=False)
    except errors.InsufficientPrivilege as error:
        user = connection.info.user
        raise StoreError(
            f"user {user} may not create schema {schema} in {settings.place} ({error.diag.message_primary}); let the "
            f"database's owner run: GRANT CREATE ON DATABASE {connection.info.dbname} TO {user}; or: CREATE SCHEMA "
            f"{schema} AUTHORIZATION {user}"
        ) from error
    finally:
        connection.limit = settings.timeout


def script(schema: str, version: int, *, exists: bool) -> bytes:
    """The SQL that leads from a version to the present one."""
    steps = [] if exists else [f'CREATE SCHEMA "{schema}";']
    steps.append(f'SET LOCAL search_path = "{schema}", pg_temp;')
    steps += MIGRATIONS[version:]
    steps.append(f"UPDATE schema_version SET version = {len(MIGRATIONS)};")  # noqa: S608 - a number
    return "\n".join(steps).encode()


def _exists(connection: BoundedConnection, schema: str) -> bool:
    row = connection.execute(SQL["state"].encode(), {"schema": schema}).fetchone()
    return bool(row and row[1])


def _version(connection: BoundedConnection, settings: PostgresSettings) -> int:
    schema = settings.schema
    is_ours, _, table = connection.execute(SQL["state"].encode(), {"schema": schema}).fetchone() or (False, False, None)
    if not is_ours:
        if table is not None:
            raise SchemaMismatch(
                f"schema {schema} of {settings.place} is another application's (it has a table {table!r}); name "
                "another one in the store URL: ?schema=conveyor_jobs"
            )
        return 0
    row = connection.execute(statements_in(schema)["version"]).fetchone()
    version = row[0] if row else 0
    if not isinstance(version, int) or version > len(MIGRATIONS):
        raise SchemaMismatch(
            f"schema {schema} of {settings.place} has version {version}, this conveyor knows versions up to "
            f"{len(MIGRATIONS)}; upgrade conveyor here as well"
        )
    return version
