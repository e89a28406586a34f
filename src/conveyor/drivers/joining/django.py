"""What lies under Django's connections."""

from __future__ import annotations

from typing import Any

from conveyor.drivers.joining.refusals import no_transaction
from conveyor.errors import InvalidValue


def bare(given: Any) -> object:
    """The driver's connection under `django.db.connection`, or another of `django.db.connections`, inside `atomic()`.

    Raises:
        InvalidValue: it has no transaction.
    """
    if not hasattr(given, "in_atomic_block"):
        raise InvalidValue(f"connection is {given!r}; give Django's connection, such as django.db.connection")
    given.ensure_connection()
    if not given.in_atomic_block and given.get_autocommit():
        raise no_transaction(given, "with transaction.atomic():")
    # After an error inside it, Django lets nothing more happen in a transaction.
    given.validate_no_broken_transaction()
    found: object = given.connection
    return found
