"""Whether a schema is ours, and of which version; creates and migrates it."""

from __future__ import annotations

import math
import re
from typing import Final

from psycopg import errors, sql

from conveyor.drivers.postgres.connection import BoundedConnection, connect
from conveyor.drivers.postgres.settings import PostgresSettings
from conveyor.drivers.postgres.statements import MIGRATIONS, SQL, statements_in
from conveyor.drivers.postgres.translation import translating
from conveyor.errors import SchemaMismatch, StoreError

LATEST: Final = len(MIGRATIONS)
"""The version that this conveyor needs."""

_PLAIN: Final = re.compile("[a-z_][a-z0-9_]*")
"""A name that means the same without quotes."""


class PostgresSchema:
    """`drivers.schema.Schema` on a PostgreSQL server."""

    def __init__(self, url: str) -> None:
        self.latest: Final = LATEST
        self._settings: Final = PostgresSettings.from_url(url)
        self.place: Final = f"schema {self._settings.schema} of {self._settings.place}"
        with translating(self._settings):
            self._connection: Final = connect(self._settings)
            try:
                self.version: Final = _version(self._connection, self._settings)
            except BaseException:
                self._connection.close()
                raise

    def script(self) -> str:
        with translating(self._settings):
            return by_hand(self._connection, self._settings.schema, self.version)

    def migrate(self) -> int:
        with translating(self._settings):
            return migrate(self._connection, self._settings)

    def close(self) -> None:
        self._connection.close()


def prepare(connection: BoundedConnection, settings: PostgresSettings) -> None:
    """See to it that the schema is the present one; several processes may do it at once.

    Args:
        connection: with no transaction open.
        settings: `migrate` says whether the schema may be changed.

    Raises:
        SchemaMismatch: it belongs to something else, or to a newer conveyor, or is old and may not be changed.
        StoreError: this user may not create it, or not change it.
    """
    version = _version(connection, settings)
    if version == LATEST:
        return
    if not settings.migrate:
        has = f"has version {version}, this conveyor needs {LATEST}" if version else "has no tables of conveyor's yet"
        raise SchemaMismatch(
            f"schema {settings.schema} of {settings.place} {has}, and the store URL says migrate=false; "
            "run `conveyor migrate` first"
        )
    migrate(connection, settings)


def migrate(connection: BoundedConnection, settings: PostgresSettings) -> int:
    """Bring the schema to the present version, in one transaction and under a lock; answer the version it had."""
    schema = settings.schema
    version = 0
    try:
        with connection.transaction():
            # Others may be long at it, or hold the tables: both clocks are stopped.
            connection.limit = math.inf
            connection.execute("SET LOCAL statement_timeout = 0")
            connection.execute(SQL["migrating"].encode(), {"schema": schema})
            version = _version(connection, settings)
            if version < LATEST:
                steps = script(schema, version, exists=_exists(connection, schema))
                connection.execute(steps.encode(), prepare=False)
    except errors.InsufficientPrivilege as error:
        raise _refused(error, connection, settings, version) from error
    finally:
        connection.limit = settings.timeout
    return version


def script(schema: str, version: int, *, exists: bool) -> str:
    """The SQL that leads from a version to the present one."""
    steps = [] if exists else [f'CREATE SCHEMA "{schema}";']
    return "\n".join([*steps, *_steps(schema, version)])


def by_hand(connection: BoundedConnection, schema: str, version: int) -> str:
    """The same as a transaction of its own, for somebody with more rights than this user, whose tables they will be."""
    if version == LATEST:
        return ""
    user = _current_user(connection)
    role = sql.Identifier(user).as_string()
    steps = [
        f'-- Brings schema "{schema}" from version {version} to version {LATEST}. Run it whole, for instance with',
        f"-- psql -v ON_ERROR_STOP=1, as a superuser or a member of the role {role}, which will own it.",
        "BEGIN;",
        "SET LOCAL statement_timeout = 0;",
        f"SELECT pg_advisory_xact_lock(hashtext('{schema}'), hashtext('conveyor'));",
    ]
    if not _exists(connection, schema):
        steps.append(f'CREATE SCHEMA "{schema}" AUTHORIZATION {role};')
    steps += [f"SET LOCAL ROLE {role};", *_steps(schema, version, is_guarded=True), "COMMIT;"]
    return "\n".join(steps)


def _steps(schema: str, version: int, *, is_guarded: bool = False) -> list[str]:
    steps = [f'SET LOCAL search_path = "{schema}", pg_temp;']
    if is_guarded and version:
        # It may have been migrated since this was printed.
        steps.append(
            f"DO $$ BEGIN ASSERT (SELECT version = {version} FROM schema_version), "  # noqa: S608 - a number
            f"'the schema does not have version {version} any more'; END $$;"
        )
    return [*steps, *MIGRATIONS[version:], f"UPDATE schema_version SET version = {LATEST};"]  # noqa: S608 - likewise


def _refused(
    error: errors.InsufficientPrivilege, connection: BoundedConnection, settings: PostgresSettings, version: int
) -> StoreError:
    """What the owner has to do, as there is nothing of ours yet, or there is."""
    user, schema = _current_user(connection), settings.schema
    role = _written(user)
    said = error.diag.message_primary
    if version:
        return StoreError(
            f"user {user} may not bring schema {schema} of {settings.place} from version {version} to {LATEST} "
            f"({said}); let its owner run `conveyor migrate`, or what `conveyor migrate --sql` prints"
        )
    if _exists(connection, schema):
        return StoreError(
            f"user {user} may not make tables in schema {schema} of {settings.place} ({said}); let its owner run: "
            f"GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
        )
    return StoreError(
        f"user {user} may not create schema {schema} in {settings.place} ({said}); let the database's owner run: "
        f"GRANT CREATE ON DATABASE {_written(connection.info.dbname)} TO {role}; or: "
        f"CREATE SCHEMA {schema} AUTHORIZATION {role}; or what `conveyor migrate --sql` prints"
    )


def _written(name: str) -> str:
    """A name as people write it in SQL."""
    return name if _PLAIN.fullmatch(name) else sql.Identifier(name).as_string()


def _current_user(connection: BoundedConnection) -> str:
    row = connection.execute("SELECT current_user::text").fetchone()
    return str(row[0]) if row else connection.info.user


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
    if not isinstance(version, int) or version > LATEST:
        raise SchemaMismatch(
            f"schema {schema} of {settings.place} has version {version}, this conveyor knows versions up to "
            f"{LATEST}: a newer release has been here; upgrade conveyor here as well"
        )
    return version
